"""The evidence for verdicts: each model's figure per objective and seed, and gains paired by example and seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unipref.core.records import BASE
from unipref.core.run_folder import FigureRecord, GainRecord, PlannedStep, SideRecord
from unipref.core.stats.bootstrap import LEVEL, RESAMPLES, paired_interval
from unipref.core.stats.chance import goodness, is_skill
from unipref.core.stats.statistic import Statistic


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
        skill_metric: the skill read together with it; None: it is a skill itself.
        unit: the value that counts as 1: 100 for per cent.
    """

    objective: str
    benchmark: str
    metric: str
    slice: str = "all"
    skill_metric: str | None = None
    unit: float = 1.0

    def record(self) -> SideRecord:
        """Converts it for `verdicts.json`."""
        return SideRecord(self.benchmark, self.metric, self.slice, self.skill_metric)


@dataclass(frozen=True)
class Measured:
    """One model's figure for one objective.

    Attributes:
        by_seed: seed -> the statistic; the seed of the base model is None.
        guessing: number of seeds in which the model is at chance in that benchmark.
        skill: mean over seeds of the skill read together with it.
    """

    by_seed: Mapping[int | None, Statistic]
    guessing: int = 0
    skill: float | None = None

    @property
    def at_chance(self) -> bool:
        """Whether it guesses in half of the seeds or more."""
        return 2 * self.guessing >= len(self.by_seed)


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


class Gain(NamedTuple):
    """How much better one model is than another: mean over seeds and examples, and its interval; above 0 is better.

    Attributes:
        seeds, n: number of seeds and examples.
        guessing: which of the two models guess, so that their bias is meaningless.
    """

    value: float
    low: float
    high: float
    seeds: int
    n: int
    guessing: tuple[str, ...] = ()

    @property
    def is_void(self) -> bool:
        """Whether it compares a meaningless bias."""
        return bool(self.guessing)

    @property
    def is_conclusive(self) -> bool:
        """Whether it can show anything: one seed cannot, because the spread between trainings is unknown."""
        return not self.is_void and self.seeds > 1

    @property
    def is_better(self) -> bool:
        """Whether it is clearly better."""
        return self.is_conclusive and self.low > 0

    @property
    def is_worse(self) -> bool:
        """Whether it is clearly worse."""
        return self.is_conclusive and self.high < 0

    def is_at_least(self, margin: float) -> bool:
        """Whether it is clearly not worse by `margin` or more."""
        return self.is_conclusive and self.low > -margin

    def record(self) -> GainRecord:
        """Converts it for `verdicts.json`."""
        low, high = _finite(self.low), _finite(self.high)
        clear = "better" if self.is_better else "worse" if self.is_worse else None
        value = round(self.value, 6)
        return GainRecord(value, low, high, self.seeds, self.n, list(self.guessing), clear, self.is_void)


