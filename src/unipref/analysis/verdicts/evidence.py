"""The evidence for verdicts: each model's figure per objective and seed, and gains paired by example and seed."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unipref.analysis.verdicts.gains import Gain, finite
from unipref.analysis.verdicts.seed_pools import Arm, SeedPools
from unipref.core.records import BASE
from unipref.core.run_folder import FigureRecord, PlannedStep, SideRecord
from unipref.core.stats import intervals, seeds
from unipref.core.stats.chance import goodness
from unipref.core.stats.clusters import Grouping
from unipref.core.stats.differences import EFFECT, find_discordance, find_gain_span
from unipref.core.stats.seeds import Combined
from unipref.core.stats.statistic import Statistic

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Model(NamedTuple):
    """A trained model of the run, over all its seeds; the base model is ('base', 'base')."""

    variant: str
    step: str

    def __str__(self) -> str:
        return BASE if self.step == BASE else f"{self.variant} after {self.step}"


BASE_MODEL = Model(BASE, BASE)


@dataclass(frozen=True)
class Side:
    """The headline metric of an objective.

    Attributes:
        objective: 'instruction' or 'bias'.
        benchmark, slice, metric: its rows in the scores.
        skill_metric: the skill shown beside it; None: it is a skill itself.
        unit: the value that counts as 1: 100 for per cent.
        effect: the smallest gain that matters, in units of one.
        replaces: the benchmark's own headline metric, if the study chose another one.
    """

    objective: str
    benchmark: str
    metric: str
    slice: str = "all"
    skill_metric: str | None = None
    unit: float = 1.0
    effect: float = EFFECT
    replaces: str | None = None

    def record(self) -> SideRecord:
        """Converts it for `verdicts.json`."""
        return SideRecord(self.benchmark, self.metric, self.slice, self.skill_metric, self.effect, self.replaces)


@dataclass(frozen=True)
class Measured:
    """One model's figure for one objective.

    Attributes:
        by_seed: seed -> the statistic; the seed of the base model is None.
        guessing: number of seeds in which the model is at chance in that benchmark.
        skill: mean over seeds of the skill shown beside it.
    """

    by_seed: Mapping[int | None, Statistic]
    guessing: int = 0
    skill: float | None = None

    @property
    def at_chance(self) -> bool:
        """Whether it guesses in half of the seeds or more."""
        return 2 * self.guessing >= len(self.by_seed)

    @property
    def is_seeded(self) -> bool:
        """Whether it has seeds; the base model has none."""
        return None not in self.by_seed


@dataclass(frozen=True)
class Variant:
    """A variant.

    Attributes:
        kind: 'full' (keeps everything), 'alone' (some sources or objectives), 'random', 'weighted' (its own shares),
            'selected' (a part chosen by a strategy) or 'unknown' (without selection so far).
        alone: ('source' or 'objective', name), if it keeps exactly one.
        kept: preferences kept, mean over seeds.
        settings_hash: of all other settings; only variants with the same hash are compared.
        steps: its training steps, as in the manifest.
    """

    name: str
    kind: str
    kept: float
    settings_hash: str
    steps: tuple[PlannedStep, ...]
    alone: tuple[str, str] | None = None

    @property
    def policies(self) -> list[str]:
        """Its steps that train a policy, in order."""
        return [step.name for step in self.steps if step.model_kind == "policy"]

    @property
    def last(self) -> Model | None:
        """Its last policy."""
        return Model(self.name, self.policies[-1]) if self.policies else None


Weights = tuple[tuple[Model, float], ...]
"""Models and their weights in a sum of figures, such as 1 and -1 for a gain."""


@dataclass(frozen=True)
class Evidence:
    """The measurements of a run.

    Attributes:
        sides: objective -> its headline metric.
        measured: objective -> model -> its figure.
        variants: name -> variant, the study as written first.
        guards: objective -> the same of the metrics of its benchmark that must not get worse where the headline metric
            gets better, with the metric in place of the objective.
    """

    sides: Mapping[str, Side]
    measured: Mapping[str, Mapping[Model, Measured]]
    variants: Mapping[str, Variant]
    guards: Mapping[str, "Evidence"] = field(default_factory=dict)
    _sums: dict[tuple[str, Weights], Gain | None] = field(default_factory=dict, compare=False)
    _terms: dict[int, Floats] = field(default_factory=dict, compare=False)

    def base_of(self, model: Model) -> Model:
        """The base model with the scores for a variant: on that variant's own test part, if it has one."""
        own = Model(model.variant, BASE)
        return own if any(own in models for models in self.measured.values()) else BASE_MODEL

    @cached_property
    def pools(self) -> SeedPools:
        """The variances between seeds, pooled over figures of a kind."""
        arms: dict[str, list[Arm]] = {}
        for objective, by_model in self.measured.items():
            unit = self.sides[objective].unit if objective in self.sides else 1.0
            arms[objective] = [
                Arm(
                    model.variant,
                    model.step,
                    self.variants[model.variant].settings_hash if model.variant in self.variants else "",
                    {seed: _find_value(one) / unit for seed, one in measured.by_seed.items() if seed is not None},
                    {seed: _find_goodness(one) / unit for seed, one in measured.by_seed.items() if seed is not None},
                )
                for model, measured in by_model.items()
                if measured.is_seeded
            ]
        return SeedPools(arms)

    def compute_figure(self, objective: str, model: Model) -> FigureRecord | None:
        """Computes the mean over seeds of a figure, in its own units, with its interval over seeds and clusters."""
        measured = self.measured.get(objective, {}).get(model)
        if measured is None:
            return None
        rows = [[statistic] for statistic in measured.by_seed.values()]
        shared = _find_shared_units(rows)
        first, unit = rows[0][0], self.sides[objective].unit
        aligned = [one.take(shared) for (one,) in rows]
        values = np.array([_find_value(one) for one in aligned])
        found = [intervals.find_influence(one.values, one.at) for one in aligned]
        terms = [term for term in found if term is not None]
        low = high = math.nan
        if len(terms) == len(aligned):
            grouping = aligned[0].grouping
            between = self.pools.of_figure(objective, model.variant) if measured.is_seeded else None
            combined = seeds.combine(values / unit, np.stack(terms) / unit, grouping, between)
            bounds = None if first.bounds is None else (first.bounds[0] / unit, first.bounds[1] / unit)
            trials = aligned[0].trials
            least = intervals.count_independent(len(shared), grouping, trials)
            low, high = (end * unit for end in combined.interval(bounds, least=least))
        return FigureRecord(
            value=finite(float(values.mean())),
            low=finite(low),
            high=finite(high),
            seeds=len(measured.by_seed),
            n=len(shared),
            at_chance=measured.at_chance,
            skill=None if measured.skill is None else round(measured.skill, 6),
        )

    def compute_goodness(self, objective: str, model: Model) -> float | None:
        """Computes the mean goodness over seeds, in units of one; None if it is not measured."""
        measured = self.measured.get(objective, {}).get(model)
        if measured is None:
            return None
        mean = float(np.mean([_find_goodness(one) for one in measured.by_seed.values()])) / self.sides[objective].unit
        return mean if np.isfinite(mean) else None

    def compute_gain(self, objective: str, model: Model, other: Model) -> Gain | None:
        """Computes how much better a model is than another, in units of one; None if they cannot be compared."""
        return self.compute_sum(objective, ((model, 1.0), (other, -1.0)))

    def compute_sum(self, objective: str, weights: Weights) -> Gain | None:
        """Computes a weighted sum of models' goodness, in units of one; None if they cannot be compared.

        Args:
            objective: of the figures.
            weights: models and their weights, which sum to 0.
        """
        key = objective, weights
        if key not in self._sums:
            self._sums[key] = self._compute_sum(objective, weights)
        return self._sums[key]

    def _compute_sum(self, objective: str, weights: Weights) -> Gain | None:
        by_model = self.measured.get(objective, {})
        if any(model not in by_model for model, _ in weights):
            return None
        rows = _pair_by_seed([by_model[model].by_seed for model, _ in weights])
        shared = _find_shared_units(rows) if rows else []
        if not shared:
            return None
        side, factors = self.sides[objective], np.array([weight for _, weight in weights])
        figures, values = np.zeros((len(rows), len(factors))), np.zeros((len(rows), len(factors)))
        terms = np.zeros((len(rows), len(factors), len(shared)))
        for at, row in enumerate(rows):
            for place, statistic in enumerate(row):
                aligned = statistic.take(shared)
                figures[at, place] = _find_goodness(aligned) / side.unit
                own = self._find_terms(statistic) if aligned is statistic else _compute_terms(aligned)
                terms[at, place] = own / side.unit
                values[at, place] = _find_value(aligned)
        first = rows[0][0].take(shared)
        if first.direction == "ideal":
            # Seeds on both sides of the ideal have errors that do not cancel: one side per model.
            sides = np.where(values < (first.ideal or 0.0), 1.0, -1.0)
            own_side = np.where(values.mean(axis=0) < (first.ideal or 0.0), 1.0, -1.0)
            terms *= (sides * own_side)[:, :, None]
        grouping = first.grouping
        extra = find_discordance(first, rows[0][1].take(shared)) * float((factors**2).sum()) / 2

        def combine(signs: Floats) -> Combined:
            """Combines the sum with the signs of some models' nearness turned."""
            turned = factors * signs
            seeded = tuple(
                (model, float(weight))
                for (model, _), weight in zip(weights, turned, strict=True)
                if by_model[model].is_seeded
            )
            pool = self.pools.of_sum(objective, seeded)
            return seeds.combine(figures @ turned, np.einsum("k,skn->sn", turned, terms), grouping, pool, extra)

        span = find_gain_span(first)
        most = max(float(factors[factors > 0].sum()), -float(factors[factors < 0].sum()))
        return Gain(
            combine(np.ones(len(factors))),
            effect=side.effect,
            span=None if span is None else span * most / side.unit,
            least=intervals.count_independent(len(shared), grouping, first.trials),
            n=len(shared),
            clusters=grouping.count,
            sums=_combine_signs(factors, combine) if first.direction == "ideal" else (),
            farthest=None if span is None else span * float(np.abs(factors).sum()) / side.unit,
        )

    def explain_missing(self, objective: str, models: Sequence[Model]) -> str:
        """Explains why models cannot be compared on a side."""
        by_model = self.measured.get(objective, {})
        if missing := [str(model) for model in dict.fromkeys(models) if model not in by_model]:
            return f"No benchmark measures {objective} in {' and '.join(missing)}."
        names = " and ".join(str(model) for model in dict.fromkeys(models))
        if not _pair_by_seed([by_model[model].by_seed for model in models]):
            return f"{names} share no seed in {objective}, so their figures cannot be paired."
        return f"{names} share no examples of {objective}, so their figures cannot be paired."

    def count_seeds(self, objective: str, models: Sequence[Model]) -> int:
        """Returns the greatest number of seeds of one of the models."""
        by_model = self.measured.get(objective, {})
        return max((len(by_model[model].by_seed) for model in models if model in by_model), default=0)

    def find_terms_of(self, objective: str, model: Model, other: Model) -> tuple[Floats, Grouping] | None:
        """Returns (n,) the units' own differences of two models, mean over seeds, and the units' clusters.

        None if the models were measured on different examples. In units of one, around 0.
        """
        by_model, unit = self.measured.get(objective, {}), self.sides[objective].unit
        if model not in by_model or other not in by_model:
            return None
        rows = _pair_by_seed([by_model[model].by_seed, by_model[other].by_seed])
        if not rows or any(list(one.units) != list(rows[0][0].units) for row in rows for one in row):
            return None
        differences = [self._find_terms(one) - self._find_terms(two) for one, two in rows]
        return np.mean(differences, axis=0) * len(rows[0][0].units) / unit, rows[0][0].grouping

    def split_errors(self, objective: str, models: Sequence[Model]) -> tuple[Floats, Floats, float] | None:
        """Splits the errors of models' gains over the base model into each one's own and the one that all share.

        The shared error is that of the mean gain over clusters: of the examples and of the base model.

        Args:
            objective: of the figures.
            models: (m,) models with seeds.

        Returns:
            (m,) gains, (m,) variances of their own errors, and the variance of the shared error; None if the models
            were measured on different examples, or if no variance between seeds is known.
        """
        by_model, unit = self.measured[objective], self.sides[objective].unit
        base = by_model.get(BASE_MODEL)
        if base is None or any(model not in by_model for model in models):
            return None
        (start,) = base.by_seed.values()
        every = [one for model in models for one in by_model[model].by_seed.values()]
        if any(list(one.units) != list(start.units) for one in every):
            return None
        origin, grouping = _find_goodness(start), start.grouping
        terms = [np.stack([self._find_terms(one) for one in by_model[model].by_seed.values()]) for model in models]
        shared = np.mean([one.mean(axis=0) for one in terms], axis=0)
        gains, own = np.zeros(len(models)), np.zeros(len(models))
        for at, model in enumerate(models):
            values = np.array([_find_goodness(one) - origin for one in by_model[model].by_seed.values()])
            pool = self.pools.of_sum(objective, ((model, 1.0),))
            combined = seeds.combine(values / unit, (terms[at] - shared) / unit, grouping, pool)
            if not combined.has_seed_variance:
                return None
            gains[at], own[at] = combined.value, combined.variance
        common = float(grouping.variance((shared - self._find_terms(start)) / unit))
        return (gains, own, common) if np.isfinite([*gains, *own, common]).all() else None

    def _find_terms(self, statistic: Statistic) -> Floats:
        key = id(statistic)
        if key not in self._terms:
            self._terms[key] = _compute_terms(statistic)
        return self._terms[key]


