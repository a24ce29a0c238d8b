"""The order in which a run sees its rows: mixed, weighted and grouped by length, drawn anew each epoch.

TRL and transformers reshuffle one data set each epoch; they cannot draw sources in given shares, nor weight rows. So
unipref makes the whole run's order here, from numbers alone, and TRL reads the rows in that order from first to last.
The order depends on the seed alone, not on the machine.

Drawing a row more often equals, in expectation, weighting its loss: the mean loss of an epoch that holds each row in
proportion to its weight is the weighted mean loss. TRL's trainers take no weights; this works for all of them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from unipref.core.contracts import Settings
from unipref.core.errors import UserError, near_name
from unipref.train.data.row_usage import RowFacts

Positions = npt.NDArray[np.int64]
Sampling = Literal["group_by_length", "random", "sequential"]
WeighBy = Literal["confidence", "margin", "margin_percentile"]
WINDOW = 64
"""Forward passes whose rows are sorted by length together: more of them mean less padding and less randomness."""


class Mix(Settings):
    """Shares in which rows are drawn, by source or by objective; an epoch keeps its number of rows.

    With `temperature` T, a part of n rows has a share in proportion to n^(1/T): 1 leaves the data as they are, and a
    higher value makes the parts more equal (Conneau et al. 2020, arXiv 1911.02116). The rows of a small part repeat, a
    large part is seen only partly in one epoch; over several epochs, all its rows are drawn.
    """

    by: Literal["source", "objective"] = "source"
    """What the shares are of: sources or objectives."""
    shares: dict[str, float] | None = Field(default=None, min_length=1)
    """Name -> weight: a part's share is its weight over the sum of all. Name every part; 0 leaves it out."""
    temperature: float | None = Field(default=None, ge=1)
    """Evens out the parts' sizes."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Mix":
        if (self.shares is None) == (self.temperature is None):
            raise ValueError("give either 'shares' or 'temperature'")
        if self.shares is not None and (min(self.shares.values()) < 0 or sum(self.shares.values()) <= 0):
            raise ValueError("shares must be 0 or more, and at least one must be more than 0")
        return self

    def quotas(self, names: Mapping[str, int], sizes: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.float64]:
        """Computes the rows of each part in an epoch, not yet rounded.

        Args:
            names: part -> its position in `sizes`.
            sizes: number of rows of each part.
            rows: number of rows in an epoch.

        Raises:
            UserError: the shares do not name a part, or name one that has no rows.
        """
        if self.shares is None:
            weights = sizes.astype(np.float64) ** (1 / (self.temperature or 1.0))
            return np.asarray(rows * weights / weights.sum())
        for name, share in self.shares.items():
            if name not in names and share > 0:
                mend = near_name(name, names) or "Take it out, or set it to 0."
                raise UserError(f"no rows are left of the {self.by} '{name}'.", where="mix.shares", mend=mend)
        if missing := sorted(set(names) - set(self.shares)):
            mend = "Name it with its share; 0 leaves it out."
            raise UserError(f"the {self.by} '{missing[0]}' has no share.", where="mix.shares", mend=mend)
        weights = np.array([self.shares[name] for name in names], dtype=np.float64)
        if weights.sum() <= 0:
            raise UserError("no rows are left of the parts with a share above 0.", where="mix.shares")
        return np.asarray(rows * weights / weights.sum())


@dataclass(frozen=True)
class RowOrder:
    """How a run orders its rows.

    Attributes:
        sampling: grouped by length, at random, or as in the file.
        mix: shares of sources or objectives; None: all rows once.
        weigh_by: the number that a row's chance to be drawn is proportional to; None: all rows alike.
        batch: rows of one forward pass, over all processes.
    """

    sampling: Sampling
    mix: Mix | None
    weigh_by: WeighBy | None
    batch: int

    def order(self, facts: RowFacts, rows: int, seed: int) -> Positions:
        """Draws the positions of the rows of a whole run.

        Args:
            facts: of all available rows.
            rows: number of rows the run sees.
            seed: of the draw.

        Raises:
            UserError: the shares do not fit the data, or no row has the number to weight by.
        """
        random = np.random.default_rng(seed)
        stream = self._draw_epochs(facts, random)
        lengths = np.asarray(facts.lengths)
        parts: list[Positions] = []
        rest = np.empty(0, dtype=np.int64)
        while rows > 0:
            epoch = next(stream)
            epoch = (np.sort(epoch) if self.sampling == "sequential" else random.permutation(epoch))[:rows]
            rows -= len(epoch)
            if self.sampling == "group_by_length":
                epoch, rest = self._group_by_length(np.concatenate([rest, epoch]), lengths, random, first=not parts)
            parts.append(epoch)
        return np.concatenate([*parts, rest])

    def _group_by_length(
        self, rows: Positions, lengths: npt.NDArray[np.int32], random: np.random.Generator, first: bool
    ) -> tuple[Positions, Positions]:
        """Puts rows of similar length into one forward pass, the passes in random order.

        The rows come in random order. The shortest rows of the last window may not fill a pass; they are returned
        apart. At the beginning of a run, the pass with the longest row comes first, so that a lack of memory shows at
        once.
        """
        passes: list[Positions] = []
        for start in range(0, len(rows), WINDOW * self.batch):
            window = rows[start : start + WINDOW * self.batch]
            window = window[np.argsort(lengths[window], kind="stable")]
            short = len(window) % self.batch
            full = window[short:].reshape(-1, self.batch)
            passes += [random.permutation(full[i]) for i in random.permutation(len(full))]
        if first and passes:
            longest = int(np.argmax([lengths[one].max() for one in passes]))
            passes[0], passes[longest] = passes[longest], passes[0]
        return np.concatenate([rows[:0], *passes]), window[:short]

    def _draw_epochs(self, facts: RowFacts, random: np.random.Generator) -> Iterator[Positions]:
        """Yields the rows of one epoch after the other; the order within an epoch has no meaning."""
        n = len(facts)
        codes = np.zeros(n, dtype=np.int64)
        quotas = np.array([n], dtype=np.float64)
        if self.mix is not None:
            codes = np.asarray(facts.sources if self.mix.by == "source" else facts.objectives, dtype=np.int64)
            quotas = self.mix.quotas(facts.names[self.mix.by], np.bincount(codes), n)
        counts = _round_to_sum(quotas)
        weights = compute_row_weights(facts, self.weigh_by)
        samplers = [_RowSampler(np.flatnonzero(codes == part), weights, random) for part in range(len(quotas))]
        for sampler, count in zip(samplers, counts, strict=True):
            sampler.check_weights(count, self.weigh_by)
        while True:
            yield np.concatenate([sampler.draw(count) for sampler, count in zip(samplers, counts, strict=True)])


class _RowSampler:
    """Draws the rows of one part again and again: by weight, or each row once before any row repeats."""

    def __init__(self, rows: Positions, weights: npt.NDArray[np.float64] | None, random: np.random.Generator) -> None:
        self.rows, self.random = rows, random
        self.weights = None if weights is None else weights[rows]
        self.left = np.empty(0, dtype=np.int64)

    def check_weights(self, count: int, by: WeighBy | None) -> None:
        """Checks that rows can be drawn by weight.

        Raises:
            UserError: all rows weigh 0, although `count` rows are to be drawn.
        """
        if count and self.weights is not None and self.weights.sum() <= 0:
            raise UserError(
                f"all {len(self.rows)} rows of a part of the mix have a {by} of 0 or less, so none can be drawn.",
                where="weigh_by",
                mend="Set the share of that part to 0, or leave 'weigh_by' out.",
            )

    def draw(self, count: int) -> Positions:
        """Draws the next `count` rows."""
        if count == 0:
            return np.empty(0, dtype=np.int64)
        if self.weights is not None:
            return self._draw_by_weight(count, self.weights)
        while len(self.left) < count:
            self.left = np.concatenate([self.left, self.random.permutation(self.rows)])
        drawn, self.left = self.left[:count], self.left[count:]
        return drawn

    def _draw_by_weight(self, count: int, weights: npt.NDArray[np.float64]) -> Positions:
        """Systematic sampling: draws a row count x weight / sum of weights times, rounded up or down at random."""
        order = self.random.permutation(len(self.rows))
        ends = np.cumsum(weights[order])
        ticks = (np.arange(count) + self.random.random()) * (ends[-1] / count)
        at = np.minimum(np.searchsorted(ends, ticks, side="right"), len(order) - 1)
        return np.asarray(self.rows[order[at]])


def compute_row_weights(facts: RowFacts, by: WeighBy | None) -> npt.NDArray[np.float64] | None:
    """Computes each row's weight; a row without the number gets the mean of the others.

    A negative number counts as 0: all judgements together are against the label.

    Raises:
        UserError: no row has the number, or none is above 0.
    """
    if by is None:
        return None
    values = np.maximum(np.asarray(facts.numbers[by], dtype=np.float64), 0)
    has_value = ~np.isnan(values)
    if not has_value.any() or values[has_value].sum() <= 0:
        mend = "Leave 'weigh_by' out."
        if by != "margin_percentile" and not np.isnan(facts.numbers["margin_percentile"]).all():
            mend = "Set it to margin_percentile, which needs only two scores, or leave it out."
        lacks = f"{by} above 0, so none can be drawn" if has_value.any() else f"{by} to weight by"
        raise UserError(f"no row has a {lacks}.", where="weigh_by", mend=mend)
    return np.where(has_value, values, values[has_value].mean())


def _round_to_sum(quotas: npt.NDArray[np.float64]) -> list[int]:
    """Rounds to whole numbers of the same sum, by largest remainder."""
    whole = np.floor(quotas + 1e-9).astype(np.int64)
    missing = math.floor(quotas.sum() + 0.5) - int(whole.sum())
    for part in np.argsort(-(quotas - whole), kind="stable")[:missing]:
        whole[part] += 1
    return [int(count) for count in whole]
