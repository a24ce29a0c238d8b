"""Checkpoints of a running step: weights, optimiser, schedule, position in the data and random states.

They are in a folder of their own beside the step's; it survives a kill, and the end of the step removes it. unipref
ignores a checkpoint that was being written when the process died: the file `whole.json`, written last, marks a
complete one.
"""

import json
import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from unipref.core.contracts import Settings

PROGRESS_FILE = "whole.json"
"""Written into a checkpoint when it is complete: what unipref itself records of the run so far."""


class Checkpoint(Settings):
    """How often a training step saves a checkpoint, and how many it keeps."""

    every: float = Field(gt=0)
    """Optimiser steps between two checkpoints; below 1: a share of all steps."""
    keep: int = Field(default=2, ge=1)
    """How many of the latest checkpoints are kept."""


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
    (checkpoint / PROGRESS_FILE).write_text(json.dumps(asdict(progress)), encoding="utf-8")


def read_progress(checkpoint: Path) -> RunProgress:
    """Reads the run's progress at a complete checkpoint."""
    return RunProgress(**json.loads((checkpoint / PROGRESS_FILE).read_text(encoding="utf-8")))


def count_passes_done(checkpoint: Path) -> int:
    """Counts the completed passes over all rows, as transformers recorded them."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    # The epoch is a sum of fractions: at the end of a pass it may be a rounding error too low.
    return math.floor(float(state["epoch"]) + 1e-6)


def find_resume_checkpoint(checkpoint_dir: Path) -> Path | None:
    """Finds the checkpoint to resume from, if any, and removes incomplete ones."""
    complete = list_checkpoints(checkpoint_dir)
    for path in checkpoint_dir.glob("checkpoint-*"):
        if path not in complete:
            shutil.rmtree(path)
    return complete[-1] if complete else None
