"""The section on selection: counts, quality and diversity before and after, maps of prompts, and time saved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from unipref.core.run_folder import Manifest, Selected, SelectedPart, SelectionAccount, TrainedStep, each_seed
from unipref.report.content import Points, Section, Table, format_count, format_number, format_share
from unipref.report.guard import draw
from unipref.report.sections.prompt_map import make_prompt_map
from unipref.report.tables import drop_missing, format_decimal, make_table, merge_sentences

FEWEST_EPOCHS, MOST_EPOCHS = 1, 10
"""With fewer epochs, training does not see all selected data; with more, the model memorises it."""
MOST_NAMED_RUNS = 4
"""Up to this many training runs with unsuitable epochs get a warning each; more share one."""
MAPS = 6
"""Most maps on the page; each variant has one."""
SELECTION_HEAD = "Selection warnings"
"""Heading of `selection_warnings`."""
MEDIAN = 2
"""Index of the median in the quantiles of the margin."""

Selections = Mapping[str, Mapping[str, Selected]]
"""Variant -> seed -> its selection."""


def make_selection_section(manifest: Manifest) -> Section | None:
    """The section; None if the manifest has no selection."""
    selected = manifest.selected
    accounts = dict(_first_accounts(selected))
    warnings = list_selection_warnings(manifest)
    saved, estimated = estimate_savings(manifest)
    tables = drop_missing(
        _totals(selected),
        _parts("Before and after selection", accounts, ("all", "objective")),
        _parts("Before and after selection, by source", accounts, ("source",), folded=True),
        _by_source(selected),
        _savings_table(saved, estimated),
    )
    if not tables:
        return None
    single_source_variants = [name for name, variant in manifest.variants.items() if variant.strategy.takes_whole]
    # The map of a variant on one source shows the source rather than the strategy, so these maps come last.
    in_order = sorted(accounts, key=single_source_variants.__contains__)
    maps = {
        variant: map_data for variant in in_order if (map_data := accounts[variant].map) is not None and map_data.kept
    }
    figures = [
        figure
        for variant, map_data in list(maps.items())[:MAPS]
        for figure in draw(f"Prompts of {variant}", make_prompt_map, variant, map_data)
    ]
    left_out = [f"The maps of {', '.join(list(maps)[MAPS:])} are not drawn."] if len(maps) > MAPS else []
    left_out += merge_sentences((f"No map of the prompts of {v}", a.no_map) for v, a in accounts.items() if a.no_map)
    notes = [(f"{variant}, seed {seed}", note) for variant, seed, s in each_seed(selected) for note in s.notes]
    points = [
        Points(title, items)
        for title, items in ((SELECTION_HEAD, warnings), ("Budget", merge_sentences(notes)))
        if items
    ]
    return Section("Selection", left_out, points=points, tables=tables, figures=figures)


def list_selection_warnings(manifest: Manifest) -> list[str]:
    """Warnings on over-aggressive selection, and on training for too few or too many epochs."""
    aggressive = [
        (f"{variant}, seed {seed}", warning)
        for variant, seed, selection in each_seed(manifest.selected)
        for warning in selection.warnings
    ]
    return [*merge_sentences(aggressive), *list_epoch_warnings(manifest)]


def list_epoch_warnings(manifest: Manifest) -> list[str]:
    """Warnings on training for too few or too many epochs of the selected data."""
    few: dict[str, list[tuple[str, float]]] = {}
    many: dict[str, list[tuple[str, float]]] = {}
    for variant, seed, selection in each_seed(manifest.selected):
        where = f"{variant}, seed {seed}"
        if selection.keeps_all:
            continue
        for step, trained in manifest.trained(variant, seed).items():
            epochs = _epochs(trained)
            if epochs is not None and epochs < FEWEST_EPOCHS and not _writes_answers(manifest, variant, step):
                few.setdefault(step, []).append((where, epochs))
            elif epochs is not None and epochs > MOST_EPOCHS:
                many.setdefault(step, []).append((where, epochs))
    return [
        *_describe_epochs(few, "fewer than one: training did not see all selected data."),
        *_describe_epochs(many, f"more than {MOST_EPOCHS}: too little data was selected for this number of steps."),
    ]


def _describe_epochs(by_step: dict[str, list[tuple[str, float]]], what: str) -> Iterator[str]:
    """A sentence per training run with unsuitable epochs, or per step if there are many runs."""
    for step, trained in by_step.items():
        if len(trained) <= MOST_NAMED_RUNS:
            yield from (f"{where}, {step}: {epochs:.3g} epochs, {what}" for where, epochs in trained)
        else:
            low, high = min(epochs for _, epochs in trained), max(epochs for _, epochs in trained)
            others = f"{trained[0][0]}, and {len(trained) - 1} others"
            yield f"{others}, {step}: {low:.3g} to {high:.3g} epochs, {what}"


def _writes_answers(manifest: Manifest, variant: str, step: str) -> bool:
    """Whether a step trains on answers that the model generates; its epochs say little about selection."""
    steps = manifest.variants[variant].steps if variant in manifest.variants else []
    return any(planned.writes_answers for planned in steps if planned.name == step)


def _epochs(trained: TrainedStep) -> float | None:
    """The epochs of a step, as logged by the trainer."""
    epochs = [point["epoch"] for point in trained.curve if isinstance(point.get("epoch"), int | float)]
    return float(epochs[-1]) if epochs else None


def _first_accounts(selected: Selections) -> Iterator[tuple[str, SelectionAccount]]:
    """Variants that left something out -> the account of their first seed."""
    variants = set()
    for variant, _, selection in each_seed(selected):
        if variant not in variants and selection.account and not selection.keeps_all:
            variants.add(variant)
            yield variant, selection.account


def _totals(selected: Selections) -> Table | None:
    rows = []
    for variant, seed, selection in each_seed(selected):
        before, after = selection.candidates, selection.kept
        row = [variant, seed, format_count(before), format_count(after), format_share(after or 0, before or 0)]
        rows.append([*row, *map(format_number, selection.mean_margin), format_decimal(selection.seconds)])
    heads = ["variant", "seed", "candidates", "kept", "share", "mean margin before", "after", "seconds"]
    return make_table("Selected for training", heads, rows)


def _by_source(selected: Selections) -> Table | None:
    rows = [
        [variant, seed, source, format_count(before), format_count(after), format_share(after, before)]
        for variant, seed, selection in each_seed(selected)
        for source, (before, after) in selection.by_source.items()
    ]
    return make_table(
        "Selected per source", ["variant", "seed", "source", "before", "after", "share"], rows, folded=True
    )


def _parts(
    caption: str, accounts: Mapping[str, SelectionAccount], kinds: tuple[str, ...], folded: bool = False
) -> Table | None:
    heads = ["variant", "part", "preferences", "words", "margin: 10 %", "margin: median", "margin: 90 %"]
    heads += ["mean words: chosen", "mean words: rejected", "mean words: ratio", "prompts: clusters"]
    heads += ["prompts: entropy", "prompts: nearest", "prompts: at random", "distinct-2"]
    rows = [
        [variant, _part(part), *_figures(part)]
        for variant, account in accounts.items()
        for part in account.parts
        if part.of in kinds
    ]
    embedders = ", ".join(dict.fromkeys(account.embedder for account in accounts.values()))
    note = (
        "Before → after selection, for each variant's first seed; manifest.json has the others. Clusters: k-means "
        f"clusters of prompts (vectors: {embedders}) with at least one preference. Entropy: of their shares, in nats. "
        "Nearest: mean cosine distance from a prompt to its nearest neighbour. At random: the same for a random "
        "subset of equal size. distinct-2: share of distinct word pairs, in samples of equal size."
    )
    return make_table(caption, heads, rows, note, folded)


def _part(part: SelectedPart) -> str:
    return "all" if part.of == "all" else part.name


def _figures(part: SelectedPart) -> list[str]:
    return [
        _before_and_after(part.count, format_count),
        _before_and_after(part.tokens, format_count),
        *(
            _before_and_after([_quantile(margins, at) for margins in part.margin], format_number)
            for at in (0, MEDIAN, -1)
        ),
        _before_and_after(part.chosen_words, format_decimal),
        _before_and_after(part.rejected_words, format_decimal),
        _before_and_after(part.length_ratio, format_number),
        _before_and_after(part.clusters, format_count),
        _before_and_after(part.entropy, format_number),
        _before_and_after(part.nearest[:2], format_number),
        format_number(part.nearest[2]),
        _before_and_after(part.distinct_2, format_number),
    ]


def _quantile(quantiles: list[float] | None, at: int) -> float | None:
    return quantiles[at] if quantiles and len(quantiles) > MEDIAN else None


def _before_and_after(pair: Sequence[Any], format_value: Callable[[Any], str]) -> str:
    before, after = map(format_value, pair)
    return "–" if before == after == "–" else f"{before} → {after}"


class Saving(NamedTuple):
    """The time that a variant's training step saved, compared with training on all data.

    Attributes:
        selecting: seconds spent selecting, mean over seeds.
        steps: its optimiser steps.
        all_steps: the optimiser steps on all data; None if no variant trains on all data.
        per_step: measured seconds per step.
        saved: seconds saved, mean over seeds; an estimate if `all_steps` is None.
    """

    variant: str
    step: str
    selecting: float
    steps: float
    all_steps: float | None
    per_step: float
    saved: float


def estimate_savings(manifest: Manifest) -> tuple[list[Saving], bool]:
    """The training time saved by each variant and step, and whether any of it is an estimate.

    If a variant trains on all data: its seconds per step times the steps saved. Otherwise an estimate: the step's own
    seconds, scaled by the words left out, which assumes the same number of epochs on all data.
    """
    selected = manifest.selected
    whole = next(
        (name for name, by_seed in selected.items() if by_seed and all(s.keeps_all for s in by_seed.values())), None
    )
    by_step: dict[tuple[str, str], list[Saving]] = {}
    for variant, seed, selection in each_seed(selected):
        if selection.keeps_all:
            continue
        for step, trained in manifest.trained(variant, seed).items():
            full = manifest.trained(whole, seed).get(step) if whole else None
            saving = _estimate_saving(variant, step, selection, trained, full)
            if saving is not None:
                by_step.setdefault((variant, step), []).append(saving)
    means = [_mean(group) for group in by_step.values()]
    return means, any(saving.all_steps is None for saving in means)


def _estimate_saving(
    variant: str, step: str, selection: Selected, trained: TrainedStep, full: TrainedStep | None
) -> Saving | None:
    if not trained.steps or trained.seconds is None:
        return None
    selecting, per_step = selection.seconds or 0.0, trained.seconds / trained.steps
    if full is not None and full.steps and full.seconds is not None:
        per_step = full.seconds / full.steps
        saved = per_step * (full.steps - trained.steps)
        return Saving(variant, step, selecting, trained.steps, full.steps, per_step, saved)
    parts = selection.account.parts if selection.account else []
    if not parts or not parts[0].tokens[1]:
        return None
    before, after = parts[0].tokens
    return Saving(variant, step, selecting, trained.steps, None, per_step, trained.seconds * (before / after - 1))


def _mean(group: list[Saving]) -> Saving:
    first = group[0]
    whole = [s.all_steps for s in group if s.all_steps is not None]
    return Saving(
        first.variant,
        first.step,
        mean(s.selecting for s in group),
        mean(s.steps for s in group),
        mean(whole) if whole else None,
        mean(s.per_step for s in group),
        mean(s.saved for s in group),
    )


def _savings_table(saved: list[Saving], estimated: bool) -> Table | None:
    heads = [
        "variant",
        "step",
        "seconds selecting",
        "steps",
        "steps on all",
        "seconds per step",
        "seconds saved",
        "how",
    ]
    rows = [
        [
            s.variant,
            s.step,
            format_decimal(s.selecting),
            f"{s.steps:,.0f}",
            "–" if s.all_steps is None else f"{s.all_steps:,.0f}",
            format_number(s.per_step),
            format_decimal(s.saved),
            "estimated from words" if s.all_steps is None else "measured",
        ]
        for s in saved
    ]
    note = (
        "Measured: seconds per step of the variant that trains on all data, times the steps saved. Selection runs once "
        "for all steps; its time includes embedding and scoring, unless cached."
    )
    if estimated:
        note += (
            " Estimated, without such a variant: the time that the same number of epochs on all data would take, from "
            "the number of words left out. With a fixed number of steps, nothing is saved."
        )
    return make_table("Selection time and training time saved (means over seeds)", heads, rows, note)
