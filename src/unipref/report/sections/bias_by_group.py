"""Bias by group: per occupation, category or type that a benchmark tells apart, the base model beside trained ones."""

from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Any, NamedTuple

from unipref.core.run_folder import Manifest, ScoreRow
from unipref.core.stats.chance import goodness, is_guessing, is_skill
from unipref.report.content import (
    Cell,
    Column,
    Figure,
    Section,
    Table,
    interval,
    level,
    number,
    room,
    which_way,
    with_interval,
)
from unipref.report.scores import Model, model_of

KINDS = ("occupation", "category", "bias_type", "type")
"""What stands before the colon of a slice that is a group of people or of stereotypes."""
MOST_GROUPS = 30
MOST_MODELS = 5
FEWEST_DRAWN = 3
"""Groups below which a table says it all."""
TOLD = 3
LINE, AROUND = 22, 110
"""Height in pixels of a line, and of what stands around the lines."""
SIGNS = {"occupation": "occupation", "category": "category", "bias_type": "type of bias", "type": "type of sentence"}

Seeds = list[ScoreRow]


class Groups(NamedTuple):
    """One bias figure by one kind of groups.

    Attributes:
        about: benchmark, mode, split and metric.
        kind: of groups.
        values: group -> model (variant and step, without seed) -> its scores, one per seed; the group in which the
            first model that was measured, mostly the base model, is most biased first.
        left_out: groups for which there is no room.
        guessing: models that do no better than guessing on the benchmark.
    """

    about: tuple[str, str, str, str]
    kind: str
    values: dict[str, dict[Model, Seeds]]
    left_out: int
    guessing: frozenset[Model]


def bias_section(scores: list[ScoreRow], manifest: Manifest) -> Section | None:
    """The section; None where no benchmark tells a bias by group."""
    models = shown_models(scores, manifest)
    figures_by_group = [
        groups(rows, about, kind, models, _guessing(scores, about, models))
        for (about, kind), rows in _bias_rows(scores, manifest).items()
    ]
    parts = [part for part in figures_by_group if part.values]
    if not parts:
        return None
    figures = [_figure(part, models) for part in parts if len(part.values) >= FEWEST_DRAWN]
    measured = {model._replace(seed=None) for model in map(model_of, scores) if not model.is_base}
    paragraphs = [
        "Each group is a part of a benchmark and holds few items: look at the pattern rather than at single groups."
    ]
    if left_out := len(measured - set(models)):
        paragraphs.append(
            f"Shown are the base model and the last step of the first variants; {left_out} more are in scores.json."
        )
    return Section(
        "Bias by group", paragraphs=paragraphs, figures=figures, tables=[_table(part, models) for part in parts]
    )


def shown_models(scores: Iterable[ScoreRow], manifest: Manifest) -> dict[Model, str]:
    """The base model, and the last policy of each of the first variants, by name; a model stands for all its seeds.

    Where the manifest does not say what a variant's steps make, each of its models is taken for a policy.
    """
    measured = list(dict.fromkeys(model_of(row)._replace(seed=None) for row in scores))
    last = {model.variant: model for model in measured if not model.is_base and _is_policy(model, manifest)}
    order = [*manifest.variants, *last]
    shown = {model: "base" for model in measured if model.is_base and model.variant == "base"}
    for variant in dict.fromkeys(order):
        if variant in last and len(shown) < MOST_MODELS:
            shown[last[variant]] = f"{variant} · {last[variant].step}"
    return shown


def _is_policy(model: Model, manifest: Manifest) -> bool:
    variant = manifest.variants.get(model.variant)
    steps = variant.steps if variant else []
    return not steps or any(step.name == model.step and step.model_kind == "policy" for step in steps)


def _bias_rows(
    scores: Iterable[ScoreRow], manifest: Manifest
) -> dict[tuple[tuple[str, str, str, str], str], list[ScoreRow]]:
    """(What is measured, kind of group) -> its rows; of each benchmark the bias it is judged by, or else its first."""
    rows_by_figure: dict[tuple[tuple[str, str, str, str], str], list[ScoreRow]] = {}
    for row in scores:
        kind, colon, group = row.slice.partition(":")
        # A part of a part, such as a category's sentences for the stereotype, is no group.
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
    """The figure that verdicts judge by goes first, then the usual mode and the test split."""
    benchmark, mode, split, metric = about
    return metric != metrics.get(benchmark), mode != "corrected", split != "test"


def _guessing(scores: list[ScoreRow], about: tuple[str, str, str, str], models: Iterable[Model]) -> frozenset[Model]:
    """The models that guess on the benchmark, in the mode and split of a figure, in half of their seeds or more."""
    of_seeds: dict[Model, dict[Model, list[ScoreRow]]] = {}
    for row in scores:
        if (row.benchmark, row.mode, row.split) == about[:3]:
            one = model_of(row)
            of_seeds.setdefault(one._replace(seed=None), {}).setdefault(one, []).append(row)
    own = {model: [is_guessing(rows) for rows in seeds.values()] for model, seeds in of_seeds.items()}
    return frozenset(model for model in models if model in own and 2 * sum(own[model]) >= len(own[model]))


def groups(
    rows: Iterable[ScoreRow],
    about: tuple[str, str, str, str],
    kind: str,
    models: Mapping[Model, str],
    guessing: frozenset[Model] = frozenset(),
) -> Groups:
    """The rows by group and model, sorted by how biased the first model is that was measured, mostly the base model."""
    values: dict[str, dict[Model, Seeds]] = {}
    for row in rows:
        model = model_of(row)._replace(seed=None)
        if model in models:
            values.setdefault(row.slice.partition(":")[2], {}).setdefault(model, []).append(row)
    first = next((model for model in models if _measured(values, model)), None)
    order = sorted(values, key=lambda name: (_gap(values[name].get(first, [])) if first else 0.0, name))
    shown = {name: values[name] for name in order[:MOST_GROUPS]}
    return Groups(about, kind, shown, max(0, len(order) - MOST_GROUPS), guessing)


