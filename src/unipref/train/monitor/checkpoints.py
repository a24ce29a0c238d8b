"""Checkpoints of a step under way: weights, optimiser, schedule, place in the data and random states.

They lie in a folder of their own beside the step's, which a kill leaves and the step's end removes. A checkpoint that
was being written when the process died is not taken for one: what is whole is marked, last of all.
"""

import json
import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from unipref.core.contracts import Settings

WHOLE = "whole.json"
"""Written into a checkpoint when all of it is there: what unipref itself knows of the run so far."""


class Checkpoint(Settings):
    """When a training step is saved on its way, and how many of these savings are kept."""

    every: float = Field(gt=0)
    """Optimiser steps between two checkpoints; below 1: as a share of all steps."""
    keep: int = Field(default=2, ge=1)
    """How many are kept, the latest ones."""


def checkpoints(checkpoint_dir: Path) -> list[Path]:
    """The whole checkpoints in a folder, the earliest first."""
    found = [path for path in checkpoint_dir.glob("checkpoint-*") if (path / WHOLE).is_file()]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """The optimiser step after which it was written."""
    return int(checkpoint.name.rpartition("-")[2])


@dataclass(frozen=True)
class SoFar:
    """What is known of a run at a checkpoint, besides what transformers keeps.

    Attributes:
        step, steps: optimiser steps done, and in all.
        threads: of torch; with others, sums are rounded otherwise, and the run would not be the same.
        curve, dev: the points up to then.
    """

    step: int
    steps: int
    threads: int
    curve: list[dict[str, Any]]
    dev: list[dict[str, Any]]


def mark_whole(checkpoint: Path, so_far: SoFar) -> None:
    """Says that all of a checkpoint is there."""
    (checkpoint / WHOLE).write_text(json.dumps(asdict(so_far)), encoding="utf-8")


def so_far(checkpoint: Path) -> SoFar:
    """What was known at a whole checkpoint."""
    return SoFar(**json.loads((checkpoint / WHOLE).read_text(encoding="utf-8")))


def passes_done(checkpoint: Path) -> int:
    """How often the run had gone through all its rows, as transformers recorded it."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    # A sum of parts: the end of a pass may be a rounding error short of it.
    return math.floor(float(state["epoch"]) + 1e-6)


def take_up(checkpoint_dir: Path) -> Path | None:
    """The checkpoint to go on from, if any; what is broken is removed."""
    whole = checkpoints(checkpoint_dir)
    for path in checkpoint_dir.glob("checkpoint-*"):
        if path not in whole:
            shutil.rmtree(path)
    return whole[-1] if whole else None
