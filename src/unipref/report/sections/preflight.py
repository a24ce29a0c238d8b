"""What was found before training, from the manifest: rows, tokens, batches and memory of every step."""

from typing import Any

from unipref.report.content import Cell, Column, Points, Section, Table, count, number
from unipref.report.tables import together

HEADS = ["rows", "used", "median tokens", "95 %", "longest", "limit", "batch", "steps", "epochs"]
HEADS += ["parameters", "trained", "memory, GB", "free, GB"]


def check_section(preflight: dict[str, Any]) -> Section | None:
    """The section on the checks before training; None where nothing was to be trained."""
    rows: list[list[Cell]] = []
    said, warnings = list[tuple[str, str]](), list[tuple[str, str]]()
    for variant, by_seed in preflight.items():
        for seed, found in by_seed.items():
            whom = f"{variant}, seed {seed}"
            own = (found.get("model") or {}).get("accuracy") or {}
            if own.get("accuracy") is not None:
                ranks = (
                    f"before training the model ranks the chosen answer first in {number(own['accuracy'])} of "
                    f"{own['n']} pairs of {own['of']} (95 % interval {number(own['low'])} to {number(own['high'])})."
                )
                said.append((whom, ranks))
            warnings += [(whom, str(text)) for text in found.get("warnings") or []]
            rows += [_row(variant, seed, step, facts) for step, facts in (found.get("steps") or {}).items()]
    if not rows:
        return None
    columns = [Column(head, numeric=False) for head in ("variant", "seed", "step")] + [Column(head) for head in HEADS]
    note = (
        "Memory is weights, gradients and optimiser, counted, and the estimate of what a batch keeps, of one process."
    )
    table = Table("What each step was found to need", columns, rows, note, folded=True)
    points = [Points("Warnings before training", together(warnings))] if warnings else []
    return Section("Checks before training", paragraphs=together(said), points=points, tables=[table])


def _row(variant: str, seed: str, step: str, facts: dict[str, Any]) -> list[Cell]:
    tokens, plan, memory = (facts.get(key) or {} for key in ("tokens", "schedule", "memory"))
    cells = [variant, seed, step, count(facts.get("rows")), count(facts.get("used"))]
    cells += [count(round(tokens[key])) if key in tokens else "–" for key in ("median", "p95", "max", "limit")]
    cells += [count(plan.get("batch")), count(plan.get("steps")), number(plan.get("epochs"))]
    cells += [count(facts.get("parameters")), count(facts.get("trained"))]
    cells += ["–" if key not in memory else f"{memory[key] / 2**30:.2f}" for key in ("total", "free")]
    return [Cell(text) for text in cells]
