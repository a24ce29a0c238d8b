"""Batches that fit: as many items as a budget allows, halved when memory runs out."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from unipref.core.errors import UserError

T = TypeVar("T")
R = TypeVar("R")


def in_batches(
    items: Sequence[T],
    run: Callable[[Sequence[T]], R],
    most: int,
    size: Callable[[T], int] = lambda item: 0,
    budget: int = 0,
) -> Iterator[tuple[Sequence[T], R]]:
    """Runs the items in batches, in their order; a batch that runs out of memory is halved, and so are later ones.

    Args:
        items: what is run; a batch's items should be of about one size.
        run: does one batch.
        most: most items of a batch.
        size: tokens of an item.
        budget: most tokens of a batch, each item counted as the largest one; a batch has one item at least.

    Yields:
        The items of a batch, and what `run` made of them.

    Raises:
        UserError: one item alone does not fit in memory.
    """
    import torch

    start = 0
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
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            if len(part) == 1:
                raise UserError(
                    "the memory does not suffice for a single sequence.",
                    mend="Use a smaller model or a device with more memory.",
                ) from error
            most = len(part) // 2
        else:
            yield part, results
            start += len(part)
            continue
        # Outside the handler: what the failed batch still holds is let go before it is tried again.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
