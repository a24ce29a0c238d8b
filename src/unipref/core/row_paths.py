"""The keys that a path with dots leads through: names of columns can have dots themselves."""

from collections.abc import Mapping, Sequence
from typing import Any


def take_key(value: Mapping[str, Any], parts: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """Returns the key of a mapping with which a path begins, and the rest of the path; None if there is none.

    The key is the first part of the path; or, if that is not a key, as many parts as possible joined with dots, as in a
    table whose columns are named `attributes.input.value`.

    Args:
        value: the mapping.
        parts: the path, split at its dots; not empty.
    """
    if parts[0] in value:
        return parts[0], parts[1:]
    for length in range(len(parts), 1, -1):
        if (key := ".".join(parts[:length])) in value:
            return key, parts[length:]
    return None