def _gap(seeds: Seeds) -> float:
    """How good the mean is, the worst first; what was not measured last."""
    return goodness(seeds[0], _mean(seeds)) if seeds else float("inf")


def _mean(seeds: Seeds) -> float:
    return fmean(row.value for row in seeds)


def _figure(groups: Groups, models: Mapping[Model, str]) -> Figure:
    first = next(row for by_model in groups.values.values() for seeds in by_model.values() for row in seeds)
    traces = [_trace(groups, model, label) for model, label in models.items() if _measured(groups.values, model)]
    ideal = first.ideal or 0.0
    better = which_way(first.direction, ideal if first.direction == "ideal" else None)
    values = [_mean(seeds) for by_model in groups.values.values() for seeds in by_model.values()]
    layout = {
        "height": AROUND + LINE * len(groups.values),
        "hovermode": "closest",
        "xaxis": {"title": {"text": f"{first.metric}, {better}"}, "range": room([*values, ideal])},
        "yaxis": {"type": "category", "autorange": "reversed"},
        "shapes": [level("x", ideal, "ideal")],
    }
    return Figure(_title(groups), traces, layout, _summary(groups, models), _note(groups, first, models))


def _measured(values: Mapping[str, Mapping[Model, Seeds]], model: Model) -> bool:
    return any(model in by_model for by_model in values.values())


def _trace(groups: Groups, model: Model, label: str) -> dict[str, Any]:
    known = {group: by_model[model] for group, by_model in groups.values.items() if model in by_model}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label,
        "meta": {} if model.is_base else {"variant": model.variant},
        "x": [_mean(seeds) for seeds in known.values()],
        "y": list(known),
        "text": [f"{group}, {label}: {_value_text(seeds)}" for group, seeds in known.items()],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 10 if model.is_base else 9, "symbol": "diamond" if model.is_base else "circle"},
    }


def _value_text(seeds: Seeds) -> str:
    if len(seeds) > 1:
        return f"{number(_mean(seeds))}, mean of {len(seeds)} seeds ({', '.join(number(row.value) for row in seeds)})"
    row = seeds[0]
    return f"{with_interval(row.value, row.low, row.high)}, {row.n:,} {row.unit}"


def _title(groups: Groups) -> str:
    benchmark, mode, split, metric = groups.about
    notes = ([mode] if mode != "corrected" else []) + ([split] if split != "test" else [])
    beside = f" ({', '.join(notes)})" if notes else ""
    return f"{benchmark}{beside}: {metric} by {SIGNS[groups.kind]}"


def _summary(groups: Groups, models: Mapping[Model, str]) -> str:
    """Where the first model is most biased, and in how many groups each other one is less so."""
    (first, label), *others = ((model, name) for model, name in models.items() if _measured(groups.values, model))
    most = [(group, by_model[first]) for group, by_model in groups.values.items() if first in by_model][:TOLD]
    sentences = (
        [f"Most for {label}: {', '.join(f'{group} {number(_mean(seeds))}' for group, seeds in most)}."] if most else []
    )
    for model, name in others:
        both = [by_model for by_model in groups.values.values() if first in by_model and model in by_model]
        if both:
            less = sum(_gap(by_model[model]) > _gap(by_model[first]) for by_model in both)
            sentences.append(f"{name} is less biased in {less} of {len(both)}.")
    guess = [name for model, name in models.items() if model in groups.guessing]
    if guess:
        sentences.append(f"At chance on this benchmark, where a small bias means nothing: {', '.join(guess)}.")
    return " ".join(sentences)


def _note(groups: Groups, first: ScoreRow, models: Mapping[Model, str]) -> str:
    sizes = [row.n for by_model in groups.values.values() for seeds in by_model.values() for row in seeds]
    note = f"A group has {median(sizes):,.0f} {first.unit} (median). {_sorted(groups, models)}"
    if any(len(seeds) > 1 for by_model in groups.values.values() for seeds in by_model.values()):
        note += " Means over seeds."
    return note + _left_out(groups)


def _sorted(groups: Groups, models: Mapping[Model, str]) -> str:
    first = next(model for model in models if _measured(groups.values, model))
    return f"Sorted by the bias of {'the base model' if first.is_base else models[first]}."


def _left_out(groups: Groups) -> str:
    if not groups.left_out:
        return ""
    return f" {groups.left_out} more groups, in which it is less biased, are in scores.json."


def _table(groups: Groups, models: Mapping[Model, str]) -> Table:
    shown = {model: label for model, label in models.items() if _measured(groups.values, model)}
    columns = [Column(SIGNS[groups.kind], numeric=False), Column("n"), *(Column(label) for label in shown.values())]
    rows = []
    for group, by_model in groups.values.items():
        n = next(iter(by_model.values()))[0].n
        rows.append([Cell(group), Cell(f"{n:,}"), *(_cell(by_model.get(model, [])) for model in shown)])
    return Table(_title(groups), columns, rows, f"{_sorted(groups, models)}{_left_out(groups)}", folded=True)


def _cell(seeds: Seeds) -> Cell:
    if not seeds:
        return Cell("–")
    row = seeds[0]
    return Cell(number(_mean(seeds)), interval(row.low, row.high) if len(seeds) == 1 else "")
