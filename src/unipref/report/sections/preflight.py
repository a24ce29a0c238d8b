"""What was found before training, from the manifest: rows, tokens, batches and memory of every step."""

import math
from collections.abc import Mapping

from unipref.core.run_folder import CheckedStep, Preflight, each_seed
from unipref.core.run_folder.training_records import MemoryNeed, StepSchedule, TokenCounts
from unipref.report.content import Cell, Column, Points, Section, Table, format_count, format_number
from unipref.report.tables import merge_sentences

HEADS = ["rows", "used", "median tokens", "95 %", "longest", "limit", "batch", "steps", "epochs"]
HEADS += ["parameters", "trained", "memory, GB", "free, GB"]


def check_section(preflight: Mapping[str, Mapping[str, Preflight]]) -> Section | None:
    """The section on the checks before training; None where nothing was to be trained."""
    rows: list[list[Cell]] = []
    accuracies, warnings = list[tuple[str, str]](), list[tuple[str, str]]()
    for variant, seed, checks in each_seed(preflight):
        subject = f"{variant}, seed {seed}"
        own = checks.model.accuracy if checks.model else None
        if own is not None and own.accuracy is not None:
            ranks = (
                f"before training the model ranks the chosen answer first in {format_number(own.accuracy)} of "
                f"{own.n} pairs of {own.of} (95 % interval {format_number(own.low)} to {format_number(own.high)})."
            )
            accuracies.append((subject, ranks))
        warnings += [(subject, text) for text in checks.warnings]
        rows += [_row(variant, seed, name, step) for name, step in checks.steps.items()]
    if not rows:
        return None
    columns = [Column(head, numeric=False) for head in ("variant", "seed", "step")] + [Column(head) for head in HEADS]
    note = (
        "Memory is weights, gradients and optimiser, counted, and the estimate of what a batch keeps, of one process."
    )
    table = Table("What each step was found to need", columns, rows, note, folded=True)
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
