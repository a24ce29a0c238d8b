"""A study that takes seconds, run as a user runs it: by the command line, in a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from support.preloaded import PreloadedProcess
from support.signals import receive_signals
from support.study_files import study_of, write_sources
from support.tiny_model import write_tiny_model
from unipref.core import yaml_files

STEP = {"max_steps": 6, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "checkpoint": {"every": 2}}
LIMIT_SECONDS = 600

Process = subprocess.Popen[bytes] | PreloadedProcess


@dataclass(frozen=True)
class UnbrokenRun:
    """A run without a fault, with which runs with faults are compared.

    Attributes:
        study: the study file.
        folder: the run folder.
        facts: as `read_facts` returns them.
        seconds: run time.
        is_preloaded: whether runs start with the libraries imported, as this one did.
    """

    study: Path
    folder: Path
    facts: dict[str, Any]
    seconds: float
    is_preloaded: bool

    def start(self, run: Path, log: Path, code: str | None = None) -> Process:
        """Starts a run of the study, as the function `start` does."""
        return start(self.study, run, log, code, is_preloaded=self.is_preloaded)

    def finish(self, run: Path, log: Path, code: str | None = None) -> int:
        """Runs the study to its end and returns the exit status."""
        return finish(self.study, run, log, code, is_preloaded=self.is_preloaded)


def write_study(folder: Path, *, more_rows: int = 0) -> Path:
    """Writes the model, the data and the study file; returns the study file.

    Args:
        folder: an existing, empty folder.
        more_rows: further pairs, so that reading them takes a while in two processes.
    """
    write_sources(folder)
    with open(folder / "pairs.jsonl", "a", encoding="utf-8") as file:
        for number in range(more_rows):
            row = {"prompt": f"Count to {number}.", "chosen": f"One to {number}.", "rejected": "No."}
            row["padding"] = "x" * (1_200_000 // more_rows)  # files below a megabyte are read without worker processes
            file.write(f"\n{json.dumps(row)}")
    study = study_of(folder, write_tiny_model(folder / "model"))
    study["train"] = [{"sft": {**STEP, "lora": {"r": 4}}}, {"dpo": {**STEP, "from": "sft"}}]
    study["workers"] = 2
    path = folder / "study.yaml"
    path.write_text(yaml_files.write(study), encoding="utf-8")
    return path


def run_unbroken(folder: Path, more_rows: int = 1000, *, is_preloaded: bool = False) -> UnbrokenRun:
    """Writes the study into a new folder and runs it once.

    Args:
        folder: created.
        more_rows: as for `write_study`.
        is_preloaded: whether runs start with the libraries imported, which takes a third of the time.

    Raises:
        RuntimeError: the run failed.
    """
    folder.mkdir(parents=True)
    study, run, log = write_study(folder, more_rows=more_rows), folder / "run", folder / "log"
    process = start(study, run, log, is_preloaded=is_preloaded)
    started = time.monotonic()  # the first preloaded process starts when the libraries have been imported
    if status := _wait_to_end(process):
        raise RuntimeError(f"the unbroken run ended with status {status}: {log.read_text(encoding='utf-8')}")
    return UnbrokenRun(study, run, read_facts(run), time.monotonic() - started, is_preloaded)


def start(study: Path, run: Path, log: Path, code: str | None = None, *, is_preloaded: bool = False) -> Process:
    """Starts `unipref run` in a process group of its own; its output goes to `log`.

    Args:
        study: the study file.
        run: the run folder.
        log: appended to.
        code: Python code that runs the command line, in place of `python -m unipref`.
        is_preloaded: whether the process starts with the libraries imported.
    """
    settings = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "NO_COLOR": "1", "PYTHONFAULTHANDLER": "1"}
    words = ["run", str(study), "-o", str(run)]
    if is_preloaded:
        return PreloadedProcess(words, log, settings, code)
    command = ["-m", "unipref"] if code is None else ["-c", code]
    with open(log, "ab") as out:
        return subprocess.Popen(
            [sys.executable, *command, *words],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **settings},
            start_new_session=True,
            preexec_fn=receive_signals,
        )


def finish(study: Path, run: Path, log: Path, code: str | None = None, *, is_preloaded: bool = False) -> int:
    """Runs the study to its end and returns the exit status."""
    return _wait_to_end(start(study, run, log, code, is_preloaded=is_preloaded))


def _wait_to_end(process: Process) -> int:
    try:
        return process.wait(LIMIT_SECONDS)
    finally:
        end(process)


def end(process: Process) -> None:
    """Ends a process, if it still runs, and everything it started."""
    members = descendants(process)
    if process.poll() is None:
        process.kill()
        process.wait()
    for member in members:
        if member.is_running():
            member.kill()


def descendants(process: Process) -> list[psutil.Process]:
    """Returns the processes that a process has started, directly or not."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def read_facts(run: Path) -> dict[str, Any]:
    """Returns what two runs of one study must have in common: hashes of data and models, and all scores."""
    facts: dict[str, Any] = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        is_checkpoint = any(part.startswith(".") for part in path.relative_to(run).parts)
        if path.is_file() and not is_checkpoint and path.suffix in (".parquet", ".safetensors", ".jsonl"):
            facts[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    facts["scores"] = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return facts


def differences(run: Path, unbroken: UnbrokenRun) -> list[str]:
    """Returns the names of what differs between a run and an unbroken one."""
    expected = unbroken.facts
    try:
        facts = read_facts(run)
    except (OSError, ValueError) as error:
        return [f"unreadable: {error}"]
    return sorted(name for name in facts.keys() | expected.keys() if facts.get(name) != expected.get(name))
