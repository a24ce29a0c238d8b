"""The command `unipref` in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from support.signals import receive_signals

SOURCE = Path(__file__).parents[2] / "src"
COMMAND = "import sys; sys.argv[0] = 'unipref'; from unipref.cli import main; main()"


def start(folder: Path, *words: str, **options: Any) -> "subprocess.Popen[str]":
    """Starts the command in a folder, as the installed script does: Python does not put the folder on its path."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    options.setdefault("preexec_fn", receive_signals)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", COMMAND, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(folder: Path, *words: str, **options: Any) -> tuple[int, str]:
    """Runs the command; returns its status and its output and errors."""
    process = start(folder, *words, **options)
    out, err = process.communicate(timeout=300)
    return process.returncode, out + err


def wait_for(path: Path, seconds: float = 120.0) -> None:
    """Waits until a file is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.05)


def list_children(pid: int) -> list[Any]:
    """Returns the processes that a process started, directly or not."""
    import psutil

    return psutil.Process(pid).children(recursive=True)


def wait_until_ended(processes: list[Any], seconds: float = 30.0) -> None:
    """Waits until all of these processes have ended."""
    import psutil

    end = time.monotonic() + seconds
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        assert time.monotonic() < end, "a process is left"
        time.sleep(0.05)


def stop(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str]:
    """Sends a signal; returns the status and the errors."""
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err
