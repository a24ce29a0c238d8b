"""What selection did, from a run's manifest: counts, quality and variety before and after, a map, and what it saved."""

from collections.abc import Iterator
from statistics import mean
from typing import Any, NamedTuple

from unipref.report.content import Points, Section, Table, count, number, share
from unipref.report.sections.prompt_map import prompt_map
from unipref.report.tables import Manifest, leaves, present, seconds, table, together

FEWEST_EPOCHS, MOST_EPOCHS = 1, 10
"""A selection trained on for fewer epochs was not all seen; for more, it is learned by heart."""
ONE_BY_ONE = 4
"""Trainings that are named one by one where their epochs are too few or too many."""
MAPS = 6
"""Most maps on the page, one per variant."""
DOUBTS = "Selected too little, or not seen"
"""Head of what `selection_warnings` says."""
MIDDLE = 2
"""Place of the median among the quantiles of the margin."""


def selection_section(manifest: Manifest) -> Section | None:
    """The section on selection; None where the manifest has none."""
    selected, train = manifest.get("selected") or {}, manifest.get("train") or {}
    accounts = dict(_first_accounts(selected))
    warned = selection_warnings(manifest)
    saved, estimated = savings(selected, train)
    tables = present(
        _totals(selected),
        _parts("What selection changed", accounts, ("all", "objective")),
        _parts("What selection changed in each source", accounts, ("source",), folded=True),
        _by_source(selected),
        _saved(saved, estimated),
    )
    if not tables:
        return None
    arms = manifest.get("arms") or {}
    alone = [name for name, arm in arms.items() if (arm.get("strategy") or {}).get("takes_whole")]
    # One source alone shows where the source lies, and not what a strategy did: those maps come last.
    in_order = sorted(accounts, key=alone.__contains__)
    mapped = {variant: accounts[variant]["map"] for variant in in_order if accounts[variant].get("map")}
    maps = [prompt_map(variant, known) for variant, known in list(mapped.items())[:MAPS]]
    left_out = f"The maps of {', '.join(list(mapped)[MAPS:])} are not drawn." if len(mapped) > MAPS else ""
    told = [(f"{variant}, seed {seed}", text) for variant, seed, s in leaves(selected) for text in s.get("notes") or []]
    points = [Points(title, said) for title, said in ((DOUBTS, warned), ("Budget", together(told))) if said]
    return Section("Selection", [left_out] if left_out else [], points=points, tables=tables, figures=maps)


def selection_warnings(manifest: Manifest) -> list[str]:
    """Selections that are over-aggressive, and trainings that do not see what was kept, or see it too often."""
    aggressive = [
        (f"{variant}, seed {seed}", str(text))
        for variant, seed, summary in leaves(manifest.get("selected") or {})
        for text in (summary.get("account") or {}).get("warnings") or []
    ]
    return [*together(aggressive), *epoch_warnings(manifest)]


def epoch_warnings(manifest: Manifest) -> list[str]:
    """Trainings that do not see what was kept, or see it too often."""
    selected, train = manifest.get("selected") or {}, manifest.get("train") or {}
    few: dict[str, list[tuple[str, float]]] = {}
    many: dict[str, list[tuple[str, float]]] = {}
    for variant, seed, summary in leaves(selected):
        where = f"{variant}, seed {seed}"
        if _keeps_all(summary):
            continue
        for step, fit in (train.get(variant, {}).get(seed) or {}).items():
            seen = _epochs(fit)
            if seen is not None and seen < FEWEST_EPOCHS and not _writes_answers(manifest, variant, step):
                few.setdefault(step, []).append((where, seen))
            elif seen is not None and seen > MOST_EPOCHS:
                many.setdefault(step, []).append((where, seen))
    return [
        *_off(few, "fewer than one: a part of what was kept was not seen."),
        *_off(many, f"more than {MOST_EPOCHS}: too little was kept for these steps."),
    ]


def _off(found: dict[str, list[tuple[str, float]]], what: str) -> Iterator[str]:
    """Steps that saw too few or too many epochs, where they are many in one sentence for each step."""
    for step, trained in found.items():
        if len(trained) <= ONE_BY_ONE:
            yield from (f"{where}, {step}: {seen:.3g} epochs, {what}" for where, seen in trained)
        else:
            low, high = min(seen for _, seen in trained), max(seen for _, seen in trained)
            others = f"{trained[0][0]}, and {len(trained) - 1} others"
            yield f"{others}, {step}: {low:.3g} to {high:.3g} epochs, {what}"


def _writes_answers(manifest: Manifest, variant: str, step: str) -> bool:
    """Whether a step learns from answers that the model writes: epochs over its prompts say little about selection."""
    steps = ((manifest.get("arms") or {}).get(variant) or {}).get("steps") or []
    return any(about.get("writes_answers") for about in steps if about.get("name") == step)


def _epochs(fit: Manifest) -> float | None:
    """How often a step saw its rows, as the trainer counted."""
    seen = [point["epoch"] for point in fit.get("curve") or [] if isinstance(point.get("epoch"), int | float)]
    return float(seen[-1]) if seen else None


def _keeps_all(summary: Manifest) -> bool:
    return summary.get("kept") is not None and summary.get("kept") == summary.get("candidates")


