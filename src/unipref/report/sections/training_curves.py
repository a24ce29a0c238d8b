"""Training curves: logged metrics and dev scores over the optimiser steps of each training step."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from unipref.core.run_folder import Manifest, TrainedStep
from unipref.report.content import Figure, format_number, reference_line
from unipref.report.guard import draw

LOGGED = {
    "loss": "loss",
    "eval_loss": "loss on dev rows",
    "accuracy": "accuracy on the batch",
    "rewards/accuracies": "accuracy of the implicit rewards on the batch",
    "reward": "mean reward",
    "probe/reward": "mean reward on fixed prompts",
    "kl": "KL, nats per token",
    "entropy": "entropy, nats per token",
    "completions/mean_length": "mean length of answers, tokens",
}
"""Logged metrics with a figure, in this order -> their titles; `curve.jsonl` has all metrics."""
LINES, FIGURES, POINTS, MOST_IN_TEXT = 24, 24, 120, 8
"""Most lines in a figure, figures on the page, points of a line, and runs in the description of a figure."""
MOST_POINTS = 1500
"""Most points in a figure; with many lines, each has fewer points."""

Series = list[tuple[float, float]]


class Run(NamedTuple):
    """A variant and seed."""

    variant: str
    seed: str

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"


def make_curve_figures(manifest: Manifest) -> tuple[list[Figure], str]:
    """A figure for each training step and logged metric, with a line for each variant and seed.

    Returns:
        The figures, and a sentence on what they leave out, which may be empty.
    """
    by_title = dict(_group_by_title(manifest))
    drawn = list(by_title.items())[:FIGURES]
    figures = [figure for title, (runs, chance) in drawn for figure in draw(title, _figure, title, runs, chance)]
    left_out = []
    if more := len(by_title) - len(drawn):
        left_out.append(f"{more} more figures are not drawn; curve.jsonl of each step has their numbers.")
    if any(len(runs) > LINES for runs, _ in by_title.values()):
        left_out.append(f"Only the first {LINES} of a step's runs are drawn.")
    return figures, " ".join(left_out)


def _group_by_title(manifest: Manifest) -> Iterator[tuple[str, tuple[dict[Run, Series], float | None]]]:
    """Yields title -> (run -> points, chance level), in the order of steps and metrics."""
    by_step: dict[str, dict[str, tuple[dict[Run, Series], float | None]]] = {}
    for variant, seed, step, trained in manifest.trained_steps():
        for title, series, chance in _series(trained):
            runs, _ = by_step.setdefault(step, {}).setdefault(title, ({}, chance))
            runs[Run(variant, seed)] = series
    for step, by_title in by_step.items():
        for title, value in by_title.items():
            yield f"{step}: {title}", value


def _series(trained: TrainedStep) -> Iterator[tuple[str, Series, float | None]]:
    """Yields the lines of one run with at least two points: title, points and chance level."""
    for name, title in LOGGED.items():
        points = [(p["step"], p[name]) for p in trained.curve if _is_number(p.get("step")) and _is_number(p.get(name))]
        if len(points) > 1:
            yield title, points, None
    for name, first in trained.dev[0].scores.items() if trained.dev else ():
        values = [(point.step, point.scores[name].value) for point in trained.dev if name in point.scores]
        points = [(step, value) for step, value in values if value is not None and _is_number(value)]
        if len(points) > 1:
            yield f"dev {name}", points, first.chance


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _figure(title: str, runs: dict[Run, Series], chance: float | None) -> Figure:
    visible_runs = list(runs.items())[:LINES]
    traces = []
    for run, series in visible_runs:
        points = _thin(series, min(POINTS, MOST_POINTS // len(visible_runs)))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": str(run),
                "legendgroup": run.variant,
                "meta": {"variant": run.variant},
                "x": [step for step, _ in points],
                "y": [float(f"{value:.5g}") for _, value in points],
            }
        )
    layout: dict[str, Any] = {"xaxis": {"title": {"text": "optimiser steps"}}, "hovermode": "closest"}
    if chance is not None:
        layout["shapes"] = [reference_line("y", chance, "chance")]
    ends = [f"{run}: {format_number(series[-1][1])}" for run, series in visible_runs[:MOST_IN_TEXT]]
    more = [f"{len(visible_runs) - MOST_IN_TEXT} more"] if len(visible_runs) > MOST_IN_TEXT else []
    note = "" if chance is None else f"Chance: {format_number(chance)}."
    return Figure(title, traces, layout, f"Last values: {'; '.join(ends + more)}.", note)


def _thin(series: Series, most: int) -> Series:
    """At most `most` of the points, evenly spaced, including the last."""
    if len(series) <= most:
        return series
    return [series[round(i * (len(series) - 1) / (most - 1))] for i in range(most)]
