"""Where row work runs. The stages give functions and items; an engine alone knows in which process they meet.

The same functions give the same result on every engine: `local` runs them in one or several processes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from unipref.core.errors import UserError, near_name
from unipref.core.workers.buckets import BucketWriter, read_bucket
from unipref.core.workers.local import Local, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs a function over items."""

    def map(self, fn: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """`fn` of each item, in the order of the items.

        Args:
            fn: a pure function that can be imported by its module's name.
            items: what to work on; picklable, small.
            label: what the work is called.
        """
        ...

    def close(self) -> None:
        """Gives back what the engine holds."""
        ...


def make_engine(
    name: str,
    workers: int | None = None,
    size: int | None = None,
    on_progress: Progress | None = None,
    where: str = "engine",
) -> Engine:
    """The engine of that name.

    Args:
        name: as in the study file.
        workers: how many processes; None: as many as cores are free, one for small work.
        size: bytes to be read in all, where that is known.
        on_progress: called with the work's label, how many items are done and how many there are.
        where: the setting's place in the study file, for errors.

    Raises:
        UserError: there is none of that name.
    """
    if name == "local":
        return Local(workers, size, on_progress)
    raise UserError(f"there is no engine '{name}'.", where=where, mend=near_name(name, ["local"]))


__all__ = ["BucketWriter", "Engine", "Local", "make_engine", "read_bucket"]
