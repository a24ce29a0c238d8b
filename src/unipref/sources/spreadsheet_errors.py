"""Cells whose text is an error of a spreadsheet program, as a table has them that was saved with formulas in it."""

from collections.abc import Iterable, Mapping
from typing import Any

from unipref.core.display import shorten
from unipref.core.terminal import show_name
from unipref.sources.reading_notes import note_row

ERRORS = frozenset(
    {
        *("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NULL!", "#N/A", "#ERROR!", "#SPILL!", "#CALC!"),
        *("#FIELD!", "#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!", "Err:508", "Err:509", "Err:502", "Err:504"),
    }
)
"""What Excel, LibreOffice and Google Sheets show in place of a value."""
MAX_NAME = 40


def note_errors(row: Mapping[str, Any], columns: Iterable[str] | None = None) -> None:
    """Notes the cells of a row whose whole text is such an error: an answer that begins with = may have become one."""
    for name in row if columns is None else columns:
        if row[name] in ERRORS:
            shown = show_name(shorten(name, MAX_NAME))
            note_row(
                f"'{shown}' is '{row[name]}', as spreadsheet programs show a formula that failed; it is read as text"
            )
