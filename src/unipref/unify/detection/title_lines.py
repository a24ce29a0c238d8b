"""Recognises a table whose first line is a title, so that the names of its columns stand in the first row."""

import re
from collections.abc import Sequence

from unipref.core.records import Row
from unipref.unify.detection.kinds import read_score_text

NO_NAME = re.compile(r"column_\d+|unnamed:? ?\d+", re.IGNORECASE)
"""The names that the readers of tables give to columns without a name."""
MAX_NAME = 40
"""Most characters of the name of a column."""


def find_title_line(rows: Sequence[Row]) -> str | None:
    """Says that the names of the columns stand in the first row, under a title; None if nothing shows it."""
    names = [str(name) for name in rows[0]] if rows else []
    named = [name for name in names if not NO_NAME.fullmatch(name)]
    if len(rows) < 2 or len(names) < 2 or len(named) > 1:
        return None
    first = [value for value in rows[0].values() if value not in (None, "")]
    are_names = all(isinstance(v, str) and len(v) <= MAX_NAME and read_score_text(v) is None for v in first)
    if len(first) < 2 or not are_names or len({*first}) < len(first):
        return None
    if any(row.get(name) == value for row in rows[1:] for name, value in rows[0].items() if value in first):
        return None  # what occurs again is a value
    shown = ", ".join(map(str, first))
    title = f" '{named[0]}'" if named else ""
    return f"the first line{title} seems to be a title, and the row after it the names of the columns ({shown})"
