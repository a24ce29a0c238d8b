"""Checkpoints of a running step: weights, optimiser, schedule, position in the data and random states.

They are in a folder of their own beside the step's; it survives a kill, and the end of the step removes it. unipref
ignores a checkpoint that was being written when the process died: the file `whole.json`, written last, marks a
complete one. A checkpoint that was damaged afterwards is removed, and the step resumes from the one before.
"""

import json
import math
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from unipref.core import hashing
from unipref.core.contracts import Settings
from unipref.core.errors import UserError, first_line, resource_error
from unipref.models import folder_checks
from unipref.train import processes

STATE_FILE = "trainer_state.json"
"""Where transformers records a run's progress."""
PROGRESS_FILE = "whole.json"
"""Written into a checkpoint when it is complete: what unipref itself records of the run so far."""


class Checkpoint(Settings):
    """How often a training step saves a checkpoint, and how many it keeps. Give `every` or `minutes`."""

    every: float | None = Field(default=None, gt=0)
    """Optimiser steps between two checkpoints; below 1: a share of all steps."""
    minutes: float | None = Field(default=None, gt=0)
    """Least minutes between two checkpoints; each is saved when the next figures of the curve are logged."""
    keep: int = Field(default=2, ge=1)
    """How many of the latest checkpoints are kept."""

    @model_validator(mode="after")
    def _check_one_interval(self) -> "Checkpoint":
        if (self.every is None) == (self.minutes is None):
            raise ValueError("a checkpoint needs either 'every' (optimiser steps) or 'minutes'")
        return self

    def settings(self) -> dict[str, Any]:
        """Returns when TRL saves checkpoints, as TRL's settings; the watcher saves those by time."""
        if self.every is None:
            return {"save_strategy": "no", "save_total_limit": self.keep}
        return {"save_strategy": "steps", "save_steps": self.every, "save_total_limit": self.keep}


def list_checkpoints(checkpoint_dir: Path) -> list[Path]:
    """Lists the complete checkpoints in a folder, the earliest first."""
    complete = [path for path in checkpoint_dir.glob("checkpoint-*") if (path / PROGRESS_FILE).is_file()]
    return sorted(complete, key=parse_step)


def parse_step(checkpoint: Path) -> int:
    """Reads the optimiser step from a checkpoint's name."""
    return int(checkpoint.name.rpartition("-")[2])


@dataclass(frozen=True)
class RunProgress:
    """A run's progress at a checkpoint, besides what transformers keeps.

    Attributes:
        step, steps: optimiser steps done, and in all.
        threads: torch's number of threads; another number rounds sums differently and would change the run.
        curve, dev: the points so far.
    """

    step: int
    steps: int
    threads: int
    curve: list[dict[str, Any]]
    dev: list[dict[str, Any]]


def write_progress(checkpoint: Path, progress: RunProgress) -> None:
    """Marks a checkpoint as complete and records the run's progress in it."""
    # With several processes, the others may still be writing their files.
    files = hashing.checksums(checkpoint) if processes.count() == 1 else {}
    content = {**asdict(progress), "files": files}
    (checkpoint / PROGRESS_FILE).write_text(json.dumps(content), encoding="utf-8")


def read_progress(checkpoint: Path) -> RunProgress:
    """Reads the run's progress at a complete checkpoint."""
    content = json.loads((checkpoint / PROGRESS_FILE).read_text(encoding="utf-8"))
    content.pop("files", None)
    return RunProgress(**content)


def count_passes_done(checkpoint: Path) -> int:
    """Counts the completed passes over all rows, as transformers recorded them."""
    state = json.loads((checkpoint / STATE_FILE).read_text(encoding="utf-8"))
    # The epoch is a sum of fractions: at the end of a pass it may be a rounding error too low.
    return math.floor(float(state["epoch"]) + 1e-6)


def find_resume_checkpoint(checkpoint_dir: Path) -> Path | None:
    """Finds the checkpoint to resume from, if any, and removes incomplete ones."""
    complete = list_checkpoints(checkpoint_dir)
    for path in checkpoint_dir.glob("checkpoint-*"):
        if path not in complete:
            shutil.rmtree(path)
    return complete[-1] if complete else None


def choose_checkpoint(checkpoint_dir: Path) -> tuple[Path | None, list[str]]:
    """Chooses the last undamaged checkpoint to resume from, and removes damaged and incomplete ones.

    Returns:
        The checkpoint; None: the step starts at the beginning. And a warning for each damaged one.

    Raises:
        ResourceError: a file cannot be read because of this machine; nothing is removed then.
    """
    faults: list[str] = []
    chosen = find_resume_checkpoint(checkpoint_dir)
    while chosen is not None and (fault := find_fault(chosen)):
        faults.append(f"{chosen.name} is damaged: {fault}")
        shutil.rmtree(chosen)
        chosen = find_resume_checkpoint(checkpoint_dir)
    then = f"the step resumes from {chosen.name}" if chosen else "the step starts at the beginning"
    return chosen, [f"{fault}; {then}" for fault in faults]


def find_fault(checkpoint: Path) -> str | None:
    """Finds what is wrong with a complete checkpoint; None if it can be resumed from.

    Raises:
        ResourceError: a file cannot be read because of this machine.
    """
    try:
        return next(_list_faults(checkpoint), None)
    except OSError as error:
        if resource := resource_error(error):
            raise resource from error
        return f"a file cannot be read ({first_line(error)})"


def _list_faults(checkpoint: Path) -> Iterator[str]:
    try:
        read_progress(checkpoint)
        files = json.loads((checkpoint / PROGRESS_FILE).read_text(encoding="utf-8")).get("files") or {}
        state = json.loads((checkpoint / STATE_FILE).read_text(encoding="utf-8"))
        float(state["epoch"]), int(state["global_step"])
    except FileNotFoundError:
        yield f"{STATE_FILE} is missing"
        return
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        yield f"{PROGRESS_FILE} or {STATE_FILE} cannot be read ({first_line(error)})"
        return
    for name, digest in files.items():
        if not (checkpoint / name).is_file():
            yield f"{name} is missing"
        elif hashing.file_hash(checkpoint / name) != digest:
            yield f"{name} was changed or cut"
    if not files:
        yield from _list_unreadable_files(checkpoint)


def _list_unreadable_files(checkpoint: Path) -> Iterator[str]:
    """Finds cut files by their own formats, for a checkpoint without recorded hashes."""
    for path in sorted(checkpoint.rglob("*")):
        try:
            if path.suffix == ".safetensors":
                folder_checks.read_shapes(path)
            elif path.suffix in (".pt", ".pth") and (not zipfile.is_zipfile(path) or zipfile.ZipFile(path).testzip()):
                yield f"{path.name} was changed or cut"
        except (UserError, zipfile.BadZipFile):
            yield f"{path.name} was changed or cut"
