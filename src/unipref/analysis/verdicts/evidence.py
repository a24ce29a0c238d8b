"""What verdicts rest on: each model's figure per objective and seed, and differences paired by example and seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unipref.core.records import BASE
from unipref.core.run_folder import FigureRecord, GainRecord, PlannedStep, SideRecord
from unipref.core.stats.bootstrap import LEVEL, RESAMPLES, Statistic, paired_interval
from unipref.core.stats.chance import goodness, is_skill


class Model(NamedTuple):
    """A trained model of the run, all its seeds taken together; the base model is ('base', 'base')."""

    variant: str
    step: str

    def __str__(self) -> str:
        return BASE if self.step == BASE else f"{self.variant} after {self.step}"


BASE_MODEL = Model(BASE, BASE)


@dataclass(frozen=True)
class Side:
    """The figure that stands for an objective.

    Attributes:
        objective: 'instruction' or 'bias'.
        benchmark, slice, metric: where it is in the scores.
        skill_metric: the skill shown beside it; None: it is a skill itself.
        unit: how much of it is one.
    """

    objective: str
    benchmark: str
    metric: str
    slice: str = "all"
    skill_metric: str | None = None
    unit: float = 1.0

    def record(self) -> SideRecord:
        """For `verdicts.json`."""
        return SideRecord(self.benchmark, self.metric, self.slice, self.skill_metric)


@dataclass(frozen=True)
class Measured:
    """One model's figure for one objective.

    Attributes:
        by_seed: seed -> the statistic; the base model has None for its seed.
        guessing: in how many of the seeds the model is at chance in that benchmark.
        skill: mean over seeds of the skill that stands beside it.
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
        kind: 'full' (everything is kept), 'alone' (some sources or objectives), 'random', 'weighted' (shares of its
            own), 'selected' (a part chosen by a strategy) or 'unknown' (nothing was selected yet).
        alone: what it keeps alone: ('source' or 'objective', name), where it is one.
        kept: preferences kept, mean over seeds.
        settings_hash: of all other settings; variants are compared within a family of the same hash.
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
        """Its steps that leave a policy behind, in order."""
        return [step.name for step in self.steps if step.model_kind == "policy"]

    @property
    def last(self) -> Model | None:
        """Its last policy."""
        return Model(self.name, self.policies[-1]) if self.policies else None


class Gain(NamedTuple):
    """How much better one model is than another: mean over seeds and examples, and its interval; above 0 is better.

    Attributes:
        seeds, n: how many of each it is over.
        guessing: which of the two guess, so that their bias means nothing.
    """

    value: float
    low: float
    high: float
    seeds: int
    n: int
    guessing: tuple[str, ...] = ()

    @property
    def void(self) -> bool:
        """Whether a bias that means nothing is in it."""
        return bool(self.guessing)

    @property
    def tells(self) -> bool:
        """Whether it can show anything: one seed does not, for how much trainings differ is not known."""
        return not self.void and self.seeds > 1

    @property
    def better(self) -> bool:
        """Whether it is clearly better."""
        return self.tells and self.low > 0

    @property
    def worse(self) -> bool:
        """Whether it is clearly worse."""
        return self.tells and self.high < 0

    def at_least(self, margin: float) -> bool:
        """Whether it is clearly not worse by `margin` or more."""
        return self.tells and self.low > -margin

    def record(self) -> GainRecord:
        """For `verdicts.json`."""
        low, high = _finite(self.low), _finite(self.high)
        clear = "better" if self.better else "worse" if self.worse else None
        value = round(self.value, 6)
        return GainRecord(value, low, high, self.seeds, self.n, list(self.guessing), clear, self.void)


