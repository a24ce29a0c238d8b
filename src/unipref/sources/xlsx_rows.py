"""XLSX workbooks: one sheet -> numbered rows; the first row is the header."""

import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from unipref.core.errors import raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken, seekable
from unipref.sources.csv_rows import column_names
from unipref.sources.json_rows import Numbered
from unipref.sources.json_values import plain
from unipref.sources.xlsx_bounds import check_workbook

if TYPE_CHECKING:
    from unipref.sources.part import Part

NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SHEET_LIST = "xl/workbook.xml"
MEND = "Open it in a spreadsheet program and save it again as .xlsx."


def read_sheet(part: "Part") -> Iterator[Numbered]:
    """Yields the records of a sheet, by column; numbered from 1, without header and empty rows.

    Cells keep their types: text, numbers, booleans; dates become ISO 8601 text, empty cells None. A formula has
    the value that was saved with it. Rows are streamed; openpyxl holds the texts of the workbook in memory.

    Raises:
        Broken: not a workbook, or a truncated one, after every row before that place.
    """
    import openpyxl

    try:
        with seekable(part) as file:
            check_workbook(file, part)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                sheet = book[part.sheet] if part.sheet else book.worksheets[0]
                # The size that a sheet states may be wrong; openpyxl would leave out all rows and cells beyond it.
                sheet.reset_dimensions()
                yield from _records(sheet.iter_rows(values_only=True))
            finally:
                book.close()
    except Broken:
        raise
    except Exception as error:
        raise_if_resource(error, part.origin)
        # openpyxl passes on all errors of zip, XML and its own parser; each means that the file is damaged.
        raise Broken(f"the workbook is damaged ({type(error).__name__}: {error}). {MEND}") from error


def _records(rows: Iterator[tuple[Any, ...]]) -> Iterator[Numbered]:
    header: list[str] | None = None
    row = 0
    before: tuple[Any, ...] | None = None
    for cells in rows:
        if cells is before:
            # openpyxl yields one and the same empty row for all that a workbook does not store.
            continue
        before = cells
        values = _trim(cells)
        if not values:
            continue
        if header is None:
            header = column_names(["" if value is None else str(plain(value)) for value in values])
            continue
        row += 1
        yield row, _record(header, values)


def _trim(cells: tuple[Any, ...]) -> list[Any]:
    """A row without the empty cells at its end, which not every workbook stores."""
    end = len(cells)
    while end and cells[end - 1] is None:
        end -= 1
    return list(cells[:end])


def _record(header: list[str], values: list[Any]) -> Row | Reject:
    if len(values) > len(header):
        return Reject(Reason.WRONG_TYPE, f"the row has {len(values)} cells, the header {len(header)}.")
    values += [None] * (len(header) - len(values))
    return {name: plain(value) for name, value in zip(header, values, strict=True)}


def sheet_names(part: "Part") -> list[str] | None:
    """The names of a workbook's sheets, without reading its cells; None if the workbook cannot be opened."""
    try:
        with seekable(part) as file, zipfile.ZipFile(file) as archive:
            if archive.getinfo(SHEET_LIST).file_size > part.limits.row_bytes:
                return None
            tree = ElementTree.fromstring(archive.read(SHEET_LIST))
    except (Broken, OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise_if_resource(error, part.origin)
        return None
    return [str(sheet.get("name")) for sheet in tree.iter(f"{NAMESPACE}sheet")]