def _combine_signs(factors: Floats, combine: Callable[[Floats], Combined]) -> tuple[tuple[Combined, ...], ...]:
    """Combines a sum under all signs: a row per signs of the negative factors, a column per signs of the others."""
    is_negative = factors < 0

    def list_signs(where: Bools) -> list[Floats]:
        choices = [(1.0, -1.0) if turned else (1.0,) for turned in where]
        return [np.array(signs) for signs in itertools.product(*choices)]

    return tuple(
        tuple(combine(of_negative * of_positive) for of_positive in list_signs(~is_negative))
        for of_negative in list_signs(is_negative)
    )


def _compute_terms(statistic: Statistic) -> Floats:
    """Returns (n,) how much each unit moves the goodness of one model; NaN if that has no value."""
    found = intervals.find_influence(statistic.values, statistic.at)
    if found is not None:
        is_higher = statistic.direction == "higher"
        if statistic.direction == "ideal":
            # The side of the ideal is that of all units: without one unit the distance must not be folded again.
            is_higher = _find_value(statistic) < (statistic.ideal or 0.0)
        found = found if is_higher else -found
    return np.full(len(statistic.units), np.nan) if found is None else found


def _find_value(statistic: Statistic) -> float:
    return float(statistic.at(statistic.values.mean(axis=0, keepdims=True))[0])


def _find_goodness(statistic: Statistic) -> float:
    return float(goodness(statistic, _find_value(statistic)))


def _pair_by_seed(by_seed: Sequence[Mapping[int | None, Statistic]]) -> list[list[Statistic]]:
    """Pairs models' statistics by seed; a base model, which has no seed, is paired with each."""
    seeded = [one for one in by_seed if None not in one]
    if not seeded:
        return [[one[None] for one in by_seed]]
    shared = [seed for seed in seeded[0] if all(seed in one for one in seeded)]
    return [[one[None] if None in one else one[seed] for one in by_seed] for seed in shared]


def _find_shared_units(rows: list[list[Statistic]]) -> list[str]:
    """Returns the units that all statistics have, in the order of the first."""
    first = rows[0][0].units
    others = [statistic.units for row in rows for statistic in row if statistic.units is not first]
    if all(list(units) == list(first) for units in others):
        return list(first)
    shared = set(first).intersection(*others)
    return [unit for unit in first if unit in shared]
