"""The section on bias by group: base and trained models per occupation, category or type of a benchmark."""

from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Any, NamedTuple

from unipref.core.run_folder import Manifest, ScoreRow
from unipref.core.stats.chance import goodness, hides_bias, is_skill
from unipref.report.content import (
    Cell,
    Column,
    Figure,
    Section,
    Table,
    axis_range,
    describe_direction,
    format_interval,
    format_number,
    format_with_interval,
    reference_line,
)
from unipref.report.guard import draw
from unipref.report.scores import Model, model_of

KINDS = ("occupation", "category", "bias_type", "type")
"""Prefixes, before the colon, of slices that are groups of people or stereotypes."""
MOST_GROUPS = 30
MOST_MODELS = 5
FEWEST_DRAWN = 3
"""With fewer groups there is a table and no figure."""
MOST_IN_TEXT = 3
"""Most groups in the description of a figure."""
LINE, AROUND = 22, 110
"""Height in pixels of a line, and of the space around the lines."""
KIND_LABELS = {
    "occupation": "occupation",
    "category": "category",
    "bias_type": "type of bias",
    "type": "type of sentence",
}

Seeds = list[ScoreRow]


class Groups(NamedTuple):
    """One bias metric by one kind of groups.

    Attributes:
        about: benchmark, mode, split and metric.
        kind: kind of the groups, one of KINDS.
        values: group -> model (variant and step, without seed) -> its scores, one per seed. The groups are sorted by
            the bias of the first measured model, usually the base model, the most biased first.
        left_out: number of groups beyond MOST_GROUPS.
        guessing: models that guess on the benchmark and show no bias there.
    """

    about: tuple[str, str, str, str]
    kind: str
    values: dict[str, dict[Model, Seeds]]
    left_out: int
    guessing: frozenset[Model]


def make_bias_section(scores: list[ScoreRow], manifest: Manifest) -> Section | None:
    """The section; None if no benchmark measures bias by group."""
    models = choose_models(scores, manifest)
    figures_by_group = [
        group_scores(rows, about, kind, models, _guessing(scores, about, models))
        for (about, kind), rows in _bias_rows(scores, manifest).items()
    ]
    parts = [part for part in figures_by_group if part.values]
    if not parts:
        return None
    large = [part for part in parts if len(part.values) >= FEWEST_DRAWN]
    figures = [figure for part in large for figure in draw(_title(part), _figure, part, models)]
    measured = {model._replace(seed=None) for model in map(model_of, scores) if not model.is_base}
    paragraphs = ["Each group is a small part of a benchmark: look at the pattern rather than at single groups."]
    if left_out := len(measured - set(models)):
        paragraphs.append(
            f"The figures show the base model and the last step of the first variants; {left_out} more models are in "
            "scores.json."
        )
    return Section(
        "Bias by group", paragraphs=paragraphs, figures=figures, tables=[_table(part, models) for part in parts]
    )


def choose_models(scores: Iterable[ScoreRow], manifest: Manifest) -> dict[Model, str]:
    """The base model and the last policy of the first variants -> their names; a model covers all its seeds.

    If the manifest lacks the steps of a variant, all its models count as policies.
    """
    measured = list(dict.fromkeys(model_of(row)._replace(seed=None) for row in scores))
    last = {model.variant: model for model in measured if not model.is_base and _is_policy(model, manifest)}
    order = [*manifest.variants, *last]
    names = {model: "base" for model in measured if model.is_base and model.variant == "base"}
    for variant in dict.fromkeys(order):
        if variant in last and len(names) < MOST_MODELS:
            names[last[variant]] = f"{variant} · {last[variant].step}"
    return names


def _is_policy(model: Model, manifest: Manifest) -> bool:
    variant = manifest.variants.get(model.variant)
    steps = variant.steps if variant else []
    return not steps or any(step.name == model.step and step.model_kind == "policy" for step in steps)


