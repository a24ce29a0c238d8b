"""The input of one map task: a file, a member of an archive, or a range of one."""

import msgspec

from unipref.sources.limits import DEFAULT, Limits, RowLimit


class Table(msgspec.Struct, frozen=True):
    """Another table whose rows are looked up for the rows of a part.

    Attributes:
        name: the key that gets the looked-up row.
        files: where the table is.
        left, right: path of the id in the part's rows and in the table's; both '' to join by row number.
    """

    name: str
    files: tuple["Part", ...]
    left: str = ""
    right: str = ""


class Part(msgspec.Struct, frozen=True):
    """The input of one map task: a file, a member of a zip, or a range of one.

    Attributes:
        path: the file, absolute.
        origin: the file as it is named in `Preference.origin`: relative to `data_root` with `/`, plus `!member`; as
            the user gave it when it lies elsewhere. A row's origin is `f"{origin}:{row}"`.
        shape: 'jsonl', 'json', 'csv', 'tsv', 'parquet', 'arrow', 'xlsx' or 'lines'; 'zip' only for an archive that
            cannot be opened.
        packing: '', 'gz' or 'zst'.
        member: the name inside a zip.
        start, end: range of bytes (JSON Lines) or of row groups (Parquet); `end` None: to the end.
        first_row: number of the part's first row in its file: of the line for JSON Lines, of the record for Parquet;
            1 for others.
        size: bytes to read, packed where the file is packed.
        sheet: the sheet of a workbook; '' is the first one.
        orient: how a table is stored in each row; '' if the rows are no tables (`oriented_rows`).
        records: path of the list inside each row that holds the real rows; '' to use the rows themselves.
        tables: other tables to be joined to its rows.
        csv: the settings of `CsvSettings` that the study sets, as pairs.
        member_place: the place of the member in the index of the zip, because two can have one name.
        fault: why the file is not read; its one row is a reject with that text. '' for a file that is read.
        limits: how much of it is held or unpacked.
    """

    path: str
    origin: str
    shape: str
    packing: str = ""
    member: str | None = None
    start: int = 0
    end: int | None = None
    first_row: int = 1
    size: int = 0
    sheet: str = ""
    orient: str = ""
    records: str = ""
    tables: tuple[Table, ...] = ()
    csv: tuple[tuple[str, str], ...] = ()
    member_place: int | None = None
    fault: str = ""
    limits: Limits = DEFAULT

    @property
    def row_limit(self) -> RowLimit:
        """The longest row of the file: of an outer row if the rows are inside others."""
        if self.records or self.orient:
            return RowLimit(max(self.limits.row_bytes, self.limits.outer_row_bytes), "outer_row_bytes")
        return RowLimit(self.limits.row_bytes)
