"""The keys that a path with dots leads through: names of columns can have dots themselves."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


def take_key(value: Mapping[str, Any], parts: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """Returns the key of a mapping with which a path begins, and the rest of the path; None if there is none.

    The key is the first part of the path; or, if that is not a key, as many parts as possible joined with dots, as in a
    table whose columns are named `attributes.input.value`. If several keys fit, it is the first in this order with the
    rest of the path inside it.

    Args:
        value: the mapping.
        parts: the path, split at its dots; not empty.
    """
    fitting = [(key, parts[n:]) for n in (1, *range(len(parts), 1, -1)) if (key := ".".join(parts[:n])) in value]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    return next((one for one in fitting if has_path(value[one[0]], one[1])), fitting[0])


def has_path(value: Any, parts: Sequence[str]) -> bool:
    """Whether a path leads on inside a value; what follows a `*` is not looked at."""
    if not parts or (parts[0] == "*" and isinstance(value, list | Mapping)):
        return True
    if isinstance(value, list) and re.fullmatch(r"-?\d+", parts[0]):
        return -len(value) <= int(parts[0]) < len(value) and has_path(value[int(parts[0])], parts[1:])
    key_and_rest = take_key(value, parts) if isinstance(value, Mapping) else None
    return key_and_rest is not None and has_path(value[key_and_rest[0]], key_and_rest[1])
