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
    used, doubted = set(used_paths(mapping)), "\n".join(doubts)
    named = (column.path for column in columns.all if column.kind != "empty" and f"'{column.path}'" not in doubted)
    return [path for path in named if not is_used(path, used) and not any(one.startswith(f"{path}.") for one in used)]


def describe_ignored(ignored: Sequence[str]) -> list[str]:
    """Names fields that are not read, if any."""
    if not ignored:
        return []
    more = f" and {len(ignored) - MAX_IGNORED} more" if len(ignored) > MAX_IGNORED else ""
    return [f"not read: {', '.join(map(show_name, ignored[:MAX_IGNORED]))}{more}"]
