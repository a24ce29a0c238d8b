"""Ends a child process when the process that started it has ended: nothing would use its results."""

import os
import threading
import time
from collections.abc import Callable

SECONDS_BETWEEN_CHECKS = 2.0


def exit_with_parent(parent: int) -> None:
    """Ends this process, at once and with status 1, when its parent process has ended. Returns immediately.

    Args:
        parent: the parent's process id, as the parent itself read it: it may have ended before this call.
    """

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


def _exit_after(wait: Callable[[], None]) -> None:
    """Ends this process when `wait`, which runs in a thread of its own, has returned."""

    def wait_and_exit() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=wait_and_exit, daemon=True).start()
