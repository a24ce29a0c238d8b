"""Batch arithmetic: rows per optimiser step, optimiser steps per epoch, and how often the run sees each row."""

import math
from dataclasses import dataclass
from typing import Any

from unipref.core.errors import UserError

MANY_EPOCHS = 10.0
FEW_EPOCHS = 0.5
"""Passes over the rows above and below which unipref warns: the model memorises rows, or never sees them."""


@dataclass(frozen=True)
class Schedule:
    """What the settings amount to for a given number of rows.

    Attributes:
        batch: rows (for reinforcement learning: answers) per optimiser step, over all processes.
        steps: optimiser steps of the run.
        epochs: passes over the rows.
    """

    batch: int
    steps: int
    epochs: float


def compute_schedule(settings: dict[str, Any], rows: int, processes: int) -> Schedule:
    """Computes the schedule of a trainer that reads each row once per epoch.

    Args:
        settings: TRL's settings, by TRL's names.
        rows: number of rows the trainer can use.
        processes: number of processes that train together.

    Raises:
        UserError: the rows do not fill one batch, although the settings drop an unfilled batch.
    """
    size, accumulation = settings["per_device_train_batch_size"], settings.get("gradient_accumulation_steps", 1)
    if settings.get("dataloader_drop_last") and rows < size * processes:
        raise UserError(
            f"{rows} rows do not fill one batch of {size} x {processes} processes, and the settings drop such a batch.",
            mend="Lower per_device_train_batch_size, or set dataloader_drop_last: false.",
        )
    batch = size * accumulation * processes
    if settings["max_steps"] > 0:
        return Schedule(batch, settings["max_steps"], settings["max_steps"] * batch / rows)
    # Epochs follow each other without a break: a batch may hold the end of one and the beginning of the next.
    round_batches = math.floor if settings.get("dataloader_drop_last") else math.ceil
    passes = round_batches(math.ceil(settings["num_train_epochs"] * rows) / (size * processes))
    return Schedule(batch, max(math.ceil(passes / accumulation), 1), float(settings["num_train_epochs"]))


def compute_online_schedule(settings: dict[str, Any], prompts: int, processes: int) -> Schedule:
    """Computes the schedule of reinforcement learning, where the policy answers each prompt `num_generations` times.

    Raises:
        UserError: the answers generated at once do not form full groups, or there are too few prompts for them.
    """
    size, accumulation = settings["per_device_train_batch_size"], settings.get("gradient_accumulation_steps", 1)
    group = settings["num_generations"]
    if (generated := settings.get("generation_batch_size")) is None:
        generated = size * processes * (settings.get("steps_per_generation") or accumulation)
    if generated % (size * processes):
        raise UserError(
            f"generation_batch_size is {generated}, not a multiple of the {size * processes} answers of one forward "
            f"pass (per_device_train_batch_size x {processes} processes).",
            mend=f"Set it to a multiple of {size * processes}.",
        )
    if generated % group:
        raise UserError(
            f"the {generated} answers generated at once (per_device_train_batch_size x steps_per_generation x "
            f"{processes} processes) are not a multiple of num_generations = {group}.",
            mend="Make the first a multiple of the second.",
        )
    needed = generated // group
    if prompts < needed:
        raise UserError(
            f"{prompts} distinct prompts fit, but one batch of answers needs {needed}.",
            mend="Lower per_device_train_batch_size, or raise num_generations.",
        )
    forward = generated // (size * processes) * settings.get("num_iterations", 1)
    per_epoch = max(math.ceil(prompts // needed * forward / accumulation), 1)
    return _schedule_per_epoch(settings, size * accumulation * processes, per_epoch)


def _schedule_per_epoch(settings: dict[str, Any], batch: int, per_epoch: int) -> Schedule:
    """The schedule from the optimiser steps per epoch; `max_steps` decides if it is set."""
    if settings["max_steps"] > 0:
        return Schedule(batch, settings["max_steps"], settings["max_steps"] / per_epoch)
    epochs = settings["num_train_epochs"]
    return Schedule(batch, math.ceil(epochs * per_epoch), float(epochs))


def count_passes_on_answers(settings: dict[str, Any], at_once: int) -> int:
    """Counts the forward passes over the answers generated at once.

    Args:
        settings: TRL's settings, by TRL's names.
        at_once: answers in one forward pass, over all processes.
    """
    spread = settings.get("steps_per_generation") or settings.get("gradient_accumulation_steps", 1)
    if (generated := settings.get("generation_batch_size")) is not None:
        spread = generated // at_once
    return int(spread * settings.get("num_iterations", 1))


def check_schedule(planned: Schedule, settings: dict[str, Any], online: bool) -> list[str]:
    """Returns warnings about a schedule: rows seen too often or too rarely, warm-up, checkpoints between answers."""
    warnings = []
    if planned.epochs > MANY_EPOCHS:
        warnings.append(f"{planned.steps} steps of {planned.batch} see each row {planned.epochs:.1f} times")
    if planned.epochs < FEW_EPOCHS and not online:
        warnings.append(f"{planned.steps} steps of {planned.batch} see only {planned.epochs:.0%} of the rows")
    if (warmup := settings.get("warmup_steps") or 0) >= planned.steps and warmup >= 1:
        warnings.append(
            f"the learning rate is still warming up (warmup_steps {warmup:g}) when the {planned.steps} steps end"
        )
    if online and (every := _checkpoint_interval(planned, settings)):
        accumulation = settings.get("gradient_accumulation_steps", 1)
        spread = count_passes_on_answers(settings, planned.batch // accumulation)
        if every * accumulation % spread:
            warnings.append(
                f"a checkpoint every {every} steps falls within the {spread} forward passes over one batch of answers: "
                "a resumed step generates new answers and its results differ slightly"
            )
    return warnings


def _checkpoint_interval(planned: Schedule, settings: dict[str, Any]) -> int:
    """Optimiser steps between two checkpoints; 0 without checkpoints."""
    if str(settings.get("save_strategy", "no")) != "steps" or not (every := settings.get("save_steps")):
        return 0
    return math.ceil(float(every) if every >= 1 else every * planned.steps)