def _bias_rows(
    scores: Iterable[ScoreRow], manifest: Manifest
) -> dict[tuple[tuple[str, str, str, str], str], list[ScoreRow]]:
    """(Metric, kind of group) -> its rows, for the headline metric of each benchmark, or else its first bias metric."""
    rows_by_figure: dict[tuple[tuple[str, str, str, str], str], list[ScoreRow]] = {}
    for row in scores:
        kind, colon, group = row.slice.partition(":")
        # A slice of a slice, such as the sentences of a category for the stereotype, is not a group.
        if colon and kind in KINDS and "," not in group and not is_skill(row):
            rows_by_figure.setdefault(((row.benchmark, row.mode, row.split, row.metric), kind), []).append(row)
    metrics = {
        label: headline.metric
        for variant in reversed(list(manifest.variants.values()))
        for label, headline in variant.judged.items()
    }
    chosen: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    for about, kind in rows_by_figure:
        first = chosen.setdefault((about[0], kind), about)
        if _rank(about, metrics) < _rank(first, metrics):
            chosen[about[0], kind] = about
    return {(about, kind): rows_by_figure[about, kind] for (_, kind), about in chosen.items()}


def _rank(about: tuple[str, str, str, str], metrics: Mapping[str, str]) -> tuple[bool, bool, bool]:
    """Sort key: first the headline metric, then the mode 'corrected', then the test split."""
    benchmark, mode, split, metric = about
    return metric != metrics.get(benchmark), mode != "corrected", split != "test"


def _guessing(scores: list[ScoreRow], about: tuple[str, str, str, str], models: Iterable[Model]) -> frozenset[Model]:
    """The models that guess and show no bias, in this mode and split, in at least half of their seeds."""
    of_seeds: dict[Model, dict[Model, list[ScoreRow]]] = {}
    for row in scores:
        if (row.benchmark, row.mode, row.split) == about[:3]:
            one = model_of(row)
            of_seeds.setdefault(one._replace(seed=None), {}).setdefault(one, []).append(row)
    own = {model: [hides_bias(rows) for rows in seeds.values()] for model, seeds in of_seeds.items()}
    return frozenset(model for model in models if model in own and 2 * sum(own[model]) >= len(own[model]))


def group_scores(
    rows: Iterable[ScoreRow],
    about: tuple[str, str, str, str],
    kind: str,
    models: Mapping[Model, str],
    guessing: frozenset[Model] = frozenset(),
) -> Groups:
    """Groups rows by group and model, sorted by the bias of the first measured model, usually the base model."""
    values: dict[str, dict[Model, Seeds]] = {}
    for row in rows:
        model = model_of(row)._replace(seed=None)
        if model in models:
            values.setdefault(row.slice.partition(":")[2], {}).setdefault(model, []).append(row)
    first = next((model for model in models if _is_measured(values, model)), None)
    order = sorted(values, key=lambda name: (_rate(values[name].get(first, [])) if first else 0.0, name))
    first_groups = {name: values[name] for name in order[:MOST_GROUPS]}
    return Groups(about, kind, first_groups, max(0, len(order) - MOST_GROUPS), guessing)


def _rate(seeds: Seeds) -> float:
    """Sort key: the goodness of the mean, worst first, unmeasured last."""
    return goodness(seeds[0], _mean(seeds)) if seeds else float("inf")


def _mean(seeds: Seeds) -> float:
    return fmean(row.value for row in seeds)


def _figure(groups: Groups, models: Mapping[Model, str]) -> Figure:
    first = next(row for by_model in groups.values.values() for seeds in by_model.values() for row in seeds)
    traces = [_trace(groups, model, label) for model, label in models.items() if _is_measured(groups.values, model)]
    ideal = first.ideal or 0.0
    better = describe_direction(first.direction, ideal if first.direction == "ideal" else None)
    values = [_mean(seeds) for by_model in groups.values.values() for seeds in by_model.values()]
    ends = axis_range([*values, ideal])
    layout = {
        "height": AROUND + LINE * len(groups.values),
        "hovermode": "closest",
        "xaxis": {"title": {"text": f"{first.metric}, {better}"}, "range": ends},
        "yaxis": {"type": "category", "autorange": "reversed"},
        "shapes": [reference_line("x", ideal, "ideal", ends)],
    }
    return Figure(_title(groups), traces, layout, _summary(groups, models), _note(groups, first, models))


