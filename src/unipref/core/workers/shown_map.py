"""Reports the items that an engine has finished, with the rows in them if those are counted."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from unipref.core.work_progress import RowCount, Unit, report_work
from unipref.core.workers import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_shown(
    engine: Engine,
    fn: Callable[[Item], Result],
    items: Sequence[Item],
    label: str,
    unit: Unit,
    count_rows: Callable[[Result], int] | None = None,
) -> Iterator[Result]:
    """Yields `fn` of each item as `engine.map` does, and reports the finished items.

    Args:
        engine: applies the function; it reports nothing itself.
        fn: a function that the engine can run.
        items: arguments of `fn`.
        label: name of the work.
        unit: what an item is.
        count_rows: gives the number of rows of a result; None: rows are not counted.
    """
    report_work(label, 0, len(items), unit, None if count_rows is None else 0)
    rows = 0
    for done, result in enumerate(engine.map(fn, items, label=label), 1):
        if count_rows is not None:
            rows += count_rows(result)
        report_work(label, done, len(items), unit, None if count_rows is None else rows)
        yield result


def map_rows_shown(
    engine: Engine,
    fn: Callable[[Item], Result],
    items: Sequence[Item],
    label: str,
    n_rows: int,
    count_rows: Callable[[Result], int],
) -> Iterator[Result]:
    """Yields as `map_shown`, and reports the rows of the finished items.

    Args:
        engine: as there.
        fn: as there.
        items: as there.
        label: as there.
        n_rows: number of rows of all items.
        count_rows: gives the number of rows of a result.
    """
    count = RowCount(label, n_rows)
    for result in engine.map(fn, items, label=label):
        count.add(count_rows(result))
        yield result
