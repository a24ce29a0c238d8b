"""Applies functions to items on this machine: in this process, or in several with bounded memory."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from types import ModuleType, TracebackType
from typing import TypeVar

from unipref.core.errors import UserError, raise_if_resource

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
    threads. They live until `close`.

    Args:
        workers: number of processes; None: one per free core, or only this process for small work.
        size: total bytes to read; None: unknown, treated as large.
        on_progress: called with the work's label, the number of finished items and of all items.
    """

    def __init__(
        self, workers: int | None = None, size: int | None = None, on_progress: Progress | None = None
    ) -> None:
        if workers is not None and workers < 1:
            raise UserError(f"expected 1 or more workers, found {workers}.", where="workers", mend="Give 1 or more.")
        if workers is None:
            workers = 1 if size is not None and size < SMALL_BYTES else count_free_cores()
        self.workers, self._on_progress = workers, on_progress
        self._pool: ProcessPoolExecutor | None = None

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

    def _in_processes(
        self, fn: Callable[[Item], Result], items: Sequence[Item], workers: int, label: str
    ) -> Iterator[Result]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"), initializer=_start_worker)
        running: deque[Future[Result]] = deque()
        n_submitted = n_done = 0
        try:
            while n_done < len(items):
                while n_submitted < len(items) and len(running) < workers * AHEAD:
                    with _main_not_imported(fn):
                        running.append(self._pool.submit(fn, items[n_submitted]))
                    n_submitted += 1
                result = running.popleft().result()
                n_done += 1
                yield result
        except BrokenProcessPool as error:  # by submit as well as by result: a worker may die between the two
            self.close()
            raise UserError(
                f"a worker process died at item {n_done + 1} of {len(items)}, most likely because memory ran out.",
                where=label,
                mend="Use fewer workers, or a machine with more memory.",
            ) from error
        finally:
            for future in running:
                future.cancel()

    def close(self) -> None:
        """Ends the worker processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> "Local":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def count_usable_cores() -> int:
    """Returns the number of cores this process may use, busy or not."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_free_cores() -> int:
    """Returns the number of cores this process may use that are not busy now; at least one."""
    cores = count_usable_cores()
    free = cores - os.getloadavg()[0] if hasattr(os, "getloadavg") else cores
    return max(1, min(cores, round(free)))


def _start_worker() -> None:
    """Limits the worker to one thread, and leaves interrupts to the parent."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _main_not_imported(fn: Callable[[Item], Result]) -> Iterator[None]:
    """Prevents processes that start now from running the user's script again, unless `fn` is in it.

    `spawn` imports `__main__` in the child. A script that calls unipref at its top level, without the guard
    `if __name__ == "__main__"`, would start itself over and over.
    """
    inner = getattr(fn, "func", fn)
    if inner.__module__ == "__main__":
        yield
        return
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
