"""The scales on which sources rate answers: their means and standard deviations, and a pair's ratings on them."""

import dataclasses
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from unipref.core.records import Row
from unipref.train.data.pair_columns import (
    CHOSEN_RATINGS,
    RATING_SCALES,
    REJECTED_RATINGS,
    label_scales,
    read_axis,
)

RATINGS = "ratings"
"""The key of the ratings in a batch."""


@dataclass(frozen=True)
class Scale:
    """One axis of one source.

    Attributes:
        place: the output that predicts it.
        mean, spread: mean and standard deviation of its ratings.
        n: number of its ratings.
    """

    place: int
    mean: float
    spread: float
    n: int


@dataclass(frozen=True)
class RatingScales:
    """The scales of a data set that have more than one value.

    Attributes:
        scales: by name (`name_scale`).
        rated, unrated: how many of its rows have a rating on one of them, and how many have none.
        outputs: number of outputs that predict them.
    """

    scales: Mapping[str, Scale]
    rated: int
    unrated: int
    outputs: int

    def stack(self, examples: Sequence[Row]) -> torch.Tensor:
        """Makes (b, 2, k) ratings of chosen and rejected in standard deviations from the scale's mean, NaN without."""
        ratings = torch.full((len(examples), 2, self.outputs), torch.nan)
        for row, example in enumerate(examples):
            for name, *sides in zip(*(example[key] for key in (RATING_SCALES, *_SIDES)), strict=True):
                if (scale := self.scales.get(name)) is not None:
                    ratings[row, :, scale.place] = (torch.tensor(sides) - scale.mean) / scale.spread
        return ratings

    def describe(self) -> dict[str, Any]:
        """Describes the scales for the step's figures."""
        labels = label_scales(self.scales)
        names = {
            labels[name]: {"ratings": scale.n, "mean": round(scale.mean, 6), "spread": round(scale.spread, 6)}
            for name, scale in self.scales.items()
        }
        return {"known": self.rated, "missing": self.unrated, "scales": names}


_SIDES = (CHOSEN_RATINGS, REJECTED_RATINGS)


def measure_scales(rows: Iterable[Row]) -> RatingScales:
    """Measures the scales of rows with the columns of `make_rating_columns`, and gives each an output of its own."""
    return _measure(rows, lambda names: {name: place for place, name in enumerate(sorted(names))})


def measure_axes(rows: Iterable[Row], axes: Sequence[str] | None) -> tuple[RatingScales, list[str]]:
    """Measures the scales of rows with the columns of `make_rating_columns`; scales of one axis share an output.

    Args:
        rows: the rows; numbers of them are held, but no texts.
        axes: the axes in the order of their outputs; None: all that have more than one value, by name.

    Returns:
        The scales, and the axes in the order of their outputs.
    """
    order: list[str] = list(axes or [])

    def assign(names: Iterable[str]) -> dict[str, int]:
        axis_of = {name: read_axis(name) for name in names}
        if axes is None:
            order.extend(sorted(set(axis_of.values())))
        return {name: order.index(axis) for name, axis in axis_of.items() if axis in order}

    scales = _measure(rows, assign)
    return dataclasses.replace(scales, outputs=len(order)), order


def _measure(rows: Iterable[Row], assign: Callable[[Iterable[str]], Mapping[str, int]]) -> RatingScales:
    """Measures scales; `assign` gives the output of each that has more than one value, or leaves it out."""
    values: dict[str, array[float]] = {}
    groups: Counter[frozenset[str]] = Counter()
    for row in rows:
        groups[frozenset(row[RATING_SCALES])] += 1
        for name, *sides in zip(*(row[key] for key in (RATING_SCALES, *_SIDES)), strict=True):
            values.setdefault(name, array("d")).extend(score for score in sides if score == score)
    spreads = {name: float(np.std(scores)) for name, scores in values.items() if len(scores)}
    places = assign([name for name, spread in spreads.items() if spread > 0])
    scales = {
        name: Scale(places[name], float(np.mean(values[name])), spreads[name], len(values[name]))
        for name in sorted(places)
    }
    rated = sum(count for group, count in groups.items() if not group.isdisjoint(scales))
    return RatingScales(scales, rated, groups.total() - rated, len(set(places.values())))
