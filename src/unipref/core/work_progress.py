"""Progress of long work inside a library function: whoever shows progress sets the receiver around the call.

So functions that read or ask a model need no argument for it, and the caller decides where progress is shown, if at
all. Work is reported per batch, never per row.
"""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol, TypeVar

Item = TypeVar("Item")

Unit = Literal["rows", "texts", "parts", "buckets", "files", "steps"]
"""What work is counted in. Parts are those of the files that unify reads. Whatever has no name of its own is a step."""


class Receiver(Protocol):
    """Is told what runs, how many units are done and in all, their name, and the rows of them if those are counted."""

    def __call__(
        self, label: str, done: int, total: int | None, /, *, unit: Unit = "steps", rows: int | None = None
    ) -> None:
        """Arguments as of `report_work`."""


ITEMS_PER_REPORT = 256

_RECEIVER: contextvars.ContextVar[Receiver | None] = contextvars.ContextVar("receiver", default=None)


@contextlib.contextmanager
def show_work(receiver: Receiver | None) -> Iterator[None]:
    """Reports all work within the context to `receiver`; None: to nobody."""
    token = _RECEIVER.set(receiver)
    try:
        yield
    finally:
        _RECEIVER.reset(token)


def report_work(label: str, done: int, total: int | None, unit: Unit = "steps", rows: int | None = None) -> None:
    """Reports that `done` of `total` units of the work `label` are finished; call it with 0 when the work begins.

    Work without a label or without units is not reported.

    Args:
        label: what runs.
        done: number of finished units.
        total: number of all units; None: it is not known.
        unit: what is counted.
        rows: number of rows in the finished units, where the unit is another one and rows are counted.
    """
    receiver = _RECEIVER.get()
    if receiver and label and total != 0:
        receiver(label, done, total, unit=unit, rows=rows)


@contextlib.contextmanager
def show_phase(label: str) -> Iterator[None]:
    """Reports work that cannot be counted as one step; what shows it can tell how long it takes so far."""
    report_work(label, 0, 1)
    yield
    report_work(label, 1, 1)


def show_items(items: Sequence[Item], label: str, unit: Unit = "steps") -> Iterator[Item]:
    """Yields the items, and reports each as finished when the next one is asked for."""
    report_work(label, 0, len(items), unit)
    for done, item in enumerate(items, 1):
        yield item
        report_work(label, done, len(items), unit)


def show_batches(batches: Iterable[list[Item]], total: int, label: str, unit: Unit = "rows") -> Iterator[list[Item]]:
    """Yields lists of items, and reports the items of each as finished when the next one is asked for."""
    done = 0
    report_work(label, 0, total, unit)
    for batch in batches:
        yield batch
        done += len(batch)
        report_work(label, done, total, unit)


def show_starts(total: int, at_once: int, label: str, unit: Unit = "rows") -> Iterator[int]:
    """Yields 0, `at_once`, 2 `at_once` ... below `total`, and reports the units before each as finished."""
    for start in range(0, total, at_once):
        report_work(label, start, total, unit)
        yield start
    report_work(label, total, total, unit)


def show_every(items: Iterable[Item], total: int, label: str, unit: Unit = "steps") -> Iterator[Item]:
    """Yields many items, each of little work, and reports each `ITEMS_PER_REPORT` of them."""
    report_work(label, 0, total, unit)
    for done, item in enumerate(items):
        if done and done % ITEMS_PER_REPORT == 0:
            report_work(label, done, total, unit)
        yield item
    report_work(label, total, total, unit)


class RowCount:
    """Reports rows that are read or written in several loops as one work.

    Args:
        label: what runs.
        total: number of all rows.
    """

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        report_work(label, 0, total, "rows")

    def add(self, rows: int) -> None:
        """Reports that further rows are finished."""
        self._done += rows
        report_work(self._label, self._done, self._total, "rows")
