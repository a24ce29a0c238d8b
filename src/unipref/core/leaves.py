"""The values inside nested settings, with their places."""

from collections.abc import Iterator, Mapping
from typing import Any


def iterate_leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yields place and value of all that is neither a mapping nor a list, in order.

    Args:
        value: settings, or one value.
        place: the place of `value`, such as `sources.0.map`; empty for the whole settings.
    """
    if not isinstance(value, Mapping | list):
        yield place, value
        return
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        name = "null" if key is None else str(key)
        yield from iterate_leaves(inner, f"{place}.{name}" if place else name)
