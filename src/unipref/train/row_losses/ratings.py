"""The scales on which sources rate answers: their means and standard deviations, and a pair's ratings on them."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from unipref.core.records import Row
from unipref.train.data.pair_columns import CHOSEN_RATINGS, RATING_SCALES, REJECTED_RATINGS, label_scales

RATINGS = "ratings"
"""The key of the ratings in a batch."""


@dataclass(frozen=True)
class Scale:
    """One axis of one source.

    Attributes:
        place: its place among all scales.
        mean, spread: mean and standard deviation of its ratings.
        n: number of its ratings.
    """

    place: int
    mean: float
    spread: float
    n: int


@dataclass(frozen=True)
class RatingScales:
    """All scales of a data set that have more than one value, by name, and how many of its rows have a rating."""

    scales: Mapping[str, Scale]
    rated: int
    unrated: int

    def stack(self, examples: Sequence[Row]) -> torch.Tensor:
        """Makes (b, 2, k) ratings of chosen and rejected in standard deviations from the scale's mean, NaN without."""
        ratings = torch.full((len(examples), 2, len(self.scales)), torch.nan)
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
    """Measures the scales of rows with the columns of `make_rating_columns`; holds numbers of rows, but no texts."""
    values: dict[str, array[float]] = {}
    groups: Counter[frozenset[str]] = Counter()
    for row in rows:
        groups[frozenset(row[RATING_SCALES])] += 1
        for name, *sides in zip(*(row[key] for key in (RATING_SCALES, *_SIDES)), strict=True):
            values.setdefault(name, array("d")).extend(score for score in sides if score == score)
    spreads = {name: float(np.std(scores)) for name, scores in values.items()}
    names = sorted(name for name, spread in spreads.items() if spread > 0)
    scales = {
        name: Scale(place, float(np.mean(values[name])), spreads[name], len(values[name]))
        for place, name in enumerate(names)
    }
    rated = sum(count for group, count in groups.items() if not group.isdisjoint(scales))
    return RatingScales(scales, rated, groups.total() - rated)
