"""The section on checks before training: rows, tokens, batches and memory of every step."""

import math
from collections.abc import Mapping

from unipref.core.run_folder import CheckedStep, Preflight, each_seed
from unipref.core.run_folder.training_records import MemoryNeed, StepSchedule, TokenCounts
from unipref.report.content import Cell, Column, Points, Section, Table, format_count, format_number
from unipref.report.tables import merge_sentences

HEADS = ["rows", "used", "median tokens", "95 %", "longest", "limit", "batch", "steps", "epochs"]
HEADS += ["parameters", "trained", "memory, GB", "free, GB"]


def make_check_section(preflight: Mapping[str, Mapping[str, Preflight]]) -> Section | None:
    """The section; None if the study has no training steps."""
    rows: list[list[Cell]] = []
    accuracies, warnings = list[tuple[str, str]](), list[tuple[str, str]]()
    for variant, seed, checks in each_seed(preflight):
        subject = f"{variant}, seed {seed}"
        estimate = checks.model.accuracy if checks.model else None
        if estimate is not None and estimate.accuracy is not None:
            interval = f"95 % interval {format_number(estimate.low)} to {format_number(estimate.high)}"
            sentence = (
                f"before training the model ranks the chosen answer first in {format_number(estimate.accuracy)} of "
                f"{estimate.n} {'of the shortest ' if estimate.shortest else ''}pairs of {estimate.of} ({interval})."
            )
            accuracies.append((subject, sentence))
        warnings += [(subject, text) for text in checks.warnings]
        rows += [_row(variant, seed, name, step) for name, step in checks.steps.items()]
    if not rows:
        return None
    columns = [Column(head, numeric=False) for head in ("variant", "seed", "step")] + [Column(head) for head in HEADS]
    note = (
        "Memory per process: weights, gradients and optimiser (exact), plus an estimate of the activations of a batch."
    )
    table = Table("Requirements of each step", columns, rows, note, folded=True)
    points = [Points("Warnings before training", merge_sentences(warnings))] if warnings else []
    return Section("Checks before training", paragraphs=merge_sentences(accuracies), points=points, tables=[table])


def _row(variant: str, seed: str, name: str, step: CheckedStep) -> list[Cell]:
    tokens = step.tokens or TokenCounts()
    schedule, memory = step.schedule or StepSchedule(), step.memory or MemoryNeed()
    cells = [variant, seed, name, format_count(step.rows), format_count(step.used)]
    lengths = (tokens.median, tokens.p95, tokens.max, tokens.limit)
    cells += [
        format_count(round(length)) if length is not None and math.isfinite(length) else "–" for length in lengths
    ]
    cells += [format_count(schedule.batch), format_count(schedule.steps), format_number(schedule.epochs)]
    cells += [format_count(step.parameters), format_count(step.trained)]
    cells += ["–" if size is None else f"{size / 2**30:.2f}" for size in (memory.total, memory.free)]
    return [Cell(text) for text in cells]
