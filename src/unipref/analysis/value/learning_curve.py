"""The learning curve of a source, and its extrapolation to more labels.

The gain is taken as linear in the logarithm of the number of preferences. Its slope is that of least squares through
the models that were trained with some parts of the source. It is a weighted sum of their figures, so its interval is
that of any such sum: over seeds and clusters of examples (docs/verdicts.md).
"""

import math
from collections.abc import Mapping, Sequence

from unipref.analysis.verdicts.evidence import Evidence, Model, Weights
from unipref.core.run_folder import GainRecord, NextLabels

SMALLEST = 1e-12
"""Weights below this are rounding errors."""


def extrapolate(
    evidence: Evidence, objective: str, models: Mapping[float, Model], preferences: float, more: int | None
) -> NextLabels:
    """Extrapolates the learning curve of a source on one objective.

    There is no extrapolation if a model is missing, if the curve surely bends, or beyond the measured range: at most
    as many times the preferences as the whole has of the smallest part.

    Args:
        evidence: the figures.
        objective: of the figures.
        models: part of the source that is kept -> the model that was trained with it; 1 for the whole.
        preferences: number of the whole source.
        more: further preferences; None: unknown.
    """
    parts = sorted(models)
    missing = [part for part in parts if models[part] not in evidence.measured.get(objective, {})]
    if missing or len(parts) < 2:
        absent = ", ".join(f"{part:g}" for part in missing)
        return NextLabels(why_none=f"no model of the parts {absent}" if missing else "no part of it was trained on")
    slope = _weigh(models, _find_slope([math.log2(part) for part in parts]))
    found = NextLabels(per_doubling=_record(evidence, objective, slope))
    if len(parts) > 2:
        bend = evidence.compute_sum(objective, _weigh(models, _find_bend([math.log2(part) for part in parts])))
        if bend is not None:
            found.bend = bend.record()
            if bend.is_above(0.0) or bend.is_below(0.0):
                found.why_none = "the curve bends, so that it is not linear in the logarithm"
    if more is None or preferences <= 0:
        found.why_none = found.why_none or "the number of its labels is unknown"
    elif (times := (preferences + more) / preferences) > 1 / parts[0] + 1e-9:
        found.why_none = found.why_none or (
            f"beyond the measured range: {times:.1f} times its preferences, at most {1 / parts[0]:g} times"
        )
    if not found.why_none and more is not None:
        doublings = math.log2((preferences + more) / preferences)
        found.gain = _record(evidence, objective, tuple((model, weight * doublings) for model, weight in slope))
        if found.gain is None:
            found.why_none = "the models share no seeds or examples"
    return found


def _record(evidence: Evidence, objective: str, weights: Weights) -> GainRecord | None:
    gain = evidence.compute_sum(objective, weights)
    return None if gain is None else gain.record()


def _weigh(models: Mapping[float, Model], weights: Sequence[float]) -> Weights:
    """Pairs the models, by ascending part, with their weights; without those of weight 0."""
    pairs = zip((models[part] for part in sorted(models)), weights, strict=True)
    return tuple((model, weight) for model, weight in pairs if abs(weight) > SMALLEST)


def _find_slope(x: Sequence[float]) -> list[float]:
    """Returns the weights of the slope of least squares over x."""
    middle = sum(x) / len(x)
    square = sum((one - middle) ** 2 for one in x)
    return [(one - middle) / square for one in x]


def _find_bend(x: Sequence[float]) -> list[float]:
    """Returns the weights of the slope between the last two minus that between the first two."""
    weights = [0.0] * len(x)
    for sign, left, right in ((1.0, len(x) - 2, len(x) - 1), (-1.0, 0, 1)):
        weights[right] += sign / (x[right] - x[left])
        weights[left] -= sign / (x[right] - x[left])
    return weights
