"""The processes of a training step as copies of one that has imported the libraries, in place of torchrun's.

torchrun imports torch, and each of its processes torch and TRL, for every step.
"""

import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from support.preloaded import make_context


class PreloadedLaunch:
    """Takes the place of the `subprocess.Popen` of a command `[..., PROCESSES, MODULE, ARGUMENT]`."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Any = None, **options: Any) -> None:
        assert cwd is None
        ends = [os.pipe() for _ in range(3)]
        given = [Connection(ends[0][0], writable=False), *(Connection(write, readable=False) for _, write in ends[1:])]
        words = int(command[-3]), command[-2], command[-1]
        self._process = make_context().Process(target=_start_all, args=(words, dict(env), given))
        self._process.start()
        for end in given:
            end.close()
        self.stdin = os.fdopen(ends[0][1], "w", encoding="utf-8")
        self.stdout, self.stderr = (os.fdopen(read, encoding="utf-8", errors="replace") for read, _ in ends[1:])

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("launch", timeout or 0)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _start_all(words: tuple[int, str, str], environment: Mapping[str, str], given: Sequence[Connection]) -> None:
    """Starts the processes; the status is that of the first that fails."""
    for number, end in enumerate(given):
        os.dup2(end.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")  # not of the first process
    processes, module, argument = words
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {**environment, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    sys.argv = [module, argument]
    started = [_start(rank, module) for rank in range(processes)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]
    sys.exit(next((status for status in statuses if status), 0))


def _start(rank: int, module: str) -> int:
    """Returns the id of a new process that runs the module."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
