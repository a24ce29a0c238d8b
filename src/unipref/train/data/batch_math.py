"""Batch arithmetic: how many rows an optimiser step sees, how many steps an epoch has, how often a row is seen."""

import math
from dataclasses import dataclass
from typing import Any

from unipref.core.errors import UserError

MANY_EPOCHS = 10.0
FEW_EPOCHS = 0.5
"""Passes over the rows above and below which a run is warned: rows are learnt by heart, or never seen."""


@dataclass(frozen=True)
class Schedule:
    """What the settings mean for so many rows.

    Attributes:
        batch: rows (for reinforcement: answers) that one optimiser step sees, over all processes.
        steps: optimiser steps of the run.
        epochs: passes over the rows.
    """

    batch: int
    steps: int
    epochs: float


def schedule(settings: dict[str, Any], rows: int, processes: int) -> Schedule:
    """For trainers that read each row once an epoch.

    Args:
        settings: TRL's, by its names.
        rows: rows the trainer can use.
        processes: how many train together.

    Raises:
        UserError: the rows do not fill one batch though the last one is to be dropped.
    """
    size, accumulation = settings["per_device_train_batch_size"], settings.get("gradient_accumulation_steps", 1)
    if settings.get("dataloader_drop_last") and rows < size * processes:
        raise UserError(
            f"{rows} rows do not fill one batch of {size} x {processes} processes, and an unfilled one is dropped.",
            mend="Lower per_device_train_batch_size, or set dataloader_drop_last: false.",
        )
    batch = size * accumulation * processes
    if settings["max_steps"] > 0:
        return Schedule(batch, settings["max_steps"], settings["max_steps"] * batch / rows)
    # The epochs follow each other without a break: a batch may hold the end of one and the beginning of the next.
    filled = math.floor if settings.get("dataloader_drop_last") else math.ceil
    passes = filled(math.ceil(settings["num_train_epochs"] * rows) / (size * processes))
    return Schedule(batch, max(math.ceil(passes / accumulation), 1), float(settings["num_train_epochs"]))


def online_schedule(settings: dict[str, Any], prompts: int, processes: int) -> Schedule:
    """For reinforcement, where each prompt is answered `num_generations` times.

    Raises:
        UserError: the answers written at once are no whole groups, or there are too few prompts for them.
    """
    size, accumulation = settings["per_device_train_batch_size"], settings.get("gradient_accumulation_steps", 1)
    group = settings["num_generations"]
    if (written := settings.get("generation_batch_size")) is None:
        written = size * processes * (settings.get("steps_per_generation") or accumulation)
    if written % (size * processes):
        raise UserError(
            f"generation_batch_size is {written}, no multiple of the {size * processes} answers of one forward pass "
            f"(per_device_train_batch_size x {processes} processes).",
            mend=f"Make it a multiple of {size * processes}.",
        )
    if written % group:
        raise UserError(
            f"the {written} answers written at once (per_device_train_batch_size x steps_per_generation x {processes} "
            f"processes) are not whole groups of num_generations = {group}.",
            mend="Make the first a multiple of the second.",
        )
    needed = written // group
    if prompts < needed:
        raise UserError(
            f"{prompts} distinct prompts fit, and one batch of answers takes {needed}.",
            mend="Lower per_device_train_batch_size, or raise num_generations.",
        )
    forward = written // (size * processes) * settings.get("num_iterations", 1)
    per_epoch = max(math.ceil(prompts // needed * forward / accumulation), 1)
    return _planned(settings, size * accumulation * processes, per_epoch)


def _planned(settings: dict[str, Any], batch: int, per_epoch: int) -> Schedule:
    """Steps and epochs, from `max_steps` where it is given."""
    if settings["max_steps"] > 0:
        return Schedule(batch, settings["max_steps"], settings["max_steps"] / per_epoch)
    epochs = settings["num_train_epochs"]
    return Schedule(batch, math.ceil(epochs * per_epoch), float(epochs))


def passes_on_answers(settings: dict[str, Any], at_once: int) -> int:
    """Forward passes that are made on the answers written at once.

    Args:
        settings: TRL's, by its names.
        at_once: answers of one forward pass, over all processes.
    """
    spread = settings.get("steps_per_generation") or settings.get("gradient_accumulation_steps", 1)
    if (written := settings.get("generation_batch_size")) is not None:
        spread = written // at_once
    return int(spread * settings.get("num_iterations", 1))


def doubts(found: Schedule, settings: dict[str, Any], online: bool) -> list[str]:
    """What is odd about a schedule, in words."""
    said = []
    if found.epochs > MANY_EPOCHS:
        said.append(f"{found.steps} steps of {found.batch} see each row {found.epochs:.1f} times")
    if found.epochs < FEW_EPOCHS and not online:
        said.append(f"{found.steps} steps of {found.batch} see only {found.epochs:.0%} of the rows")
    if (warmup := settings.get("warmup_steps") or 0) >= found.steps and warmup >= 1:
        said.append(
            f"the learning rate is still being warmed up (warmup_steps {warmup:g}) when the {found.steps} steps end"
        )
    if online and (every := _save_steps(found, settings)):
        accumulation = settings.get("gradient_accumulation_steps", 1)
        spread = passes_on_answers(settings, found.batch // accumulation)
        if every * accumulation % spread:
            said.append(
                f"a checkpoint every {every} steps falls between answers written ({spread} forward passes are made on "
                "them): a step that is taken up again writes others and goes on a little differently"
            )
    return said


def _save_steps(found: Schedule, settings: dict[str, Any]) -> int:
    """Optimiser steps between two checkpoints; 0 where there are none."""
    if str(settings.get("save_strategy", "no")) != "steps" or not (every := settings.get("save_steps")):
        return 0
    return math.ceil(float(every) if every >= 1 else every * found.steps)
