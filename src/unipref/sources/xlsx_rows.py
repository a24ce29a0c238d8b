"""XLSX workbooks: one sheet -> numbered rows; the first row is the header."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from unipref.core.display import shorten
from unipref.core.errors import raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.core.terminal import show_name
from unipref.sources.compressed import Broken, seekable
from unipref.sources.csv_rows import column_names
from unipref.sources.json_rows import Numbered
from unipref.sources.reading_notes import note_row
from unipref.sources.spreadsheet_errors import note_errors
from unipref.sources.xlsx_bounds import check_workbook

if TYPE_CHECKING:
    from unipref.sources.part import Part
    from unipref.sources.xlsx_cells import Cell

MAX_NAME = 40
MEND = "Open it in a spreadsheet program and save it again as .xlsx."


def read_sheet(part: "Part") -> Iterator[Numbered]:
    """Yields the records of a sheet, by column, without header and empty rows; each has its number in the sheet.

    Cells keep their types: text, numbers, booleans; dates become ISO 8601 text, empty cells None. A formula has
    the value that was saved with it; a text from one is an `UnusableText`, and so is an error. Rows are streamed;
    openpyxl holds the texts of the workbook in memory.

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
                yield from _records(sheet)
            finally:
                book.close()
    except Broken:
        raise
    except Exception as error:
        raise_if_resource(error, part.origin)
        # openpyxl passes on all errors of zip, XML and its own parser; each means that the file is damaged.
        raise Broken(f"the workbook is damaged ({type(error).__name__}: {error}). {MEND}") from error


def _records(sheet: Any) -> Iterator[Numbered]:
    from unipref.sources.xlsx_cells import stored_rows

    header: list[str] | None = None
    row = 0
    for number, cells, has_repeats in stored_rows(sheet):
        used = [column for column, cell in cells.items() if cell.value is not None]
        if not used:
            continue
        is_lower, row = number <= row, max(number, row + 1)
        if header is None:
            header = column_names([_header_cell(cells.get(column)) for column in range(1, max(used) + 1)])
            continue
        if is_lower:
            note_row("its number in the sheet is not above that of the row before it, so it gets the next one")
        if has_repeats:
            note_row("it has two cells in one column of the sheet; the last one is read")
        yield row, _record(header, cells, max(used))


def _header_cell(cell: "Cell | None") -> str:
    return "" if cell is None or cell.value is None else str(cell.value)


def _record(header: list[str], cells: "dict[int, Cell]", width: int) -> Row | Reject:
    if width > len(header):
        return Reject(Reason.WRONG_TYPE, f"the row has {width} cells, the header {len(header)}.")
    record: Row = dict.fromkeys(header)
    for column, cell in cells.items():
        if column > len(header):
            continue
        name = header[column - 1]
        record[name] = cell.value
        if cell.is_formula:
            note_row(f"'{show_name(shorten(name, MAX_NAME))}' comes from a formula; the value saved with it is read")
    note_errors(record, (name for name, value in record.items() if type(value) is str))
    return record
