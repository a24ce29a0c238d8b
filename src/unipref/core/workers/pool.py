"""Processes that run functions for this one, and end with it."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from types import ModuleType
from typing import Any, TypeVar

from unipref.core import user_code
from unipref.core.search_path import SafeChildren
from unipref.core.workers.parent_process import exit_with_parent, leave_signals_to_parent

Result = TypeVar("Result")

SECONDS_TO_END = 5.0
"""How long to wait for a killed process; one that waits for a disk ends later."""


class Pool:
    """Processes started by `spawn`. They import the same code as this process, leave signals to it, and end with it.

    Args:
        processes: number of processes; they start when first needed.
        initializer: called in each process.
        arguments: of the initializer; picklable. They must not need the study's own code.
    """

    def __init__(self, processes: int, initializer: Callable[..., None], *arguments: Any) -> None:
        self._executor = ProcessPoolExecutor(
            processes,
            mp_context=get_context("spawn"),
            initializer=_start,
            initargs=(os.getpid(), user_code.snapshot(), initializer, arguments),
        )

    def submit(self, fn: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Calls a function of a module in one of the processes."""
        with _main_not_imported(fn, *arguments), SafeChildren():
            return self._executor.submit(fn, *arguments)

    def close(self) -> None:
        """Ends the processes when the functions that run have returned."""
        self._executor.shutdown(cancel_futures=True)

    def kill(self) -> None:
        """Ends the processes at once."""
        # The executor has no method for it before Python 3.14.
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join(SECONDS_TO_END)


def _start(
    parent: int, code: user_code.CodeFiles, initializer: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """Prepares a process of the pool."""
    exit_with_parent(parent)
    leave_signals_to_parent()
    user_code.restore(code)
    initializer(*arguments)


@contextmanager
def _main_not_imported(*values: Any) -> Iterator[None]:
    """Prevents processes that start now from running the user's script again, unless a function is in it.

    `spawn` imports `__main__` in the child. A script that calls unipref at its top level, without the guard
    `if __name__ == "__main__"`, would start itself over and over.
    """
    functions = [getattr(value, "func", value) for value in values]
    if any(getattr(function, "__module__", None) == "__main__" for function in functions):
        yield
        return
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
