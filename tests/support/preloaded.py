"""The command line in a process that begins as a copy of one that has imported the libraries.

Most of the time of a study that takes seconds goes into imports. Such a process has its own process id, session, output
and exit status, and ends by signals as others do. Only its imports cannot be interrupted.
"""

import faulthandler
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from unipref.core import user_code
from unipref.core.workers.parent_process import leave_signals_to_parent
from unipref.core.workers.pool import Pool

IMPORTED = [
    "unipref.cli",
    "unipref.pipeline.api",
    "unipref.train.fit",
    "sklearn.cluster",
    "sklearn.feature_extraction.text",
    "transformers.models.llama.modeling_llama",
    "peft",
    "trl.trainer.sft_trainer",
    "trl.trainer.dpo_trainer",
    "trl.trainer.reward_trainer",
]


class PreloadedProcess:
    """Runs `unipref` with the words of a command; its methods are those of `subprocess.Popen`.

    Args:
        words: the words after `unipref`.
        log: a file; output and errors are appended to it.
        environment: variables set in the process beside those of this one.
        code: Python code to run in place of the command; it finds the words in `sys.argv`.
    """

    def __init__(
        self, words: Sequence[str], log: Path, environment: Mapping[str, str], code: str | None = None
    ) -> None:
        self._process = make_context().Process(target=_run, args=(list(words), log, dict(environment), code))
        before = dict(os.environ)
        os.environ.update(environment)  # libraries read it when the first process imports them
        try:
            self._process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired("unipref", timeout or 0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class PreloadedPool(Pool):
    """A pool whose processes have imported the libraries; they do not end with the process that started them."""

    def __init__(self, processes: int, initializer: Callable[..., None], *arguments: Any) -> None:
        self._executor = ProcessPoolExecutor(
            processes,
            mp_context=make_context(),
            initializer=_prepare,
            initargs=(user_code.snapshot(), initializer, arguments),
        )


def make_context() -> BaseContext:
    """Returns the context whose processes begin with the libraries imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def _prepare(code: user_code.CodeFiles, initializer: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Prepares a process of a pool, as one that was not preloaded."""
    gc.freeze()
    leave_signals_to_parent()
    user_code.restore(code)
    initializer(*arguments)


def _run(words: list[str], log: Path, environment: dict[str, str], code: str | None) -> None:
    """Runs a command in a new process."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with open(log, "ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    gc.freeze()  # as in a process that has imported less: what was imported is never garbage
    os.environ.update(environment)
    if "PYTHONFAULTHANDLER" in environment:
        faulthandler.enable()
    sys.argv = ["unipref", *words]
    if code is not None:
        exec(compile(code, "<command>", "exec"), {"__name__": "__main__"})
        return
    from unipref import cli

    cli.main()
