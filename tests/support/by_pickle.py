"""An engine in this process that hands functions and items over as one of other processes does: pickled."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any


class ByPickle:
    """Records the number of items of each call that has any."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any], *, label: str) -> Iterator[Any]:
        """Yields `fn` of each item."""
        yield from self.stream(fn, iter(items), label=label)

    def stream(self, fn: Callable[[Any], Any], items: Iterator[Any], *, label: str) -> Iterator[Any]:
        """Yields `fn` of each item, each before the next is taken."""
        assert label
        for number, item in enumerate(items):
            self.calls = [*self.calls, 1] if number == 0 else [*self.calls[:-1], number + 1]
            called, given = pickle.loads(pickle.dumps((fn, item)))
            yield pickle.loads(pickle.dumps(called(given)))
