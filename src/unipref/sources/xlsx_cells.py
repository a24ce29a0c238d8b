"""The cells of a sheet with the formulas behind their values: openpyxl returns either the one or the other.

A formula's number, date or boolean is used as it was saved. A text from a formula is not what somebody wrote: an
answer that begins with `=` becomes a formula too, and its saved value is an error. So it is an `UnusableText`, like
each error.
"""

from collections.abc import Iterator
from typing import Any

from openpyxl.utils.cell import range_boundaries
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from unipref.core.display import shorten
from unipref.core.terminal import show_name
from unipref.core.unusable_text import UnusableText
from unipref.sources.json_values import plain

MEND = "In the spreadsheet program, replace the formula by its value, or write ' before the =, and save the file again"
MAX_SHOWN = 60
MAX_AREAS = 64
"""Most areas that formulas fill which are told apart; beyond that, those of neighbouring formulas count as one."""

Area = tuple[int, int, int, int]
"""First column, first row, last column and last row."""


class Cell:
    """The value of one cell: `value` as JSON, and whether a formula gave it."""

    __slots__ = ("is_formula", "value")

    def __init__(self, value: Any, is_formula: bool = False) -> None:
        self.value, self.is_formula = value, is_formula


class _Parser(WorkSheetParser):  # type: ignore[misc]
    """Adds the formula of each cell, and `spilled` for one that the formula of another cell fills."""

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        self._areas: list[Area] = []

    def parse_cell(self, element: Any) -> dict[str, Any]:
        """Returns what openpyxl reads from a cell, with its formula."""
        formula = element.find(FORMULA_TAG)
        cell: dict[str, Any] = super().parse_cell(element)
        if formula is not None:
            cell["formula"] = formula.text or ""
            self._add_area(formula.get("ref") if formula.get("t") == "array" else None)
        elif self._areas and self._is_filled(cell["row"], cell["column"]):
            cell["formula"] = ""
        return cell

    def _add_area(self, reference: str | None) -> None:
        if reference and ":" in reference:
            try:
                left, top, right, bottom = range_boundaries(reference)
            except ValueError:
                return
            self._areas.append((left or 1, top or 1, right or 1 << 14, bottom or 1 << 20))
        if len(self._areas) > MAX_AREAS:
            lefts, tops, rights, bottoms = zip(*self._areas, strict=True)
            self._areas = [(min(lefts), min(tops), max(rights), max(bottoms))]

    def _is_filled(self, row: int, column: int) -> bool:
        if self._areas[0][3] < row:
            self._areas = [area for area in self._areas if area[3] >= row]
        return any(left <= column <= right and top <= row <= bottom for left, top, right, bottom in self._areas)


def stored_rows(sheet: Any) -> Iterator[tuple[int, dict[int, Cell], bool]]:
    """Yields the rows that a sheet stores, with their numbers and their cells by column, both from 1.

    Yields:
        The number, the cells, and whether a column occurs in the row twice; the last cell counts.
    """
    book = sheet.parent
    with sheet._get_source() as xml:
        parser = _Parser(
            xml,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, cells in parser.parse():
            by_column = {cell["column"]: _make_cell(cell) for cell in cells}
            yield number, by_column, len(by_column) < len(cells)


def _make_cell(cell: dict[str, Any]) -> Cell:
    value, formula = cell["value"], cell.get("formula")
    if cell["data_type"] == "e":
        return Cell(UnusableText(_formula_text(formula) or str(value), _describe_error(str(value), formula)))
    if formula is None:
        return Cell(plain(value))
    if value is None and cell["data_type"] == "str":
        return Cell(None)  # the formula gave an empty text
    if value is None or isinstance(value, str):
        return Cell(UnusableText(_formula_text(formula), _describe_formula(value, formula)))
    return Cell(plain(value), is_formula=True)


def _formula_text(formula: str | None) -> str:
    return "" if formula is None else f"={formula}"


def _describe_formula(value: str | None, formula: str) -> str:
    saved = "has no saved value" if value is None else f"gave {_show(value)}"
    which = f"the formula {_show(_formula_text(formula))}" if formula else "a formula"
    return f"the text of the cell comes from {which}, which {saved}. {MEND}"


def _describe_error(value: str, formula: str | None) -> str:
    cause = f" of the formula {_show(_formula_text(formula))}" if formula else ""
    return f"the cell holds the error {_show(value)}{cause}, not a value. {MEND}"


def _show(text: str) -> str:
    return f"'{show_name(shorten(text, MAX_SHOWN))}'"