def _finite(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


@dataclass(frozen=True)
class Evidence:
    """All that was measured.

    Attributes:
        sides: objective -> its figure.
        measured: objective -> model -> its figure.
        variants: variant -> what it is, the study as written first.
    """

    sides: Mapping[str, Side]
    measured: Mapping[str, Mapping[Model, Measured]]
    variants: Mapping[str, Variant]
    _gains: dict[tuple[str, Model, Model, float], Gain | None] = field(default_factory=dict, compare=False)

    def base_of(self, model: Model) -> Model:
        """The base model as it was measured for a variant: on that variant's own test part, where it has one."""
        own = Model(model.variant, BASE)
        return own if any(own in models for models in self.measured.values()) else BASE_MODEL

    def value(self, objective: str, model: Model) -> FigureRecord | None:
        """Mean over seeds of a figure, in its own units, with its interval over seeds and examples."""
        measured = self.measured.get(objective, {}).get(model)
        if measured is None:
            return None
        tables = _tables([[statistic] for statistic in measured.by_seed.values()])
        first = next(iter(measured.by_seed.values()))
        width = _width(first)

        def at(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return first.at(_part(first, means, 0, width))

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

    def goodness(self, objective: str, model: Model) -> float | None:
        """Mean over seeds of how good a figure is, the higher the better; None where it was not measured or is void."""
        measured = self.measured.get(objective, {}).get(model)
        if measured is None or self._void(objective, measured):
            return None
        values = [goodness(one, one.at(one.values.mean(axis=0, keepdims=True)))[0] for one in measured.by_seed.values()]
        mean = float(np.mean(values)) / self.sides[objective].unit
        return mean if np.isfinite(mean) else None

    def gain(self, objective: str, model: Model, other: Model, level: float = LEVEL) -> Gain | None:
        """How much better a model is than another, in units of one; None where the two cannot be compared."""
        key = objective, model, other, level
        if key not in self._gains:
            self._gains[key] = self._gain(objective, model, other, level)
        return self._gains[key]

    def _gain(self, objective: str, model: Model, other: Model, level: float) -> Gain | None:
        by_model = self.measured.get(objective, {})
        if model not in by_model or other not in by_model:
            return None
        mine, theirs = by_model[model], by_model[other]
        pairs = _pairs(mine.by_seed, theirs.by_seed)
        tables = _tables(pairs) if pairs else np.zeros((0, 0, 0))
        if not tables.size:
            return None
        first, width, unit = pairs[0][0], _width(pairs[0][0]), self.sides[objective].unit

        def separation(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            """(r,) gains at (r, 2 width) means."""
            both = [goodness(first, first.at(_part(first, means, at, width))) for at in (0, 1)]
            return (both[0] - both[1]) / unit

        value = float(np.mean(separation(tables.mean(axis=1))))
        low, high = paired_interval(tables, separation, level=level, resamples=RESAMPLES, student=True)
        both = ((model, mine), (other, theirs))
        guessing = tuple(str(one) for one, measured in both if self._void(objective, measured))
        return Gain(value, low, high, len(pairs), tables.shape[1], guessing)

    def _void(self, objective: str, measured: Measured) -> bool:
        """A model that guesses has no bias to show; a skill at chance is as low as it is."""
        return measured.at_chance and not is_skill(next(iter(measured.by_seed.values())))


def _pairs(mine: Mapping[int | None, Statistic], theirs: Mapping[int | None, Statistic]) -> list[list[Statistic]]:
    """Two models' statistics, seed by seed; the base model, which has no seed, stands beside each."""
    if None in theirs:
        return [[one, theirs[None]] for one in mine.values()]
    return [[one, theirs[seed]] for seed, one in mine.items() if seed in theirs]


def _tables(rows: list[list[Statistic]]) -> npt.NDArray[np.float64]:
    """(seeds, units, columns) values of the units that all have, the statistics of a seed side by side."""
    shared = set(rows[0][0].units).intersection(*(statistic.units for row in rows for statistic in row))
    order = [unit for unit in rows[0][0].units if unit in shared]
    tables = []
    for row in rows:
        columns = []
        for statistic in row:
            place = {unit: at for at, unit in enumerate(statistic.units)}
            values = statistic.values[[place[unit] for unit in order]]
            columns.append(values.reshape(len(order), _width(statistic)))
        tables.append(np.concatenate(columns, axis=1))
    return np.stack(tables)


def _width(statistic: Statistic) -> int:
    return 1 if statistic.values.ndim == 1 else statistic.values.shape[1]


def _part(statistic: Statistic, means: npt.NDArray[np.float64], at: int, width: int) -> npt.NDArray[np.float64]:
    """One model's columns, in the form that the statistic takes them."""
    part = means[:, at * width : (at + 1) * width]
    return part if statistic.values.ndim > 1 else part[:, 0]
