"""The Pareto front of a run's models, with each model's support and the interval of the hypervolume."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Model
from unipref.core.run_folder import FrontRecord
from unipref.core.stats.front_error import FrontError, simulate_front
from unipref.core.stats.pareto import contributions, find_efficient_points, hypervolume

Floats = npt.NDArray[np.float64]
FEWEST = 2
"""With fewer trained models there is nothing to choose."""


@dataclass(frozen=True)
class Place:
    """A model's place: on the front or not, the hypervolume that only it adds, and its support."""

    is_on_front: bool = False
    contribution: float | None = None
    support: float | None = None


def compute_front(evidence: Evidence, models: Sequence[Model]) -> tuple[FrontRecord | None, dict[Model, Place]]:
    """Computes the front of the models measured on both sides.

    The reference point of the area is the base model or, without its scores, the worst value of each side in the run.

    Returns:
        The front, None without a second side; and the places of its models.
    """
    if len(evidence.sides) < 2:
        return None, {}
    instruction, bias = evidence.sides
    points: dict[Model, tuple[float, float]] = {}
    for model in models:
        x, y = evidence.compute_goodness(instruction, model), evidence.compute_goodness(bias, model)
        if x is not None and y is not None:
            points[model] = (x, y)
    if not points:
        return None, {}
    values = list(points.values())
    from_base = BASE_MODEL in points
    reference = points[BASE_MODEL] if from_base else (min(x for x, _ in values), min(y for _, y in values))
    parts = contributions(values, reference)
    error, supports = _simulate(evidence, points) if from_base else (None, {})
    places = {
        model: Place(is_on_front, round(part, 6), supports.get(model))
        for model, is_on_front, part in zip(points, find_efficient_points(values), parts, strict=True)
    }
    front = FrontRecord(
        hypervolume=round(hypervolume(values, reference), 6),
        reference=reference,
        measured_from="the base model" if from_base else "the worst value of each side in the run",
        models=[str(model) for model, place in places.items() if place.is_on_front],
        left_out=[str(model) for model in models if model not in points],
        hypervolume_unbiased=None if error is None else round(error.hypervolume, 6),
        low=None if error is None else round(error.low, 6),
        high=None if error is None else round(error.high, 6),
    )
    return front, places


def _simulate(
    evidence: Evidence, points: dict[Model, tuple[float, float]]
) -> tuple[FrontError | None, dict[Model, float]]:
    """Simulates the run again from the gains over the base model and their errors.

    The error of a gain is partly that of the base model and of the examples, which all models share: the smallest
    covariance of two gains. The rest is the model's own.
    """
    trained = [model for model in points if evidence.measured[next(iter(evidence.sides))][model].is_seeded]
    if len(trained) < FEWEST:
        return None, {}
    gains, own, common = np.zeros((len(trained), 2)), np.zeros((len(trained), 2)), np.zeros(2)
    for side, objective in enumerate(evidence.sides):
        found = evidence.split_errors(objective, trained)
        if found is None:
            return None, {}
        gains[:, side], own[:, side], common[side] = found
    error = simulate_front(gains, own, common, np.zeros((1, 2)))
    return error, {model: round(share, 3) for model, share in zip(trained, error.support, strict=True)}
