"""The fields that an entry does not read and of which no doubt speaks: ids, times and the like."""

from collections.abc import Iterable, Sequence
from typing import Any

from unipref.core.terminal import show_name
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.unread import is_used, used_paths

MAX_IGNORED = 20
"""Most fields to name."""


def list_ignored(columns: Columns, mapping: dict[str, Any], doubts: Iterable[str]) -> list[str]:
    """Lists the filled fields that a mapping does not read and no doubt names."""
    filters = [f"{path}.*.{inner}" for path, where in mapping.get("where_items", {}).items() for inner in where]
    used, doubted = {*used_paths(mapping), *filters, *mapping.get("where", {})}, "\n".join(doubts)
    # The turns of a dialogue are read as a whole: fields of turns that are not are in the notes.
    dialogues = {column.path for column in columns.of_kind("turns")}
    lists = {path.split(".*")[0] for path in used if ".*" in path} - dialogues
    inside = [(column, path) for column, path, _ in columns.inside if path.split(".*")[0] in lists]
    fields = [*((column, column.path) for column in columns.all), *inside]
    named = (path for column, path in fields if column.kind != "empty" and f"'{path}'" not in doubted)
    return [path for path in named if not is_used(path, used) and not any(one.startswith(f"{path}.") for one in used)]


def describe_ignored(ignored: Sequence[str]) -> list[str]:
    """Names fields that are not read, if any."""
    if not ignored:
        return []
    more = f" and {len(ignored) - MAX_IGNORED} more" if len(ignored) > MAX_IGNORED else ""
    return [f"not read: {', '.join(map(show_name, ignored[:MAX_IGNORED]))}{more}"]
