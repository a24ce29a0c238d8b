"""Ends a child process when the process that started it has ended: nothing would use its results."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

SECONDS_BETWEEN_CHECKS = 2.0
PR_SET_PDEATHSIG = 1
"""The option of Linux' prctl that sets the signal sent to a process when its parent ends."""
PARENT_ENDED = 1
"""Exit status of a process whose parent has ended."""


def kill_with_parent() -> None:
    """Asks the kernel to kill this process when its parent ends; does nothing outside Linux.

    To the kernel, the parent is the thread that started this process. It survives the call of another program.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def exit_with_parent(parent: int) -> None:
    """Ends this process when its parent process has ended, also during a long call of C code. Returns immediately.

    On Linux the kernel kills it at once. A thread checks every two seconds besides, for other systems.

    Args:
        parent: the parent's process id, as the parent itself read it: it may have ended before this call.
    """
    kill_with_parent()
    if os.getppid() != parent:
        os._exit(PARENT_ENDED)

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_CHECKS)

    _exit_after(wait)


def exit_with_standard_input() -> None:
    """Ends this process, at once and with status 1, when its standard input is closed. Returns immediately.

    For processes that accelerate or torchrun starts for a run: they inherit a pipe that closes when the run ends.
    """

    def wait() -> None:
        while os.read(0, 1024):
            pass

    _exit_after(wait)


def make_bound_command(command: Sequence[str]) -> list[str]:
    """Returns a command that starts `command` as a child of this process that the kernel kills when this one ends."""
    return [sys.executable, "-m", "unipref.core.workers.bound_process", str(os.getpid()), *command]


def leave_signals_to_parent() -> None:
    """Ignores the signals with which a user ends a run: the parent gets them too, and ends this process."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _exit_after(wait: Callable[[], None]) -> None:
    """Ends this process when `wait`, which runs in a thread of its own, has returned."""

    def wait_and_exit() -> None:
        wait()
        os._exit(PARENT_ENDED)

    threading.Thread(target=wait_and_exit, daemon=True).start()
