"""Runs that are killed or stopped by a signal at random moments, and several runs in one folder."""

import contextlib
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from trust.attempt import measure
from trust.outcome import Outcome
from trust.small_study import Process, UnbrokenRun, descendants, differences, end

SECONDS_TO_END = 10.0
"""Within this time everything that a dead run started has to end."""
STOPPED = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
TRACEBACK = "Traceback (most recent call last)"
RESUME = "Run the same command again to resume"
MAX_KILLS_PER_RUN = 5
MAX_LOG = 3000
"""Characters of a log that a failure shows."""


def kill_at_random_moments(unbroken: UnbrokenRun, folder: Path, seed: int, n_kills: int) -> Outcome:
    """Kills the main process of a study with SIGKILL, starts it again at once, and compares the end with a run without.

    The next run starts while whatever the dead one left behind may still run: nothing of it may write.
    """
    with measure("kill", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        rounds = 0
        while outcome.tries["kills"] < n_kills:
            run, log = folder / f"run-{rounds}", folder / f"run-{rounds}.log"
            rounds += 1
            moments: list[float] = []
            orphans: list[psutil.Process] = []
            for _ in range(min(rng.randint(1, MAX_KILLS_PER_RUN), n_kills - outcome.tries["kills"])):
                moments.append(round(rng.uniform(0, unbroken.seconds), 2))
                process = unbroken.start(run, log)
                if not _wait(process, moments[-1]):
                    break
                children = descendants(process)
                process.kill()
                process.wait()
                orphans += children
                outcome.tries["kills"] += 1
                outcome.tries["processes left behind"] += len(children)
            status = unbroken.finish(run, log)
            where = f"run {rounds - 1}, killed after {moments} s"
            outcome.failures += [f"{where}: {fault}" for fault in _faults(status, log, run, unbroken)]
            outcome.failures += [f"{where}: process {pid} of a killed run still runs" for pid in _alive(orphans)]
            shutil.rmtree(run, ignore_errors=True)
        outcome.tries["runs to the end"] = rounds
    return outcome


def stop_by_signals(unbroken: UnbrokenRun, folder: Path, seed: int, n_signals: int) -> Outcome:
    """Sends SIGTERM, SIGINT or SIGHUP at random moments: the run says how to resume, its processes end, it resumes."""
    with measure("signals", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        for number in range(n_signals):
            run, log = folder / f"run-{number}", folder / f"run-{number}.log"
            sent = list(STOPPED)[number % len(STOPPED)]
            moment = round(rng.uniform(2, unbroken.seconds), 2)
            process = unbroken.start(run, log)
            where = f"{sent.name} after {moment} s"
            if _wait(process, moment):
                members = descendants(process)
                process.send_signal(sent)
                outcome.tries[sent.name] += 1
                try:
                    status = process.wait(SECONDS_TO_END * 3)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGABRT)  # faulthandler writes to the log where each thread is
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(SECONDS_TO_END)
                    late = f"still running {SECONDS_TO_END * 3:.0f} s later"
                    outcome.failures.append(f"{where}: {late}: {_tail(log)}")
                    end(process)
                    continue
                if status not in (0, STOPPED[sent]):
                    outcome.failures.append(f"{where}: status {status}, expected {STOPPED[sent]}: {_tail(log)}")
                if status and RESUME not in log.read_text(encoding="utf-8", errors="replace"):
                    outcome.failures.append(f"{where}: no message that says how to resume")
                outcome.failures += [f"{where}: process {pid} still runs" for pid in _alive(members)]
            status = unbroken.finish(run, log)
            outcome.failures += [f"{where}: {fault}" for fault in _faults(status, log, run, unbroken)]
            shutil.rmtree(run, ignore_errors=True)
    return outcome


def run_at_once(unbroken: UnbrokenRun, folder: Path, seed: int, n_rounds: int, n_processes: int) -> Outcome:
    """Starts several runs of one study in one folder within two seconds: each ends well, or with a message."""
    with measure("several runs in one folder", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        for number in range(n_rounds):
            run = folder / f"run-{number}"
            logs = [folder / f"run-{number}-{index}.log" for index in range(n_processes)]
            processes = []
            for log in logs:
                processes.append(unbroken.start(run, log))
                time.sleep(rng.uniform(0, 2 / n_processes))
            for index, (process, log) in enumerate(zip(processes, logs, strict=True)):
                status = process.wait()
                outcome.tries["processes"] += 1
                outcome.tries["that ended with status 0"] += status == 0
                text = log.read_text(encoding="utf-8", errors="replace")
                if status not in (0, 2) or TRACEBACK in text:
                    outcome.failures.append(f"round {number}, process {index}: status {status}: {text[-MAX_LOG:]}")
            status = unbroken.finish(run, folder / f"run-{number}.log")
            faults = _faults(status, folder / f"run-{number}.log", run, unbroken)
            outcome.failures += [f"round {number}: {fault}" for fault in faults]
            shutil.rmtree(run, ignore_errors=True)
    return outcome


def _wait(process: Process, seconds: float) -> bool:
    """Waits; returns whether the process still runs."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _faults(status: int, log: Path, run: Path, unbroken: UnbrokenRun) -> Iterator[str]:
    text = log.read_text(encoding="utf-8", errors="replace")
    if status:
        yield f"status {status}: {text[-MAX_LOG:]}"
    if TRACEBACK in text:
        yield f"a traceback: {text[text.index(TRACEBACK) :][:600]}"
    if different := differences(run, unbroken):
        yield f"differs from the unbroken run in {', '.join(different[:5])}"


def _tail(log: Path) -> str:
    """Returns the end of a log."""
    return log.read_text(encoding="utf-8", errors="replace")[-MAX_LOG:]


def _alive(members: list[psutil.Process]) -> list[int]:
    """Returns the processes that have not ended in time, and ends them."""
    _, alive = psutil.wait_procs(members, timeout=SECONDS_TO_END)
    for member in alive:
        member.kill()
    return [member.pid for member in alive]
