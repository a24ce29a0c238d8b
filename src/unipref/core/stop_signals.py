"""Turns the signals that end a process into an exception, so that a run stops in order."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from unipref.core.terminal import echo

SECONDS_TO_STOP = 20.0
"""How long a stopped run may take to end its processes; after that it exits at once."""


class Stopped(BaseException):
    """A signal asked this process to end. Not an `Exception`, nor a `SystemExit`, which a user's function may raise.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        super().__init__(signal.Signals(number).name)


@contextlib.contextmanager
def raise_on_stop_signals() -> Iterator[None]:
    """Raises `Stopped` in the main thread on SIGTERM and SIGHUP; the second signal ends the process at once.

    A signal that this process ignores stays ignored, as under `nohup`.
    """
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    caught = [number for number, handler in before.items() if handler is signal.SIG_DFL]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in caught:
            signal.signal(each, signal.SIG_DFL)
        _exit_later(number)
        raise Stopped(number)

    for number in caught:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


def _exit_later(number: int) -> None:
    """Exits if the run has not ended in time: code that hangs, or that caught the exception, does not keep it alive."""

    def exit_now() -> None:
        with contextlib.suppress(OSError, ValueError):
            echo("The run did not stop in time and was ended.", err=True)
        os._exit(128 + number)

    timer = threading.Timer(SECONDS_TO_STOP, exit_now)
    timer.daemon = True
    timer.start()
