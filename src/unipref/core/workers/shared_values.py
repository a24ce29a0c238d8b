"""Values that many tasks need and that are too large to send with each: a file, read once by each process."""

import contextlib
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class SharedValue(NamedTuple):
    """Stands for a value in the arguments of tasks.

    Attributes:
        path: of its file, with a name that no other value has.
    """

    path: str


_known: dict[SharedValue, Any] = {}
"""The last value that this process used."""


@contextlib.contextmanager
def share_value(value: Any, folder: Path) -> Iterator[SharedValue]:
    """Shares a value with the tasks of an engine within the context.

    Args:
        value: picklable; tasks do not change it.
        folder: that all processes see; nothing is left there.
    """
    path = folder.resolve() / f".shared-{uuid.uuid4().hex}.pickle"
    shared = SharedValue(str(path))
    try:
        with path.open("wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        _keep(shared, value)  # tasks in this process need no copy
        yield shared
    finally:
        _known.pop(shared, None)
        path.unlink(missing_ok=True)


def get_value(shared: SharedValue) -> Any:
    """Returns a shared value; the process keeps it until it needs another one."""
    if shared not in _known:
        with open(shared.path, "rb") as file:
            _keep(shared, pickle.load(file))
    return _known[shared]


def _keep(shared: SharedValue, value: Any) -> None:
    _known.clear()
    _known[shared] = value
