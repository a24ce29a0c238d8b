"""Engines that apply functions to items. The engine decides in which process a function runs.

Results do not depend on the engine. `local` runs the functions in one or several processes of this machine, `ray`
on the machines of a Ray cluster.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from unipref.core.errors import UserError, near_name
from unipref.core.workers.buckets import BucketWriter, read_bucket
from unipref.core.workers.cluster import RayCluster
from unipref.core.workers.local import Local

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Applies a function to items. A context manager: when the context raises, nothing that it started goes on."""

    def __enter__(self) -> Self:
        """Returns the engine."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Frees what the engine holds; after an error, ends running work at once."""
        ...

    def map(self, fn: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """Yields `fn` of each item, in the order of the items.

        Args:
            fn: a pure function that can be imported by its module's name.
            items: arguments of `fn`; picklable, small.
            label: name of the work.
        """
        ...

    def stream(self, fn: Callable[[Item], Result], items: Iterator[Item], *, label: str) -> Iterator[Result]:
        """Yields `fn` of each item, as `map`, for items whose number is unknown.

        Only those are taken from the iterator that run, or wait for the next result.
        """
        ...

    def share(self, folder: Path) -> None:
        """States that the functions pass files to each other in a folder; an engine refuses processes without it."""
        ...

    def close(self) -> None:
        """Frees what the engine holds."""
        ...


def make_engine(
    name: str,
    workers: int | None = None,
    size: int | None = None,
    where: str = "engine",
    address: str | None = None,
) -> Engine:
    """Creates the engine of that name.

    Args:
        name: as in the study file.
        workers: number of processes; None: one per free core, or one for small work.
        size: total bytes to read, if known.
        where: the setting's place in the study file, for errors.
        address: of a Ray cluster; None: one is started on this machine.

    Raises:
        UserError: the name is unknown, or the engine's package is missing.
    """
    if name == "ray":
        return RayCluster(address, workers)
    if name == "local":
        return Local(workers, size, is_worker=True)
    raise UserError(f"unknown engine '{name}'.", where=where, mend=near_name(name, ["local", "ray"]))


__all__ = ["BucketWriter", "Engine", "Local", "RayCluster", "make_engine", "read_bucket"]
