"""Signals that come while a command line ends, or while code does not let it end."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.signals import receive_signals

PROGRAM = """
import atexit, os, sys, time
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

def end_late():
    try:
        print("working", flush=True)
        time.sleep(30)
    finally:
        time.sleep(30)

class Held:
    def __del__(self):
        print("working", flush=True)
        time.sleep(30)

def hold_and_work():
    Held()
    time.sleep(30)

def fork_and_work():
    if os.fork() == 0:
        os._exit(0)
    time.sleep(30)

class Failing:
    def __del__(self):
        try:
            print("working", flush=True)
            time.sleep(30)
        finally:
            raise ValueError("the finalizer fails too")

def fail_and_work():
    Failing()
    time.sleep(30)

if sys.argv[1] == "fails":
    command_line.run_app(fail_and_work)
if sys.argv[1] == "ends at once":
    command_line.run_app(lambda: Held() and None)
if sys.argv[1] == "finalizes":
    command_line.run_app(hold_and_work)
if sys.argv[1] == "forks":
    os.register_at_fork(after_in_parent=lambda: (print("working", flush=True), time.sleep(30)))
    command_line.run_app(fork_and_work)
if sys.argv[1] in ("resumes", "late"):
    command_line.keep_stages()
if sys.argv[1] in ("compiles", "resumes"):
    # As while a module is imported that makes classes from text.
    command_line.run_app(lambda: exec("print('working', flush=True); time.sleep(30)"))
if sys.argv[1] == "ends":
    atexit.register(end_slowly)
    command_line.run_app(lambda: 2)
command_line.run_app(end_late if sys.argv[1] == "late" else hang)
"""
STOPPING = "Stopping ..."
KEPT = "finished stages are kept"


def run_and_signal(folder: Path, what: str, sign: str, number: signal.Signals) -> tuple[int, str]:
    """Starts the program, sends the signal once it has printed `sign`; returns its status and errors."""
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "program", what],
        cwd=folder,
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
def test_a_signal_while_python_ends_does_not_change_the_status(tmp_path: Path, number: signal.Signals) -> None:
    assert run_and_signal(tmp_path, "ends", "ending", number) == (2, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_code_that_does_not_let_a_run_stop_is_ended(tmp_path: Path, number: signal.Signals, status: int) -> None:
    assert run_and_signal(tmp_path, "hangs", "working", number) == (
        status,
        f"{STOPPING}\nThe run did not stop in time and was ended.\n",
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_inside_code_made_from_text_gives_its_status(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    assert run_and_signal(tmp_path, "compiles", "working", number) == (status, f"{STOPPING}\nStopped.\n")


@pytest.mark.parametrize("what", ["finalizes", "forks", "fails", "ends at once"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_inside_a_callback_whose_errors_python_drops_stops_the_run(
    tmp_path: Path, what: str, number: signal.Signals, status: int
) -> None:
    began = time.monotonic()
    assert run_and_signal(tmp_path, what, "working", number) == (status, f"{STOPPING}\nStopped.\n")
    assert time.monotonic() - began < 20


def test_a_command_that_keeps_its_stages_says_how_to_resume(tmp_path: Path) -> None:
    message = f"{STOPPING} {KEPT}. A second signal ends it at once.\n"
    message += f"Stopped. Run the same command again to resume; {KEPT}.\n"
    assert run_and_signal(tmp_path, "resumes", "working", signal.SIGTERM) == (143, message)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once_and_what_is_kept_is_said(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "program", "late"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        preexec_fn=receive_signals,
    )
    os.close(terminal)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(number)
    shown = b""
    while b"once.\r\n" not in shown:
        shown += os.read(screen, 1000)
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == -number
    assert time.monotonic() - began < 10
    # A bar may have hidden the cursor.
    assert shown.decode().replace("\r", "") == f"\x1b[?25h\n{STOPPING} {KEPT}. A second signal ends it at once.\n"
