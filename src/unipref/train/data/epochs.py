"""The order in which a run sees its rows: mixed, weighed and grouped by length, drawn afresh each epoch.

TRL and transformers shuffle one data set over and over; they cannot draw sources in given shares, nor weigh rows. So
the whole run's order is made here, from numbers alone, and TRL is given the rows in that order, to be read once from
front to back. It follows from the seed, whatever the machine.

Drawing a row more often is the same, in expectation, as weighing its loss: the mean loss of an epoch that holds each
row in proportion to its weight is the weighted mean loss. TRL's trainers take no weights; this works for all of them.
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
from unipref.train.data.rows import Facts

Positions = npt.NDArray[np.int64]
Sampling = Literal["group_by_length", "random", "sequential"]
WINDOW = 64
"""Forward passes whose rows are sorted by length together: the more, the less padding and the less chance."""


class Mix(Settings):
    """Shares in which rows are drawn, by source or by objective; an epoch keeps its number of rows.

    With `temperature` T a part of n rows has a share in proportion to n^(1/T): 1 is the data as it is, and the higher
    it is the more equal the parts (Conneau et al. 2020, arXiv 1911.02116). A small part is repeated, a large one seen
    in part; over the epochs all of its rows get their turn.
    """

    by: Literal["source", "objective"] = "source"
    """What is mixed."""
    shares: dict[str, float] | None = Field(default=None, min_length=1)
    """Name -> weight: a part's share is its weight over the sum of all. Every part must be named; 0 leaves it out."""
    temperature: float | None = Field(default=None, ge=1)
    """Evens out the parts' sizes."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Mix":
        if (self.shares is None) == (self.temperature is None):
            raise ValueError("give either 'shares' or 'temperature'")
        if self.shares is not None and (min(self.shares.values()) < 0 or sum(self.shares.values()) <= 0):
            raise ValueError("shares are 0 or more, and one of them is more than 0")
        return self

    def quotas(self, names: Mapping[str, int], sizes: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.float64]:
        """Rows of each part in an epoch, not yet rounded.

        Args:
            names: part -> its position in `sizes`.
            sizes: how many rows there are of each.
            rows: in an epoch.

        Raises:
            UserError: the shares leave out a part or name one that has no rows.
        """
        if self.shares is None:
            weights = sizes.astype(np.float64) ** (1 / (self.temperature or 1.0))
            return np.asarray(rows * weights / weights.sum())
        for name, share in self.shares.items():
            if name not in names and share > 0:
                mend = near_name(name, names) or "Take it out, or set it to 0."
                raise UserError(f"no row is left of the {self.by} '{name}'.", where="mix.shares", mend=mend)
        if missing := sorted(set(names) - set(self.shares)):
            mend = "Name it with its share; 0 leaves it out."
            raise UserError(f"there is no share for the {self.by} '{missing[0]}'.", where="mix.shares", mend=mend)
        weights = np.array([self.shares[name] for name in names], dtype=np.float64)
        if weights.sum() <= 0:
            raise UserError("no row is left of those that have a share.", where="mix.shares")
        return np.asarray(rows * weights / weights.sum())


@dataclass(frozen=True)
class RowOrder:
    """How the rows of a run are ordered.

    Attributes:
        sampling: grouped by length, at random, or as they are in the file.
        mix: shares of sources or objectives; None: all rows once.
        weigh_by: what a row's chance to be drawn is in proportion to; None: nothing.
        batch: rows of one forward pass, over all processes.
    """

    sampling: Sampling
    mix: Mix | None
    weigh_by: Literal["confidence", "margin"] | None
    batch: int

    def order(self, facts: Facts, rows: int, seed: int) -> Positions:
        """The positions of the rows of a whole run.

        Args:
            facts: of all rows there are.
            rows: how many the run sees.
            seed: of the draw.

        Raises:
            UserError: the shares do not fit the data, or no row has anything to be weighed by.
        """
        random = np.random.default_rng(seed)
        stream = self._drawn(facts, random)
        lengths = np.asarray(facts.lengths)
        parts: list[Positions] = []
        rest = np.empty(0, dtype=np.int64)
        while rows > 0:
            epoch = next(stream)
            epoch = (np.sort(epoch) if self.sampling == "sequential" else random.permutation(epoch))[:rows]
            rows -= len(epoch)
            if self.sampling == "group_by_length":
                epoch, rest = self._grouped(np.concatenate([rest, epoch]), lengths, random, first=not parts)
            parts.append(epoch)
        return np.concatenate([*parts, rest])

    def _grouped(
        self, rows: Positions, lengths: npt.NDArray[np.int32], random: np.random.Generator, first: bool
    ) -> tuple[Positions, Positions]:
        """Rows of similar length together in each forward pass, the passes in random order; and what fills no pass.

        The rows come in random order. What is left over are the shortest of the last of them. At the beginning of a
        run the pass with the longest row comes first: where the memory does not suffice, that is found out at once.
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

    def _drawn(self, facts: Facts, random: np.random.Generator) -> Iterator[Positions]:
        """The rows of one epoch after the other, in no order that matters."""
        n = len(facts)
        codes = np.zeros(n, dtype=np.int64)
        quotas = np.array([n], dtype=np.float64)
        if self.mix is not None:
            codes = np.asarray(facts.sources if self.mix.by == "source" else facts.objectives, dtype=np.int64)
            quotas = self.mix.quotas(facts.names[self.mix.by], np.bincount(codes), n)
        counts = _rounded(quotas)
        weights = row_weights(facts, self.weigh_by)
        decks = [_Deck(np.flatnonzero(codes == part), weights, random) for part in range(len(quotas))]
        while True:
            yield np.concatenate([deck.deal(count) for deck, count in zip(decks, counts, strict=True)])


