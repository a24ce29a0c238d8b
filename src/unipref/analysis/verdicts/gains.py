"""A gain of one model over another, with what its interval and its p value say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unipref.core.run_folder import GainRecord
from unipref.core.stats.differences import BETTER, INCONCLUSIVE, WORSE, classify, find_p
from unipref.core.stats.ideals import Linear, find_gain_interval, find_gain_p
from unipref.core.stats.intervals import LEVEL
from unipref.core.stats.multiplicity import holm
from unipref.core.stats.seeds import Combined


@dataclass(frozen=True)
class Gain:
    """How much better one model is than another: mean over seeds and examples, in units of one; above 0 is better.

    Attributes:
        combined: its value, variance and degrees of freedom.
        effect: the smallest gain that matters.
        span: the greatest possible gain; None without limits.
        least: effective number of examples where all agree, as in `intervals.find_interval`.
        n, clusters: number of examples, and of independent groups of them.
        sums: for a gain towards an ideal, the same sum with the signs of some models' distances turned: one row per
            signs of the models with negative weights, one column per signs of the others. As in
            `ideals.Table`. Empty if higher or lower is better.
        farthest: the greatest possible size of each of these sums; None without limits.
    """

    combined: Combined
    effect: float
    span: float | None
    least: float
    n: int
    clusters: int
    sums: tuple[tuple[Combined, ...], ...] = ()
    farthest: float | None = None

    @property
    def value(self) -> float:
        """Its mean."""
        return self.combined.value

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return self.combined.seeds

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Returns the interval over seeds and clusters; over clusters alone if no variance between seeds is known."""
        if self.sums:
            return find_gain_interval(self._table, self.span, level)
        bounds = None if self.span is None else (-self.span, self.span)
        return self.combined.interval(bounds, least=self.least, level=level)

    @property
    def _table(self) -> tuple[tuple[Linear, ...], ...]:
        return tuple(
            tuple(Linear(one.value, one.variance, one.freedom, self.farthest, self.least) for one in row)
            for row in self.sums
        )

    @property
    def is_conclusive(self) -> bool:
        """Whether it can show anything: without the variance between seeds it cannot."""
        return self.combined.has_seed_variance and math.isfinite(self.low)

    def is_above(self, limit: float, level: float = LEVEL) -> bool:
        """Whether the interval lies above a limit."""
        return self.is_conclusive and self.interval(level)[0] > limit

    def is_below(self, limit: float, level: float = LEVEL) -> bool:
        """Whether the interval lies below a limit."""
        return self.is_conclusive and self.interval(level)[1] < limit

    @property
    def verdict(self) -> str:
        """'better', 'worse', 'equivalent' or 'inconclusive'."""
        return classify(self.low, self.high, self.effect) if self.is_conclusive else INCONCLUSIVE

    @property
    def is_better(self) -> bool:
        """Whether its verdict is 'better'."""
        return self.verdict == BETTER

    @property
    def is_worse(self) -> bool:
        """Whether its verdict is 'worse'."""
        return self.verdict == WORSE

    @property
    def p(self) -> float | None:
        """Two-sided p of a gain of 0; None if it is not conclusive."""
        return self._find_p() if self.is_conclusive else None

    @property
    def p_examples(self) -> float | None:
        """The same by the interval over examples alone; None if it is conclusive, or without an interval."""
        p = None if self.is_conclusive or not math.isfinite(self.low) else self._find_p()
        return None if p is None or math.isnan(p) else p

    def _find_p(self) -> float | None:
        if self.sums:
            return find_gain_p(self._table)
        return find_p(self.value, self.combined.variance, self.combined.freedom, self.span, self.least)

    def record(self, p_holm: float | None = None) -> GainRecord:
        """Converts it for `verdicts.json`."""
        return GainRecord(
            value=round(self.value, 6),
            low=finite(self.low),
            high=finite(self.high),
            seeds=self.seeds,
            n=self.n,
            clusters=self.clusters,
            verdict=self.verdict,
            p=None if self.p is None else float(f"{self.p:.4g}"),
            p_holm=None if p_holm is None else float(f"{p_holm:.4g}"),
            p_examples=None if self.p_examples is None else float(f"{self.p_examples:.4g}"),
        )


def correct(gains: Sequence[Gain]) -> list[float | None]:
    """Corrects the p values of gains by Holm; None where there is none."""
    p_values = [gain.p for gain in gains]
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]


def finite(value: float) -> float | None:
    """Rounds a number; None for NaN and infinity."""
    return round(float(value), 6) if math.isfinite(value) else None
