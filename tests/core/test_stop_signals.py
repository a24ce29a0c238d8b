"""Signals that come while a command line ends, or while code does not let it end."""

import signal
import subprocess
import sys

import pytest

from support.signals import receive_signals

PROGRAM = """
import atexit, sys, time
from unipref.core import command_line, stop_signals

stop_signals.SECONDS_TO_STOP = 1.0

def end_slowly():
    print("ending", flush=True)
    time.sleep(30)

def hang():
    while True:
        try:
            print("working", flush=True)
            time.sleep(30)
        except BaseException:
            pass

if sys.argv[1] == "ends":
    atexit.register(end_slowly)
    command_line.run_app(lambda: 2)
command_line.run_app(hang)
"""


def run_and_signal(what: str, sign: str, number: signal.Signals) -> tuple[int, str]:
    """Starts the program, sends the signal once it has printed `sign`; returns its status and errors."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=receive_signals,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == sign
    process.send_signal(number)
    _, errors = process.communicate(timeout=25)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_python_ends_does_not_change_the_status(number: signal.Signals) -> None:
    assert run_and_signal("ends", "ending", number) == (2, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_code_that_does_not_let_a_run_stop_is_ended(number: signal.Signals, status: int) -> None:
    assert run_and_signal("hangs", "working", number) == (status, "The run did not stop in time and was ended.\n")
