"""Finds the fields that a source's mapping names and its rows lack, such as a column whose name is misspelt.

A misspelt prompt rejects every row. A misspelt score, person or context only leaves something out, so nobody would
notice it.
"""

import difflib
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.core.leaves import iterate_leaves
from unipref.core.records import Reason
from unipref.core.terminal import show_name
from unipref.unify.detection.unread import used_paths
from unipref.unify.map_reduce import ReadRows, ResolvedSource

FIRST_ROWS = 200
"""Number of a source's first rows whose fields are looked at."""
MOST_LEAVES = 10_000
"""Most values of a row whose fields are looked at."""


def find_missing_columns(source: ResolvedSource, read: ReadRows) -> dict[str, str]:
    """Returns the paths of a source's mapping that its first rows lack -> the similar field that they have.

    Args:
        source: the source.
        read: reads the rows of a part.
    """
    rows = chain.from_iterable(map(read, source.parts))
    known: dict[str, None] = {}
    is_empty = True
    for _, row in islice(rows, FIRST_ROWS):
        if isinstance(row, dict):
            is_empty = False
            known |= dict.fromkeys(_names(row))
    if is_empty:
        return {}
    return {
        path: near[0]
        for path in dict.fromkeys(_mapped_paths(source.format))
        if not _is_known(path, known) and (near := difflib.get_close_matches(path, known, n=1))
    }


def _names(row: Mapping[str, Any]) -> Iterator[str]:
    """Yields the names of the fields at any depth, and the whole paths of nested ones."""
    yield from map(str, row)
    for place, _ in islice(iterate_leaves(row), MOST_LEAVES):
        yield place
        yield from place.split(".")


def _mapped_paths(form: Format) -> list[str]:
    """Returns the paths that the settings of a format name; those it was given, not its defaults."""
    settings = form.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return [path for path in used_paths(settings) if "*" not in path and " + " not in path]


def _is_known(path: str, known: Mapping[str, None]) -> bool:
    if path in known:
        return True
    steps = [step for step in path.split(".") if step and not step.lstrip("-").isdigit() and step != "keys()"]
    return all(step in known for step in steps)


def describe_missing_columns(missing: Mapping[str, str]) -> str:
    """Describes the missing fields, with the similar names."""
    named = ", ".join(f"'{show_name(path)}' (did you mean '{show_name(near)}'?)" for path, near in missing.items())
    return f"the first rows have no field {named}"


def refuse_missing_columns(records: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises an error if a source gives no preference because its rows lack fields that its mapping names.

    Args:
        records: as `unify` returns them.

    Raises:
        UserError: names the fields and similar ones.
    """
    for source, record in records.items():
        lacks = record["rejected"].get(Reason.MISSING_FIELD.value, 0)
        missing = record.get("missing_columns", {})
        is_setting = bool(missing) or 0 < lacks == record["rows"]
        if record["preferences"] or not record["rows"] or not is_setting:
            continue
        first = record["examples"].get(f"row.{Reason.MISSING_FIELD.value}", "").rstrip(".")
        why = describe_missing_columns(missing) if missing else first
        raise UserError(
            f"no preference comes from its {record['rows']:,} rows: {why}.",
            where=f"source {source}",
            mend="Correct 'map' of this source, or remove the source. To see how rows are read: unipref inspect FILE",
        )
