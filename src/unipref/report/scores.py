"""Scores as the report shows them: models and measures, better or worse, at chance or not."""

from collections.abc import Iterable
from typing import NamedTuple

from unipref.core.records import BASE
from unipref.core.run_folder import PairedRow, ScoreRow
from unipref.core.stats import chance
from unipref.core.stats.chance import SIDES, WHOLE, goodness

SHOWN = SIDES
"""Slices in the result table."""


class Model(NamedTuple):
    """A model of the run: a variant after one of its steps, with one seed."""

    variant: str
    seed: int | None
    step: str

    @property
    def is_base(self) -> bool:
        """Whether this is the base model, before any training."""
        return self.step == BASE


class Measure(NamedTuple):
    """A column of the result table: one metric of a benchmark on a split, over all examples or over one side."""

    benchmark: str
    mode: str
    split: str
    metric: str
    part: str = WHOLE


ScoresByMeasure = dict[Measure, dict[Model, ScoreRow]]
"""Measures in display order, each with the models' scores."""


Paired = dict[tuple[Model, Measure], str]
"""Verdicts of the paired comparison with the base model."""


def index_paired_verdicts(rows: Iterable[PairedRow]) -> Paired:
    """The verdicts of the rows of `against_base.json`, by model and measure."""
    return {
        (
            Model(row.variant, row.seed, row.step),
            Measure(row.benchmark, row.mode, row.split, row.metric, row.slice),
        ): row.verdict
        for row in rows
    }


def model_of(row: ScoreRow) -> Model:
    """The model that a score belongs to."""
    return Model(row.variant, row.seed, row.step)


def label_models(rows: Iterable[ScoreRow]) -> dict[Model, str]:
    """Models in order of appearance, base first, with short names: variant and seed only if there are several."""
    models = list(dict.fromkeys(model_of(row) for row in rows))
    tuned = [model for model in models if not model.is_base]
    variants, seeds = {model.variant for model in tuned}, {model.seed for model in tuned}
    model_names = {}
    for model in sorted(models, key=lambda m: not m.is_base):
        parts = [model.variant] if len(variants) > 1 and not model.is_base else []
        parts += [model.step]
        parts += [f"seed {model.seed}"] if len(seeds) > 1 and not model.is_base else []
        model_names[model] = " · ".join(parts)
    return model_names


def group_by_measure(rows: Iterable[ScoreRow]) -> ScoresByMeasure:
    """The scores of the result table: whole splits and the two sides of a contrast; 'corrected' before other modes.

    Uses the test split if there is one. The sides matter: a model that always follows the stereotype is right on all
    pro and no anti sentences. In total it is half right, like a model that guesses.
    """
    whole = [row for row in rows if row.slice in SHOWN]
    measures: ScoresByMeasure = {}
    for benchmark in dict.fromkeys(row.benchmark for row in whole):
        mine = [row for row in whole if row.benchmark == benchmark]
        splits = dict.fromkeys(row.split for row in mine)
        split = "test" if "test" in splits else next(iter(splits))
        for row in sorted((r for r in mine if r.split == split), key=lambda r: r.mode != "corrected"):
            measures.setdefault(Measure(benchmark, row.mode, split, row.metric, row.slice), {})[model_of(row)] = row
    return measures


def keep_first_mode(measures: ScoresByMeasure) -> ScoresByMeasure:
    """Keeps only the measures in the first mode of each benchmark."""
    first: dict[str, str] = {}
    for measure in measures:
        first.setdefault(measure.benchmark, measure.mode)
    return {measure: scores for measure, scores in measures.items() if first[measure.benchmark] == measure.mode}


def goodness_interval(row: ScoreRow) -> tuple[float, float] | None:
    """The interval on the scale of `goodness`; None if the score has none."""
    if row.low is None or row.high is None:
        return None
    ends = sorted(goodness(row, end) for end in (row.low, row.high))
    if row.direction == "ideal" and row.low <= (row.ideal or 0.0) <= row.high:
        ends[1] = 0.0
    return ends[0], ends[1]


def compare_scores(base: ScoreRow, tuned: ScoreRow) -> str:
    """'better', 'worse', 'unchanged', or 'no clear difference' if both have intervals that overlap.

    This test is conservative: with paired examples, values may differ at 95 % although their intervals overlap.
    """
    gain = goodness(tuned, tuned.value) - goodness(base, base.value)
    if abs(gain) < 1e-12:
        return "unchanged"
    spans = goodness_interval(base), goodness_interval(tuned)
    if spans[0] is not None and spans[1] is not None:
        if max(spans[0][0], spans[1][0]) <= min(spans[0][1], spans[1][1]):
            return "no clear difference"
        return "better" if gain > 0 else "worse"
    return f"{'better' if gain > 0 else 'worse'}, no interval"


def describe_chance(measures: ScoresByMeasure, measure: Measure, model: Model) -> str:
    """The remark that a skill is at chance, or that a model guesses and shows no bias; empty without one."""
    mine = (
        scores[model]
        for other, scores in measures.items()
        if (other.benchmark, other.mode) == (measure.benchmark, measure.mode) and model in scores
    )
    return chance.describe_chance(measures[measure][model], mine)


def find_best(measures: ScoresByMeasure, measure: Measure) -> set[Model]:
    """The models with the best value; empty for fewer than two models or if all values are equal.

    A model that guesses and shows no bias is not called the least biased.
    """
    scores = measures[measure]
    goods = {
        model: goodness(row, row.value)
        for model, row in scores.items()
        if describe_chance(measures, measure, model) != chance.UNTESTED
    }
    if len(scores) < 2 or len({row.value for row in scores.values()}) < 2 or not goods:
        return set()
    top = max(goods.values())
    return {model for model, good in goods.items() if good == top}
