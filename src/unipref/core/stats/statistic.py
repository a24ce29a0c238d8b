"""Statistics of a benchmark: functions of means over units, with the groups within which units are correlated.

A unit is what two models are paired by: a pair of sentences, a template, a prompt. A cluster is what was sampled
independently when the data were made: an occupation, a type of instruction, a target term. Every statistic here is a
function of the means of one or more columns over units. So one way to estimate its variance serves them all.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core.scores import Score
from unipref.core.stats import intervals
from unipref.core.stats.clusters import Grouping

Floats = npt.NDArray[np.float64]
OfMeans = Callable[[Floats], Floats]
SHARE = (0.0, 1.0)
"""The range of a share."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """A number computed from the means of columns over units of a benchmark.

    Attributes:
        metric: its name.
        units: (n,) unique names; two models are paired by them.
        values: (n,) or (n, k), one row per unit.
        of_means: (r,) or (r, k) means -> (r,) values; None: the mean itself.
        unit: what a unit is, in the plural: 'pairs', 'templates', 'prompts'.
        direction, mode, split, slice, ideal, chance: as in `scores.Score`.
        clusters: (n,) the independent group of each unit, such as its occupation; None: each unit is one.
        crossed: (n,) a second grouping that crosses `clusters`, such as the other occupation. A name in both columns
            is one group. None: there is no second one.
        bounds: the least and the greatest possible value, infinite where there is no limit; None: no limits.
        trials: number of yes-or-no answers of which the statistic is the share; None: it is not a share.
    """

    metric: str
    units: Sequence[str]
    values: Floats
    of_means: OfMeans | None = None
    unit: str = "examples"
    direction: str = "higher"
    mode: str = "corrected"
    split: str = "test"
    slice: str = "all"
    ideal: float | None = None
    chance: float | None = None
    clusters: Sequence[str] | None = None
    crossed: Sequence[str] | None = None
    bounds: tuple[float, float] | None = None
    trials: int | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Mode, split, slice and metric."""
        return self.mode, self.split, self.slice, self.metric

    @property
    def grouping(self) -> Grouping:
        """The clusters of its units."""
        return Grouping.of(self.units, self.clusters, self.crossed)

    def take(self, units: Sequence[str]) -> "Statistic":
        """Returns the statistic of some of its units, in their order; itself if it has no others."""
        if list(self.units) == list(units):
            return self
        place = {unit: at for at, unit in enumerate(self.units)}
        rows = [place[unit] for unit in units]
        clusters, crossed = (
            None if labels is None else [labels[at] for at in rows] for labels in (self.clusters, self.crossed)
        )
        trials = None if self.trials is None else round(self.trials * len(rows) / len(self.units))
        return dataclasses.replace(
            self, units=list(units), values=self.values[rows], clusters=clusters, crossed=crossed, trials=trials
        )

    def at(self, means: Floats) -> Floats:
        """Returns (r,) values at (r,) or (r, k) means."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return means if self.of_means is None else self.of_means(means)

    def score(self) -> Score:
        """Computes the value, its standard error and its 95 % interval over clusters."""
        value = float(self.at(self.values.mean(axis=0, keepdims=True))[0])
        grouping = self.grouping
        estimate = intervals.estimate(self.values, self.at, grouping, self.bounds, self.trials)
        return Score(
            metric=self.metric,
            value=value,
            n=len(self.values),
            direction=self.direction,
            low=estimate.low,
            high=estimate.high,
            stderr=estimate.error,
            mode=self.mode,
            split=self.split,
            slice=self.slice,
            unit=self.unit,
            ideal=self.ideal,
            chance=self.chance,
            n_clusters=grouping.count,
            interval=estimate.method,
        )


def mean(metric: str, units: Sequence[str], values: npt.ArrayLike, **fields: Any) -> Statistic:
    """Returns the mean of one value per unit, or (`of_means`) a function of it.

    If every value is 0, 1 or (a tie) a half, and no function is given, the statistic is a share.

    Args:
        metric: its name.
        units: (n,) unique names.
        values: (n,) numbers or booleans.
        fields: the other fields of `Statistic`.
    """
    numbers = np.asarray(values, dtype=np.float64)
    is_plain = numbers.ndim == 1 and fields.get("of_means") is None and fields.get("bounds", SHARE) == SHARE
    is_share = is_plain and are_answers(numbers)
    share: dict[str, Any] = {"bounds": SHARE, "trials": len(numbers)} if is_share else {}
    return Statistic(metric, units, numbers, **(share | fields))


def are_answers(values: Floats) -> bool:
    """Returns whether all values are 0, 1 or a half."""
    return bool(np.isin(values, (0.0, 0.5, 1.0)).all())


def pool_clusters(
    metric: str,
    units: Sequence[str],
    parts: npt.ArrayLike,
    wholes: npt.ArrayLike | None = None,
    of_ratio: OfMeans | None = None,
    **fields: Any,
) -> Statistic:
    """Returns sum(parts) / sum(wholes) over examples; a unit is a group of examples.

    Args:
        metric: its name.
        units: (m,) the unit each example belongs to.
        parts: (m,) numerators.
        wholes: (m,) denominators; None: 1 each, which gives the mean over examples.
        of_ratio: elementwise function of the ratio, such as `lambda share: 2 * share - 1`.
        fields: the other fields of `Statistic`; `clusters` and `crossed` have one entry per example.

    Returns:
        A statistic of two columns, in order of the units' names; NaN where the denominators sum to 0.
    """
    above = np.asarray(parts, dtype=np.float64)
    below = np.ones_like(above) if wholes is None else np.asarray(wholes, dtype=np.float64)

    def of_means(means: Floats) -> Floats:
        ratio = means[:, 0] / means[:, 1]
        return ratio if of_ratio is None else of_ratio(ratio)

    is_share = wholes is None and of_ratio is None and fields.get("bounds", SHARE) == SHARE and are_answers(above)
    share: dict[str, Any] = {"bounds": SHARE, "trials": len(above)} if is_share else {}
    return sum_clusters(metric, units, np.stack([above, below], axis=1), of_means, **(share | fields))


def sum_clusters(
    metric: str,
    units: Sequence[str],
    columns: npt.ArrayLike,
    of_means: OfMeans,
    *,
    clusters: Sequence[str] | None = None,
    crossed: Sequence[str] | None = None,
    **fields: Any,
) -> Statistic:
    """Returns a function of sums of columns over examples; a unit is a group of examples.

    Args:
        metric: its name.
        units: (m,) the unit each example belongs to.
        columns: (m, k) values of each example.
        of_means: (r, k) sums, all divided by the same number -> (r,) values; must not depend on that number.
        clusters: (m,) the independent group of each example; equal within a unit.
        crossed: (m,) its group in a second, crossed grouping; equal within a unit.
        fields: the other fields of `Statistic`.

    Returns:
        A statistic of k columns, in order of the units' names.

    Raises:
        ValueError: a unit lies in two clusters.
    """
    names, first, codes = np.unique(np.asarray(units, dtype=np.str_), return_index=True, return_inverse=True)
    table = np.asarray(columns, dtype=np.float64)
    sums = [np.bincount(codes, weights=column, minlength=len(names)) for column in table.T]
    groups = [_cluster_units(labels, first, codes) for labels in (clusters, crossed)]
    stacked = np.stack(sums, axis=1).astype(np.float64)
    return Statistic(metric, names.tolist(), stacked, of_means, clusters=groups[0], crossed=groups[1], **fields)


def _cluster_units(
    labels: Sequence[str] | None, first: npt.NDArray[np.intp], codes: npt.NDArray[np.intp]
) -> list[str] | None:
    """Returns the cluster of each unit from those of its examples."""
    if labels is None:
        return None
    names = np.asarray(labels, dtype=np.str_)
    of_units = names[first]
    if not np.array_equal(of_units[codes], names):
        raise ValueError("a unit lies in two clusters: pair by smaller units, or give the clusters as `crossed`")
    return [str(name) for name in of_units]
