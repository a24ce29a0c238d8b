"""Signals in processes that tests start."""

import signal


def receive_signals() -> None:
    """Resets, in a child before it starts, the signals that it may inherit as ignored.

    A shell ignores SIGINT for what it starts in the background, and nohup ignores SIGHUP.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
