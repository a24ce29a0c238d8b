"""Applies functions to items on this machine: in this process, or in several with bounded memory."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from unipref.core.errors import ResourceError, UserError, raise_if_resource
from unipref.core.terminal import guard_libraries
from unipref.core.workers.pool import Pool

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress = Callable[[str, int, int], None]
"""Called with a label, the number of finished items and of all items."""

SMALL_BYTES = 16 << 20
"""Below this size, starting processes takes longer than the work."""

AHEAD = 2
"""Items per worker that may be running, or finished and waiting to be read."""


class Local:
    """Runs functions over items in processes of this machine; the results come in the order of the items.

    Processes start when first needed, by `spawn`: a fork copies the locks of torch's and Arrow's threads but not the
    threads. They live until `close`, and no longer than this process.

    Args:
        workers: number of processes; None: one per free core, or only this process for small work.
        size: total bytes to read; None: unknown, treated as large.
        on_progress: called with the work's label, the number of finished items and of all items.
        is_worker: whether this process is one of the workers, and runs items itself.
    """

    def __init__(
        self,
        workers: int | None = None,
        size: int | None = None,
        on_progress: Progress | None = None,
        is_worker: bool = False,
    ) -> None:
        if workers is not None and workers < 1:
            raise UserError(f"expected 1 or more workers, found {workers}.", where="workers", mend="Give 1 or more.")
        if workers is None:
            workers = 1 if size is not None and size < SMALL_BYTES else count_free_cores()
        self.workers, self._on_progress, self._is_worker = workers, on_progress, is_worker
        self._pool: Pool | None = None

    def map(self, fn: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """Yields `fn` of each item, in order; at most a few items run ahead of the next result.

        Args:
            fn: a function of a module (or a `functools.partial` of one), so that other processes can import it.
            items: arguments of `fn`; picklable.
            label: name of the work, for progress and errors.

        Raises:
            UserError: `fn` raised it, a resource of this machine is missing, or a worker process died.
        """
        workers = min(self.workers, len(items))
        results = (fn(item) for item in items) if workers <= 1 else self._in_processes(fn, items, workers, label)
        for done in range(1, len(items) + 1):
            try:
                result = next(results)
            except Exception as error:
                raise_if_resource(error, label)
                raise
            if self._on_progress is not None:
                self._on_progress(label, done, len(items))
            yield result

    def stream(self, fn: Callable[[Item], Result], items: Iterator[Item], *, label: str) -> Iterator[Result]:
        """Yields `fn` of each item, as `map`, for items whose number is unknown: some items, then the next ones."""
        while group := list(itertools.islice(items, self.workers * AHEAD if self.workers > 1 else 1)):
            yield from self.map(fn, group, label=label)

    def _in_processes(
        self, fn: Callable[[Item], Result], items: Sequence[Item], workers: int, label: str
    ) -> Iterator[Result]:
        n_processes = self.workers - self._is_worker
        if self._pool is None:
            self._pool = Pool(n_processes, _use_one_thread)
        running: deque[Future[Result]] = deque()
        waiting = iter(items)
        n_left, n_done = len(items), 0
        try:
            while n_done < len(items):
                while n_left and len(running) < workers * AHEAD:
                    # This process works too, and cannot hand over an item meanwhile: one waits for each other process.
                    if self._is_worker and sum(not one.done() for one in running) >= 2 * n_processes:
                        break
                    running.append(self._pool.submit(_apply, fn, next(waiting)))
                    n_left -= 1
                if self._is_worker and n_left and len(running) < workers * AHEAD and not running[0].done():
                    running.append(_call_here(fn, next(waiting)))
                    n_left -= 1
                    continue
                result = running.popleft().result()
                n_done += 1
                yield result
        except BrokenProcessPool as error:  # by submit as well as by result: a worker may die between the two
            self.kill()
            raise ResourceError(
                f"a worker process died at item {n_done + 1} of {len(items)}, most likely because memory ran out.",
                where=label,
                mend="Use fewer workers, or a machine with more memory.",
            ) from error
        finally:
            for future in running:
                future.cancel()

    def share(self, folder: Path) -> None:
        """Does nothing: all processes of this machine see its folders."""

    def close(self) -> None:
        """Ends the worker processes, after the items that they are at."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def kill(self) -> None:
        """Ends the worker processes at once: nobody waits for their results."""
        if self._pool is not None:
            self._pool.kill()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close() if kind is None else self.kill()


def count_usable_cores() -> int:
    """Returns the number of cores this process may use, busy or not."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_free_cores() -> int:
    """Returns the number of cores this process may use that are not busy now; at least one."""
    cores = count_usable_cores()
    free = cores - os.getloadavg()[0] if hasattr(os, "getloadavg") else cores
    return max(1, min(cores, round(free)))


def _use_one_thread() -> None:
    """Limits a worker to one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    guard_libraries()


def _call_here(fn: Callable[[Item], Result], item: Item) -> "Future[Result]":
    """Calls `fn` in this process. Its error comes in the order of the items, as those of other processes do."""
    future: Future[Result] = Future()
    try:
        future.set_result(fn(item))
    except Exception as error:
        future.set_exception(error)
    return future


def _apply(fn: Callable[[Item], Result], item: Item) -> Result:
    """Calls `fn` in a worker. Errors of libraries about a missing resource cannot always be sent to another process."""
    try:
        return fn(item)
    except Exception as error:
        raise_if_resource(error)
        raise