def _is_measured(values: Mapping[str, Mapping[Model, Seeds]], model: Model) -> bool:
    return any(model in by_model for by_model in values.values())


def _trace(groups: Groups, model: Model, label: str) -> dict[str, Any]:
    by_group = {group: by_model[model] for group, by_model in groups.values.items() if model in by_model}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label,
        "meta": {} if model.is_base else {"variant": model.variant},
        "x": [_mean(seeds) for seeds in by_group.values()],
        "y": list(by_group),
        "text": [f"{group}, {label}: {_value_text(seeds)}" for group, seeds in by_group.items()],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 10 if model.is_base else 9, "symbol": "diamond" if model.is_base else "circle"},
    }


def _value_text(seeds: Seeds) -> str:
    if len(seeds) > 1:
        values = ", ".join(format_number(row.value) for row in seeds)
        return f"{format_number(_mean(seeds))}, mean of {len(seeds)} seeds ({values})"
    row = seeds[0]
    return f"{format_with_interval(row.value, row.low, row.high)}, {row.n:,} {row.unit}"


def _title(groups: Groups) -> str:
    benchmark, mode, split, metric = groups.about
    notes = ([mode] if mode != "corrected" else []) + ([split] if split != "test" else [])
    beside = f" ({', '.join(notes)})" if notes else ""
    return f"{benchmark}{beside}: {metric} by {KIND_LABELS[groups.kind]}"


def _summary(groups: Groups, models: Mapping[Model, str]) -> str:
    """Names the groups with the most bias of the first model, and counts those in which each other model has less."""
    (first, label), *others = ((model, name) for model, name in models.items() if _is_measured(groups.values, model))
    most = [(group, by_model[first]) for group, by_model in groups.values.items() if first in by_model][:MOST_IN_TEXT]
    values = ", ".join(f"{group} {format_number(_mean(seeds))}" for group, seeds in most)
    sentences = [f"Most biased groups of {label}: {values}."] if most else []
    for model, name in others:
        both = [by_model for by_model in groups.values.values() if first in by_model and model in by_model]
        if both:
            less = sum(_rate(by_model[model]) > _rate(by_model[first]) for by_model in both)
            sentences.append(f"{name} is less biased in {less} of {len(both)} groups.")
    guessing = [name for model, name in models.items() if model in groups.guessing]
    if guessing:
        sentences.append(f"At chance on this benchmark, and no bias shown: {', '.join(guessing)}.")
    return " ".join(sentences)


def _note(groups: Groups, first: ScoreRow, models: Mapping[Model, str]) -> str:
    sizes = [row.n for by_model in groups.values.values() for seeds in by_model.values() for row in seeds]
    note = f"A group has {median(sizes):,.0f} {first.unit} (median). {_describe_order(groups, models)}"
    if any(len(seeds) > 1 for by_model in groups.values.values() for seeds in by_model.values()):
        note += " Means over seeds."
    return note + _left_out(groups)


def _describe_order(groups: Groups, models: Mapping[Model, str]) -> str:
    first = next(model for model in models if _is_measured(groups.values, model))
    return f"Sorted by the bias of {'the base model' if first.is_base else models[first]}."


def _left_out(groups: Groups) -> str:
    if not groups.left_out:
        return ""
    return f" {groups.left_out} more groups, with less bias, are in scores.json."


def _table(groups: Groups, models: Mapping[Model, str]) -> Table:
    measured_models = {model: label for model, label in models.items() if _is_measured(groups.values, model)}
    columns = [
        Column(KIND_LABELS[groups.kind], numeric=False),
        Column("n"),
        *(Column(label) for label in measured_models.values()),
    ]
    rows = []
    for group, by_model in groups.values.items():
        n = next(iter(by_model.values()))[0].n
        rows.append([Cell(group), Cell(f"{n:,}"), *(_cell(by_model.get(model, [])) for model in measured_models)])
    return Table(_title(groups), columns, rows, f"{_describe_order(groups, models)}{_left_out(groups)}", folded=True)


def _cell(seeds: Seeds) -> Cell:
    if not seeds:
        return Cell("–")
    row = seeds[0]
    return Cell(format_number(_mean(seeds)), format_interval(row.low, row.high) if len(seeds) == 1 else "")
