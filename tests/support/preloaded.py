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
from collections.abc import Mapping, Sequence
from pathlib import Path

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
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        self._process = context.Process(target=_run, args=(list(words), log, dict(environment), code))
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
