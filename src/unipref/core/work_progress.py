"""Progress of long work inside a library function: whoever shows progress sets the receiver around the call.

So functions that ask a model need no argument for it, and the caller decides where progress is shown, if at all.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

Receiver = Callable[[str, int, int], None]
"""Called with (what runs, units done, units in all)."""

_RECEIVER: contextvars.ContextVar[Receiver | None] = contextvars.ContextVar("receiver", default=None)


@contextlib.contextmanager
def show_work(receiver: Receiver | None) -> Iterator[None]:
    """Reports all work within the context to `receiver`; None: to nobody."""
    token = _RECEIVER.set(receiver)
    try:
        yield
    finally:
        _RECEIVER.reset(token)


def report_work(label: str, done: int, total: int) -> None:
    """Reports that `done` of `total` units of the work `label` are finished; call it with 0 when the work begins.

    Work without a label or without units is not reported.
    """
    receiver = _RECEIVER.get()
    if receiver and label and total:
        receiver(label, done, total)
