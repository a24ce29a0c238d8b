"""The variance between seeds, pooled over the figures of one kind in a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from unipref.core.stats.seeds import SeedVariance

Floats = npt.NDArray[np.float64]
ModelName = tuple[str, str]
"""Variant and step."""


@dataclass(frozen=True)
class Arm:
    """A trained model's figures: seed -> value, and seed -> goodness, in units of one."""

    variant: str
    step: str
    settings_hash: str
    values: Mapping[int, float]
    goods: Mapping[int, float]


@dataclass(frozen=True)
class SeedPools:
    """Pools by objective and kind of figure: a model's value, or a weighted sum of models' goodness.

    Sums are of one kind if they have the same weights, and one model with seeds, or two of one variant, or two of
    different variants. Pooled are the variants that differ only in what they select.
    """

    arms: Mapping[str, Sequence[Arm]]
    _pools: dict[tuple[object, ...], SeedVariance] = field(default_factory=dict, compare=False)

    def of_figure(self, objective: str, variant: str) -> SeedVariance:
        """Returns the pooled variance of models' values."""
        arms = self._find_like(objective, variant)
        return self._fit(("figure", objective, _hash_of(arms)), [arm.values for arm in arms], _count_variants(arms))

    def of_sum(self, objective: str, weights: Sequence[tuple[ModelName, float]]) -> SeedVariance | None:
        """Returns the pooled variance of sums like this one; None if no model of it has seeds.

        Args:
            objective: of the figures.
            weights: (variant, step) of the models with seeds, and their weights; of three models or more, of different
                variants.

        Raises:
            ValueError: three models or more, two of them of one variant.
        """
        if not weights:
            return None
        arms = self._find_like(objective, weights[0][0][0])
        factors = tuple(weight for _, weight in weights)
        if len(weights) == 1:
            scaled = [{seed: factors[0] * value for seed, value in arm.goods.items()} for arm in arms]
            return self._fit(("one", objective, factors, _hash_of(arms)), scaled, _count_variants(arms))
        if len(weights) > 2:
            return self._of_several(objective, weights)
        (first, second) = (model for model, _ in weights)
        if first[0] == second[0]:
            steps = ("steps", objective, factors, first[1], second[1], _hash_of(arms))
            return self._fit(steps, _sum_steps(arms, first[1], second[1], factors), _count_variants(arms))
        variants = ("variants", objective, factors, _hash_of(arms))
        return self._fit(variants, _sum_variants(arms, factors), _count_variants(arms) - 1)

    def _of_several(self, objective: str, weights: Sequence[tuple[ModelName, float]]) -> SeedVariance | None:
        """Returns the variance of a sum over three variants or more, from the pooled ones of pairs.

        All variants are taken to have the same variance v, and all pairs the same covariance c. Then a sum has the
        variance (v - c) sum(w^2) + c sum(w)^2. A difference of two has 2 (v - c), a sum of two 2 (v + c).
        """
        if len({variant for (variant, _), _ in weights}) < len(weights):
            raise ValueError("a sum of several models needs different variants")
        first, second = weights[0][0], weights[1][0]
        apart, together = (self.of_sum(objective, ((first, 1.0), (second, sign))) for sign in (-1.0, 1.0))
        if apart is None or together is None:
            return None
        factors = np.array([weight for _, weight in weights])
        covariance = max((together.pooled - apart.pooled) / 4, 0.0)
        pooled = apart.pooled / 2 * float((factors**2).sum()) + covariance * float(factors.sum()) ** 2
        return replace(apart, pooled=pooled)

    def _find_like(self, objective: str, variant: str) -> list[Arm]:
        arms = self.arms.get(objective, [])
        own = next((arm.settings_hash for arm in arms if arm.variant == variant), None)
        return [arm for arm in arms if arm.settings_hash == own]

    def _fit(self, key: tuple[object, ...], figures: Sequence[Mapping[int, float]], n_variants: int) -> SeedVariance:
        if key not in self._pools:
            tables = [np.array([value for value in figure.values() if np.isfinite(value)]) for figure in figures]
            free = [len(table) - 1.0 for table in tables]
            variances = [float(table.var(ddof=1)) if len(table) > 1 else np.nan for table in tables]
            freedom = max(n_variants, 1) * max(free, default=0.0)
            self._pools[key] = SeedVariance.fit(variances, free, freedom)
        return self._pools[key]


def _hash_of(arms: Sequence[Arm]) -> str:
    return arms[0].settings_hash if arms else ""


def _count_variants(arms: Sequence[Arm]) -> int:
    return len({arm.variant for arm in arms})


def _add(first: Mapping[int, float], second: Mapping[int, float], factors: Sequence[float]) -> dict[int, float]:
    return {seed: factors[0] * value + factors[1] * second[seed] for seed, value in first.items() if seed in second}


def _sum_steps(arms: Sequence[Arm], first: str, second: str, factors: Sequence[float]) -> list[dict[int, float]]:
    """Sums two steps of each variant that has both."""
    by_place = {(arm.variant, arm.step): arm.goods for arm in arms}
    variants = dict.fromkeys(arm.variant for arm in arms)
    pairs = [(by_place.get((variant, first)), by_place.get((variant, second))) for variant in variants]
    return [_add(one, other, factors) for one, other in pairs if one is not None and other is not None]


def _sum_variants(arms: Sequence[Arm], factors: Sequence[float]) -> list[dict[int, float]]:
    """Sums the same step of two different variants, for all pairs; in both orders unless the sum is a difference."""
    is_difference = factors[0] == -factors[1]
    sums = [
        _add(one.goods, other.goods, factors)
        for at, one in enumerate(arms)
        for place, other in enumerate(arms)
        if one.step == other.step and one.variant != other.variant and (at < place or not is_difference)
    ]
    # Two variants that keep the same rows are one model: their difference of 0 says nothing about seeds.
    return [one for one in sums if not is_difference or any(one.values())]
