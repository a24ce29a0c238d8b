"""Turns the signals that end a process into an exception, so that a run stops in order."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from unipref.core.terminal import echo

SECONDS_TO_STOP = 20.0
"""How long a stopped run may take to end its processes; after that it exits at once."""
SECONDS_TO_RETRY = 0.01
"""How long after a callback whose exceptions Python drops the signal is sent again."""


class Stopped(BaseException):
    """A signal asked this process to end. Not an `Exception`, nor a `SystemExit`, which a user's function may raise.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.status = 128 + number
        super().__init__(signal.Signals(number).name)


class Interrupted(KeyboardInterrupt):
    """SIGINT asked this process to end.

    Python notes a plain `KeyboardInterrupt` that leaves `exec` or `eval` of a text, as namedtuple and dataclass use it
    while modules are imported. At its end it then kills itself by SIGINT, whatever the exit status. It does not note
    subclasses.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        self.number = number
        super().__init__()


@contextlib.contextmanager
def raise_on_stop_signals(on_first: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Raises `Stopped` in the main thread on SIGTERM and SIGHUP, and `Interrupted` on SIGINT; the second signal ends
    the process at once, also while code in C runs.

    A signal that this process ignores stays ignored, as under `nohup`.

    Args:
        on_first: called by the first signal. It may come within any write, so this must not use a buffered stream.
    """
    before = _default_handlers()

    def stop_first(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        _exit_later(number)
        on_first()
        _raise(number)

    def stop_again(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        _raise(number)

    for number in before:
        signal.signal(number, stop_first)
    try:
        with _retry_dropped(stop_again):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int) -> None:
    raise Interrupted(number) if number == signal.SIGINT else Stopped(number)


@contextlib.contextmanager
def _retry_dropped(stop_again: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Sends the signal again, to `stop_again`, when Python dropped the exception of the first.

    Python drops what is raised in a finalizer, in a callback of a weak reference, and around a fork. A signal may come
    within one of them, and the run would go on.
    """
    report = sys.unraisablehook
    waiting: list[tuple[int, threading.Timer]] = []

    def retry(dropped: Any) -> None:
        number = _find_signal(dropped.exc_value)
        if number is None:
            report(dropped)
            return
        signal.signal(number, stop_again)
        timer = threading.Timer(SECONDS_TO_RETRY, os.kill, (os.getpid(), number))
        timer.daemon = True
        waiting.append((number, timer))
        timer.start()

    sys.unraisablehook = retry
    try:
        yield
        for number, timer in waiting:
            if timer.is_alive():  # the work ended within the wait
                timer.cancel()
                _raise(number)
    finally:
        sys.unraisablehook = report


def _find_signal(error: BaseException | None) -> int | None:
    """Returns the signal of an exception, or of one that it replaced while the finalizer ended."""
    while error is not None:
        if isinstance(error, Stopped | Interrupted):
            return error.number
        error = error.__context__
    return None


def exit_on_stop_signals(status: int) -> None:
    """From now on a signal ends this process at once with its own exit status.

    For a process whose work is done: while Python ends, which takes seconds on a busy machine, a signal would
    otherwise give the status of a process that was killed in the middle of its work.
    """

    def exit_now(number: int, frame: FrameType | None) -> None:
        os._exit(status)  # `core.terminal` has flushed all that was printed

    for number in _default_handlers():
        signal.signal(number, exit_now)


def _default_handlers() -> dict[int, Any]:
    """Returns the signals that end a process -> their handlers, for those that nobody else handles or ignores."""
    names = ("SIGTERM", "SIGHUP", "SIGINT")
    handlers = {
        number: signal.getsignal(number) for number in (getattr(signal, n) for n in names if hasattr(signal, n))
    }
    return {n: handler for n, handler in handlers.items() if handler in (signal.SIG_DFL, signal.default_int_handler)}


def _exit_later(number: int) -> None:
    """Exits if the run has not ended in time: code that hangs, or that caught the exception, does not keep it alive."""

    def exit_now() -> None:
        with contextlib.suppress(OSError, ValueError):
            echo("The run did not stop in time and was ended.", err=True)
        os._exit(128 + number)

    timer = threading.Timer(SECONDS_TO_STOP, exit_now)
    timer.daemon = True
    timer.start()