def _first_accounts(selected: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Variant -> the account of its first seed; of the variants that left anything out."""
    seen = set()
    for variant, _, summary in leaves(selected):
        if variant not in seen and summary.get("account") and not _keeps_all(summary):
            seen.add(variant)
            yield variant, summary["account"]


def _totals(selected: Manifest) -> Table | None:
    rows = []
    for variant, seed, summary in leaves(selected):
        before, after = summary.get("candidates"), summary.get("kept")
        margins = summary.get("mean_margin") or [None, None]
        row = [variant, seed, count(before), count(after), share(after or 0, before or 0)]
        rows.append([*row, number(margins[0]), number(margins[1]), seconds(summary.get("seconds"))])
    heads = ["variant", "seed", "candidates", "kept", "share", "mean margin before", "after", "seconds"]
    return table("Selected for training", heads, rows)


def _by_source(selected: Manifest) -> Table | None:
    rows = [
        [variant, seed, source, count(had), count(kept), share(kept, had)]
        for variant, seed, summary in leaves(selected)
        for source, (had, kept) in (summary.get("by_source") or {}).items()
    ]
    return table("By source", ["variant", "seed", "source", "before", "after", "share"], rows, folded=True)


def _parts(caption: str, accounts: dict[str, Manifest], which: tuple[str, ...], folded: bool = False) -> Table | None:
    heads = ["variant", "part", "preferences", "words", "margin: 10 %", "margin: median", "margin: 90 %"]
    heads += ["mean words: chosen", "mean words: rejected", "mean words: ratio", "prompts: clusters"]
    heads += ["prompts: entropy", "prompts: nearest", "prompts: at random", "distinct-2"]
    rows = [
        [variant, _part(part), *_figures(part)]
        for variant, account in accounts.items()
        for part in account["parts"]
        if part["of"] in which
    ]
    embedders = ", ".join(dict.fromkeys(str(account["embedder"]) for account in accounts.values()))
    note = (
        "Before → after, of each variant's first seed; the others are in manifest.json. Clusters: k-means clusters of "
        f"prompts (vectors: {embedders}) that hold a preference, and the entropy of their shares in nats. Nearest: "
        "mean cosine distance of a prompt to its nearest other; at random: of as many preferences drawn at random. "
        "distinct-2: share of different word pairs, in samples of equal size."
    )
    return table(caption, heads, rows, note, folded)


def _part(part: Manifest) -> str:
    return "all" if part["of"] == "all" else str(part["name"])


def _figures(part: Manifest) -> list[str]:
    margins = [[quantiles[at] if quantiles else None for quantiles in part["margin"]] for at in (0, MIDDLE, -1)]
    near = part["nearest"]
    return [
        _both(part["count"], count),
        _both(part["tokens"], count),
        *(_both(pair, number) for pair in margins),
        _both(part["chosen_words"], _one_decimal),
        _both(part["rejected_words"], _one_decimal),
        _both(part["length_ratio"], number),
        _both(part["clusters"], count),
        _both(part["entropy"], number),
        _both(near[:2], number),
        number(near[2]),
        _both(part["distinct_2"], number),
    ]


def _both(pair: list[Any], told: Any) -> str:
    before, after = (told(value) for value in pair)
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


def savings(selected: Manifest, train: Manifest) -> tuple[list[Saving], bool]:
    """Seconds of training saved by each variant and step, and whether any of them is an estimate.

    With a variant that trains on everything: its seconds per step times the steps saved. Without: the step's own
    seconds, scaled by the words left out, as if everything had been trained on for as many epochs.
    """
    whole = next((v for v, by_seed in selected.items() if by_seed and all(map(_keeps_all, by_seed.values()))), None)
    found: dict[tuple[str, str], list[Saving]] = {}
    for variant, seed, summary in leaves(selected):
        if _keeps_all(summary):
            continue
        for step, fit in (train.get(variant, {}).get(seed) or {}).items():
            full = (train.get(whole, {}).get(seed) or {}).get(step) if whole else None
            saving = _saving(variant, step, summary, fit, full)
            if saving is not None:
                found.setdefault((variant, step), []).append(saving)
    every = [_mean(group) for group in found.values()]
    return every, any(saving.all_steps is None for saving in every)


def _saving(variant: str, step: str, summary: Manifest, fit: Manifest, full: Manifest | None) -> Saving | None:
    if not fit.get("steps") or fit.get("seconds") is None:
        return None
    selecting, per_step = summary.get("seconds") or 0.0, fit["seconds"] / fit["steps"]
    if full is not None and full.get("steps") and full.get("seconds") is not None:
        per_step = full["seconds"] / full["steps"]
        saved = per_step * (full["steps"] - fit["steps"])
        return Saving(variant, step, selecting, fit["steps"], full["steps"], per_step, saved)
    parts = (summary.get("account") or {}).get("parts") or []
    if not parts or not parts[0]["tokens"][1]:
        return None
    had, has = parts[0]["tokens"]
    return Saving(variant, step, selecting, fit["steps"], None, per_step, fit["seconds"] * (had / has - 1))


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


def _saved(found: list[Saving], estimated: bool) -> Table | None:
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
            seconds(s.selecting),
            f"{s.steps:,.0f}",
            "–" if s.all_steps is None else f"{s.all_steps:,.0f}",
            number(s.per_step),
            seconds(s.saved),
            "estimated from words" if s.all_steps is None else "measured",
        ]
        for s in found
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
    return table("What selecting cost and saved (means over seeds)", heads, rows, note)
