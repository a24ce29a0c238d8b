"""Scores as the report shows them: models and measures, better or worse, at chance or not."""

from collections.abc import Callable, Iterable, Mapping
from statistics import fmean
from typing import NamedTuple

import msgspec

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


def group_by_measure(rows: Iterable[ScoreRow], also: str | None = None) -> ScoresByMeasure:
    """The scores of the result table: whole splits and the two sides of a contrast; 'corrected' before other modes.

    Uses the test split if there is one. The sides matter: a model that always follows the stereotype is right on all
    pro and no anti sentences. In total it is half right, like a model that guesses.

    Args:
        rows: the scores.
        also: a further slice to keep.
    """
    whole = [row for row in rows if row.slice in SHOWN or row.slice == also]
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


class Line(NamedTuple):
    """A model over all its seeds: a variant after one of its steps; the base model is ('base', 'base')."""

    variant: str
    step: str


def group_by_line(scores: Mapping[Model, ScoreRow]) -> dict[Line, dict[Model, ScoreRow]]:
    """Groups the scores of a measure by model over its seeds."""
    lines: dict[Line, dict[Model, ScoreRow]] = {}
    for model, row in scores.items():
        lines.setdefault(Line(model.variant, model.step), {})[model] = row
    return lines


def find_clear_best(measures: ScoresByMeasure, measure: Measure) -> Line | None:
    """The model whose interval is better than that of every other model, in each of its seeds; None without one.

    A model at chance is never called the best. Intervals that do not overlap are a conservative test.
    """
    lines = group_by_line(measures[measure])
    spans: dict[Line, list[tuple[float, float]]] = {}
    for line, of_seeds in lines.items():
        ends = [goodness_interval(row) for row in of_seeds.values()]
        spans[line] = [end for end in ends if end is not None]
        if len(spans[line]) < len(ends):
            return None
    if len(lines) < 2:
        return None
    best = max(spans, key=lambda line: min(low for low, _ in spans[line]))
    if any(describe_chance(measures, measure, model) for model in lines[best]):
        return None
    lowest = min(low for low, _ in spans[best])
    highest = max(high for line, of_seeds in spans.items() if line != best for _, high in of_seeds)
    return best if lowest > highest else None


class Averages(NamedTuple):
    """Means over seeds.

    Attributes:
        measures: measure -> model without a seed -> its mean; of several seeds it has no interval.
        remarks: (measure, model) -> in how many seeds it is at chance, and the range over seeds.
        guesses: the measures and models that are at chance in every seed.
    """

    measures: ScoresByMeasure
    remarks: dict[tuple[Measure, Model], str]
    guesses: set[tuple[Measure, Model]]


def average_seeds(measures: ScoresByMeasure, format_value: Callable[[float], str]) -> Averages:
    """Computes means over seeds of every score.

    Args:
        measures: the scores of all seeds.
        format_value: formats a value.
    """
    means: ScoresByMeasure = {}
    remarks: dict[tuple[Measure, Model], str] = {}
    guesses: set[tuple[Measure, Model]] = set()
    for measure, scores in measures.items():
        means[measure] = {}
        for line, of_seeds in group_by_line(scores).items():
            rows, model = list(of_seeds.values()), Model(line.variant, None, line.step)
            chances = [text for seed in of_seeds if (text := describe_chance(measures, measure, seed))]
            parts = []
            if len(rows) == 1:
                means[measure][model] = msgspec.structs.replace(rows[0], seed=None)
                parts += chances
            else:
                values = [row.value for row in rows]
                changes = {"value": fmean(values), "low": None, "high": None, "seed": None}
                means[measure][model] = msgspec.structs.replace(rows[0], **changes)
                parts.append(f"seeds {format_value(min(values))} to {format_value(max(values))}")
                if chances:
                    share = "" if len(chances) == len(rows) else f" in {len(chances)} of {len(rows)} seeds"
                    # 'Worse than guessing' in some seeds only is 'no better' in all of them.
                    remark = chances[0] if len({*chances}) == 1 else chance.SKILL_AT_CHANCE
                    parts.append(f"{remark}{share}")
            remarks[measure, model] = "; ".join(parts)
            if len(chances) == len(rows):
                guesses.add((measure, model))
    return Averages(means, remarks, guesses)
