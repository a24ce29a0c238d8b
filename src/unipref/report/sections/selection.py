"""What selection did, from a run's manifest: counts, quality and variety before and after, a map, and what it saved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from unipref.core.run_folder import Manifest, Selected, SelectedPart, SelectionAccount, TrainedStep, each_seed
from unipref.report.content import Points, Section, Table, format_count, format_number, format_share
from unipref.report.sections.prompt_map import prompt_map
from unipref.report.tables import drop_missing, format_decimal, make_table, merge_sentences

FEWEST_EPOCHS, MOST_EPOCHS = 1, 10
"""A selection trained on for fewer epochs was not all seen; for more, it is learned by heart."""
ONE_BY_ONE = 4
"""Trainings that are named one by one where their epochs are too few or too many."""
MAPS = 6
"""Most maps on the page, one per variant."""
SELECTION_HEAD = "Selected too little, or not seen"
"""Head of what `selection_warnings` says."""
MIDDLE = 2
"""Place of the median among the quantiles of the margin."""

Selections = Mapping[str, Mapping[str, Selected]]
"""Variant -> seed -> what was selected."""


def selection_section(manifest: Manifest) -> Section | None:
    """The section on selection; None where the manifest has none."""
    selected = manifest.selected
    accounts = dict(_first_accounts(selected))
    warnings = selection_warnings(manifest)
    saved, estimated = estimate_savings(manifest)
    tables = drop_missing(
        _totals(selected),
        _parts("What selection changed", accounts, ("all", "objective")),
        _parts("What selection changed in each source", accounts, ("source",), folded=True),
        _by_source(selected),
        _saved(saved, estimated),
    )
    if not tables:
        return None
    alone = [name for name, variant in manifest.variants.items() if variant.strategy.takes_whole]
    # One source alone shows where the source lies, and not what a strategy did: those maps come last.
    in_order = sorted(accounts, key=alone.__contains__)
    maps = {variant: drawn for variant in in_order if (drawn := accounts[variant].map) is not None and drawn.kept}
    figures = [prompt_map(variant, drawn) for variant, drawn in list(maps.items())[:MAPS]]
    left_out = f"The maps of {', '.join(list(maps)[MAPS:])} are not drawn." if len(maps) > MAPS else ""
    notes = [(f"{variant}, seed {seed}", note) for variant, seed, s in each_seed(selected) for note in s.notes]
    points = [
        Points(title, items)
        for title, items in ((SELECTION_HEAD, warnings), ("Budget", merge_sentences(notes)))
        if items
    ]
    return Section("Selection", [left_out] if left_out else [], points=points, tables=tables, figures=figures)


def selection_warnings(manifest: Manifest) -> list[str]:
    """Selections that are over-aggressive, and trainings that do not see what was kept, or see it too often."""
    aggressive = [
        (f"{variant}, seed {seed}", warning)
        for variant, seed, selection in each_seed(manifest.selected)
        for warning in selection.warnings
    ]
    return [*merge_sentences(aggressive), *epoch_warnings(manifest)]


def epoch_warnings(manifest: Manifest) -> list[str]:
    """Trainings that do not see what was kept, or see it too often."""
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
        *_off(few, "fewer than one: a part of what was kept was not seen."),
        *_off(many, f"more than {MOST_EPOCHS}: too little was kept for these steps."),
    ]


def _off(by_step: dict[str, list[tuple[str, float]]], what: str) -> Iterator[str]:
    """Steps that saw too few or too many epochs, where they are many in one sentence for each step."""
    for step, trained in by_step.items():
        if len(trained) <= ONE_BY_ONE:
            yield from (f"{where}, {step}: {seen:.3g} epochs, {what}" for where, seen in trained)
        else:
            low, high = min(seen for _, seen in trained), max(seen for _, seen in trained)
            others = f"{trained[0][0]}, and {len(trained) - 1} others"
            yield f"{others}, {step}: {low:.3g} to {high:.3g} epochs, {what}"


def _writes_answers(manifest: Manifest, variant: str, step: str) -> bool:
    """Whether a step learns from answers that the model writes: epochs over its prompts say little about selection."""
    steps = manifest.variants[variant].steps if variant in manifest.variants else []
    return any(planned.writes_answers for planned in steps if planned.name == step)


def _epochs(trained: TrainedStep) -> float | None:
    """How often a step saw its rows, as the trainer counted."""
    epochs = [point["epoch"] for point in trained.curve if isinstance(point.get("epoch"), int | float)]
    return float(epochs[-1]) if epochs else None


def _first_accounts(selected: Selections) -> Iterator[tuple[str, SelectionAccount]]:
    """Variant -> the account of its first seed; of the variants that left anything out."""
    seen = set()
    for variant, _, selection in each_seed(selected):
        if variant not in seen and selection.account and not selection.keeps_all:
            seen.add(variant)
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
    return make_table("By source", ["variant", "seed", "source", "before", "after", "share"], rows, folded=True)


def _parts(
    caption: str, accounts: Mapping[str, SelectionAccount], which: tuple[str, ...], folded: bool = False
) -> Table | None:
    heads = ["variant", "part", "preferences", "words", "margin: 10 %", "margin: median", "margin: 90 %"]
    heads += ["mean words: chosen", "mean words: rejected", "mean words: ratio", "prompts: clusters"]
    heads += ["prompts: entropy", "prompts: nearest", "prompts: at random", "distinct-2"]
    rows = [
        [variant, _part(part), *_figures(part)]
        for variant, account in accounts.items()
        for part in account.parts
        if part.of in which
    ]
    embedders = ", ".join(dict.fromkeys(account.embedder for account in accounts.values()))
    note = (
        "Before → after, of each variant's first seed; the others are in manifest.json. Clusters: k-means clusters of "
        f"prompts (vectors: {embedders}) that hold a preference, and the entropy of their shares in nats. Nearest: "
        "mean cosine distance of a prompt to its nearest other; at random: of as many preferences drawn at random. "
        "distinct-2: share of different word pairs, in samples of equal size."
    )
    return make_table(caption, heads, rows, note, folded)


def _part(part: SelectedPart) -> str:
    return "all" if part.of == "all" else part.name


def _figures(part: SelectedPart) -> list[str]:
    return [
        _both(part.count, format_count),
        _both(part.tokens, format_count),
        *(_both([_quantile(margins, at) for margins in part.margin], format_number) for at in (0, MIDDLE, -1)),
        _both(part.chosen_words, _one_decimal),
        _both(part.rejected_words, _one_decimal),
        _both(part.length_ratio, format_number),
        _both(part.clusters, format_count),
        _both(part.entropy, format_number),
        _both(part.nearest[:2], format_number),
        format_number(part.nearest[2]),
        _both(part.distinct_2, format_number),
    ]


def _quantile(quantiles: list[float] | None, at: int) -> float | None:
    return quantiles[at] if quantiles and len(quantiles) > MIDDLE else None


def _both(pair: Sequence[Any], as_text: Callable[[Any], str]) -> str:
    before, after = map(as_text, pair)
    return "–" if before == after == "–" else f"{before} → {after}"


def _one_decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


class Saving(NamedTuple):
    """What a variant's training step saved against one on everything.

    Attributes:
        selecting: seconds spent selecting, mean over seeds.
        steps: its optimiser steps.
        all_steps: those on everything; None where no variant trains on everything.
        per_step: seconds per step, measured.
        saved: seconds, mean over seeds; estimated where `all_steps` is None.
    """

    variant: str
    step: str
    selecting: float
    steps: float
    all_steps: float | None
    per_step: float
    saved: float


def estimate_savings(manifest: Manifest) -> tuple[list[Saving], bool]:
    """Seconds of training saved by each variant and step, and whether any of them is an estimate.

    With a variant that trains on everything: its seconds per step times the steps saved. Without: the step's own
    seconds, scaled by the words left out, as if everything had been trained on for as many epochs.
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
            saving = _saving(variant, step, selection, trained, full)
            if saving is not None:
                by_step.setdefault((variant, step), []).append(saving)
    every = [_mean(group) for group in by_step.values()]
    return every, any(saving.all_steps is None for saving in every)


def _saving(
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


def _saved(saved: list[Saving], estimated: bool) -> Table | None:
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
        "Measured: seconds per step of the variant that trains on everything, times the steps saved. Selection is done "
        "once for all steps; its seconds hold embedding and scoring, less where they were in the cache."
    )
    if estimated:
        note += (
            " Estimated, for want of such a variant: what the same number of epochs on everything would have taken, by "
            "the words left out; nothing is saved where the number of steps is fixed."
        )
    return make_table("What selecting cost and saved (means over seeds)", heads, rows, note)
