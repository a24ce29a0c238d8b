"""Makes Python look for unreachable circles of objects less often, where many objects are made and held."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""New objects after which Python looks for circles; by default 700."""


@contextmanager
def collect_rarely() -> Iterator[None]:
    """Within the context, the search for circles of objects takes little time. All other memory is freed as always."""
    usual = gc.get_threshold()
    gc.set_threshold(max(NEW_OBJECTS, usual[0]) if usual[0] else 0, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
