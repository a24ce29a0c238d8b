"""Batches within a token budget, halved when memory runs out."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from unipref.core.errors import resource_error
from unipref.core.work_progress import report_work

T = TypeVar("T")
R = TypeVar("R")


def run_in_batches(
    items: Sequence[T],
    run: Callable[[Sequence[T]], R],
    most: int,
    size: Callable[[T], int] = lambda item: 0,
    budget: int = 0,
    label: str = "",
) -> Iterator[tuple[Sequence[T], R]]:
    """Runs the items in batches, in order; if a batch runs out of memory, it and all later ones are halved.

    Args:
        items: the items to run, sorted so that neighbours have similar sizes.
        run: runs one batch.
        most: maximum number of items per batch.
        size: number of tokens of an item.
        budget: maximum tokens per batch, each item counted as the largest one; a batch has at least one item.
        label: what runs, to report its progress; empty: nothing is reported.

    Yields:
        The items of a batch, and the result of `run`.

    Raises:
        ResourceError: a single item does not fit in memory.
    """
    import torch

    start = 0
    report_work(label, 0, len(items))
    while start < len(items):
        count, largest = 0, 0
        while count < min(most, len(items) - start):
            largest = max(largest, size(items[start + count]))
            if count and largest * (count + 1) > budget:
                break
            count += 1
        part = items[start : start + count]
        try:
            with torch.inference_mode():
                results = run(part)
        except (MemoryError, RuntimeError) as error:
            if (missing := resource_error(error, "a single sequence")) is None:
                raise
            if len(part) == 1:
                raise missing from error
            most = len(part) // 2
        else:
            start += len(part)
            report_work(label, start, len(items))
            yield part, results
            continue
        # Outside the handler, so that the memory of the failed batch is freed before the retry.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