def _finite(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


@dataclass(frozen=True)
class Evidence:
    """The measurements of a run.

    Attributes:
        sides: objective -> its headline metric.
        measured: objective -> model -> its figure.
        variants: name -> variant, the study as written first.
    """

    sides: Mapping[str, Side]
    measured: Mapping[str, Mapping[Model, Measured]]
    variants: Mapping[str, Variant]
    _gains: dict[tuple[str, Model, Model, float], Gain | None] = field(default_factory=dict, compare=False)

    def base_of(self, model: Model) -> Model:
        """The base model with the scores for a variant: on that variant's own test part, if it has one."""
        own = Model(model.variant, BASE)
        return own if any(own in models for models in self.measured.values()) else BASE_MODEL

    def compute_figure(self, objective: str, model: Model) -> FigureRecord | None:
        """Computes the mean over seeds of a figure, in its own units, with its interval over seeds and examples."""
        measured = self.measured.get(objective, {}).get(model)
        if measured is None:
            return None
        tables = _stack_tables([[statistic] for statistic in measured.by_seed.values()])
        first = next(iter(measured.by_seed.values()))
        width = _count_columns(first)

        def at(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return first.at(_select_columns(first, means, 0, width))

        low, high = paired_interval(tables, at, resamples=RESAMPLES, student=True)
        value = float(np.mean(at(tables.mean(axis=1))))
        return FigureRecord(
            value=_finite(value),
            low=_finite(low),
            high=_finite(high),
            seeds=len(measured.by_seed),
            n=tables.shape[1],
            at_chance=measured.at_chance,
            skill=None if measured.skill is None else round(measured.skill, 6),
        )

    def compute_goodness(self, objective: str, model: Model) -> float | None:
        """Computes the mean goodness over seeds, the higher the better; None if it is not measured or void."""
        measured = self.measured.get(objective, {}).get(model)
        if measured is None or self._is_void(objective, measured):
            return None
        values = [goodness(one, one.at(one.values.mean(axis=0, keepdims=True)))[0] for one in measured.by_seed.values()]
        mean = float(np.mean(values)) / self.sides[objective].unit
        return mean if np.isfinite(mean) else None

    def compute_gain(self, objective: str, model: Model, other: Model, level: float = LEVEL) -> Gain | None:
        """Computes how much better a model is than another, in units of one; None if they cannot be compared."""
        key = objective, model, other, level
        if key not in self._gains:
            self._gains[key] = self._compute_gain(objective, model, other, level)
        return self._gains[key]

    def _compute_gain(self, objective: str, model: Model, other: Model, level: float) -> Gain | None:
        by_model = self.measured.get(objective, {})
        if model not in by_model or other not in by_model:
            return None
        mine, theirs = by_model[model], by_model[other]
        pairs = _pair_by_seed(mine.by_seed, theirs.by_seed)
        tables = _stack_tables(pairs) if pairs else np.zeros((0, 0, 0))
        if not tables.size:
            return None
        first, width, unit = pairs[0][0], _count_columns(pairs[0][0]), self.sides[objective].unit

        def compute_gains(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            """(r,) gains at (r, 2 width) means."""
            both = [goodness(first, first.at(_select_columns(first, means, at, width))) for at in (0, 1)]
            return (both[0] - both[1]) / unit

        value = float(np.mean(compute_gains(tables.mean(axis=1))))
        low, high = paired_interval(tables, compute_gains, level=level, resamples=RESAMPLES, student=True)
        both = ((model, mine), (other, theirs))
        guessing = tuple(str(one) for one, measured in both if self._is_void(objective, measured))
        return Gain(value, low, high, len(pairs), tables.shape[1], guessing)

    def _is_void(self, objective: str, measured: Measured) -> bool:
        """Whether a figure is meaningless: the bias of a model that guesses. A skill at chance is just low."""
        return measured.at_chance and not is_skill(next(iter(measured.by_seed.values())))


def _pair_by_seed(
    mine: Mapping[int | None, Statistic], theirs: Mapping[int | None, Statistic]
) -> list[list[Statistic]]:
    """Pairs two models' statistics by seed; the base model, which has no seed, is paired with each."""
    if None in theirs:
        return [[one, theirs[None]] for one in mine.values()]
    return [[one, theirs[seed]] for seed, one in mine.items() if seed in theirs]


def _stack_tables(rows: list[list[Statistic]]) -> npt.NDArray[np.float64]:
    """Stacks the values of the shared units as (seeds, units, columns), the statistics of a seed side by side."""
    shared = set(rows[0][0].units).intersection(*(statistic.units for row in rows for statistic in row))
    order = [unit for unit in rows[0][0].units if unit in shared]
    tables = []
    for row in rows:
        columns = []
        for statistic in row:
            place = {unit: at for at, unit in enumerate(statistic.units)}
            values = statistic.values[[place[unit] for unit in order]]
            columns.append(values.reshape(len(order), _count_columns(statistic)))
        tables.append(np.concatenate(columns, axis=1))
    return np.stack(tables)


def _count_columns(statistic: Statistic) -> int:
    return 1 if statistic.values.ndim == 1 else statistic.values.shape[1]


def _select_columns(
    statistic: Statistic, means: npt.NDArray[np.float64], at: int, width: int
) -> npt.NDArray[np.float64]:
    """Selects one model's columns, in the form that the statistic takes."""
    part = means[:, at * width : (at + 1) * width]
    return part if statistic.values.ndim > 1 else part[:, 0]
