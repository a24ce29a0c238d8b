"""The curves of training, from the manifest: each step's figures and dev scores over its optimiser steps."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from unipref.report.content import Figure, level, number
from unipref.report.tables import Manifest, leaves

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
"""Figures that are drawn, of those a trainer logs, in this order; all are in `curve.jsonl`."""
LINES, FIGURES, POINTS, TOLD = 24, 24, 120, 8
"""Most lines in a figure, figures on the page, points of a line, and runs of which the last value is told in words."""
MOST_POINTS = 1500
"""Most points in a figure: of many lines each has fewer."""

Series = list[tuple[float, float]]


class Run(NamedTuple):
    """One training of a step."""

    variant: str
    seed: str

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"


def curve_figures(train: Manifest) -> tuple[list[Figure], str]:
    """A figure for each training step and figure, a line for each variant and seed.

    Returns:
        The figures, and what was left out of them in words; empty where nothing was.
    """
    named = dict(_named(train))
    figures = [_figure(title, runs, chance) for title, (runs, chance) in list(named.items())[:FIGURES]]
    left = []
    if more := len(named) - len(figures):
        left.append(f"{more} more figures are not drawn; their numbers are in curve.jsonl of each step.")
    if any(len(runs) > LINES for runs, _ in named.values()):
        left.append(f"Only the first {LINES} of a step's runs are drawn.")
    return figures, " ".join(left)


def _named(train: Manifest) -> Iterator[tuple[str, tuple[dict[Run, Series], float | None]]]:
    """Title -> run -> points, and the chance level, in the order of steps and figures."""
    found: dict[str, dict[str, tuple[dict[Run, Series], float | None]]] = {}
    for variant, seed, fits in leaves(train):
        for step, fit in fits.items():
            for title, series, chance in _series(fit):
                runs, _ = found.setdefault(step, {}).setdefault(title, ({}, chance))
                runs[Run(variant, seed)] = series
    for step, by_title in found.items():
        for title, value in by_title.items():
            yield f"{step}: {title}", value


def _series(fit: Manifest) -> Iterator[tuple[str, Series, float | None]]:
    """Every line of one run with more than one point: its title, its points and the chance level."""
    for name, words in LOGGED.items():
        points = [(p["step"], p[name]) for p in fit.get("curve") or [] if "step" in p and _is_number(p.get(name))]
        if len(points) > 1:
            yield words, points, None
    dev = fit.get("dev") or []
    for name in dev[0]["scores"] if dev else ():
        points = [(p["step"], p["scores"][name]["value"]) for p in dev if name in p["scores"]]
        points = [(step, value) for step, value in points if _is_number(value)]
        if len(points) > 1:
            yield f"dev {name}", points, dev[0]["scores"][name].get("chance")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _figure(title: str, runs: dict[Run, Series], chance: float | None) -> Figure:
    shown = list(runs.items())[:LINES]
    traces = []
    for run, series in shown:
        thin = _thinned(series, min(POINTS, MOST_POINTS // len(shown)))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": str(run),
                "legendgroup": run.variant,
                "meta": {"variant": run.variant},
                "x": [step for step, _ in thin],
                "y": [float(f"{value:.5g}") for _, value in thin],
            }
        )
    layout: dict[str, Any] = {"xaxis": {"title": {"text": "optimiser steps"}}, "hovermode": "closest"}
    if chance is not None:
        layout["shapes"] = [level("y", chance, "chance")]
    ends = [f"{run}: {number(series[-1][1])}" for run, series in shown[:TOLD]]
    more = [f"{len(shown) - TOLD} more"] if len(shown) > TOLD else []
    note = "" if chance is None else f"Chance: {number(chance)}."
    return Figure(title, traces, layout, f"At the end, {'; '.join(ends + more)}.", note)


def _thinned(series: Series, most: int) -> Series:
    """At most so many of the points, evenly spread, the last one among them."""
    if len(series) <= most:
        return series
    return [series[round(i * (len(series) - 1) / (most - 1))] for i in range(most)]