class _Deck:
    """The rows of one part, dealt again and again: every row has its turn before one comes back, or by weight."""

    def __init__(self, rows: Positions, weights: npt.NDArray[np.float64] | None, random: np.random.Generator) -> None:
        self.rows, self.random = rows, random
        self.weights = None if weights is None else weights[rows]
        self.left = np.empty(0, dtype=np.int64)

    def deal(self, count: int) -> Positions:
        """The next rows, `count` of them."""
        if count == 0:
            return np.empty(0, dtype=np.int64)
        if self.weights is not None:
            return self._by_weight(count, self.weights)
        while len(self.left) < count:
            self.left = np.concatenate([self.left, self.random.permutation(self.rows)])
        dealt, self.left = self.left[:count], self.left[count:]
        return dealt

    def _by_weight(self, count: int, weights: npt.NDArray[np.float64]) -> Positions:
        """Systematic sampling: a row is dealt count x weight / sum of weights times, rounded up or down by chance."""
        order = self.random.permutation(len(self.rows))
        ends = np.cumsum(weights[order])
        ticks = (np.arange(count) + self.random.random()) * (ends[-1] / count)
        at = np.minimum(np.searchsorted(ends, ticks, side="right"), len(order) - 1)
        return np.asarray(self.rows[order[at]])


def row_weights(facts: Facts, by: Literal["confidence", "margin"] | None) -> npt.NDArray[np.float64] | None:
    """Each row's weight; one without gets the mean of those that have one.

    Raises:
        UserError: no row has one, or all are 0.
    """
    if by is None:
        return None
    values = np.asarray(facts.confidences if by == "confidence" else facts.margins, dtype=np.float64)
    known = ~np.isnan(values)
    if not known.any() or values[known].sum() <= 0:
        raise UserError(f"no row has a {by} to be weighed by.", where="weigh_by", mend="Leave 'weigh_by' out.")
    return np.where(known, values, values[known].mean())


def _rounded(quotas: npt.NDArray[np.float64]) -> list[int]:
    """Whole numbers of the same sum, by largest remainder."""
    whole = np.floor(quotas + 1e-9).astype(np.int64)
    missing = math.floor(quotas.sum() + 0.5) - int(whole.sum())
    for part in np.argsort(-(quotas - whole), kind="stable")[:missing]:
        whole[part] += 1
    return [int(count) for count in whole]
