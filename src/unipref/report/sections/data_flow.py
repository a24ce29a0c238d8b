"""The data flow: what became of each source's rows, from the files to what is trained on, and what fell out where."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from unipref.core.run_folder import CleanCounts, Manifest, SourceCounts, VariantInfo, each_seed
from unipref.report.content import Figure, Section, Table, format_count, format_share
from unipref.report.tables import drop_missing, make_table

MOST_SOURCES = 7
"""Sources with a colour of their own, where there are more than eight; the smaller ones are drawn as one."""
LINE, AROUND = 26, 90
"""Height in pixels of a bar, and of what stands around the bars."""
MOST_VARIANTS = 8
MOST_REASONS = 15
Sources = Mapping[str, SourceCounts]


def list_rejections(source: SourceCounts) -> list[tuple[str, dict[str, int], int | None]]:
    """What unify left out of a source: the level, reason -> count, and the number that a count is a share of."""
    return [
        ("row", source.rejected, source.rows),
        ("part", source.parts_rejected, None),
        ("group", source.groups_rejected, source.groups),
        ("preference", source.preferences_rejected, None),
    ]


class Flow(NamedTuple):
    """Counts of each source along the way.

    Attributes:
        steps: what is counted -> source -> count, in the order of the way; steps that the run did not reach are not in.
        drop_counts: (level, reason) -> source -> how many were left out or removed for it.
        variants_not_shown: variants for which there is no room.
        variants_with_own_data: variants that read or clean the data in their own way.
    """

    steps: dict[str, dict[str, int]]
    drop_counts: dict[tuple[str, str], dict[str, int]]
    variants_not_shown: list[str]
    variants_with_own_data: list[str]


def flow_section(manifest: Manifest) -> Section | None:
    """The section; None where the manifest has no sources."""
    sources = manifest.sources
    if not sources:
        return None
    counts = count_rows(manifest)
    tables = drop_missing(_to_preferences(sources), _to_training(counts, sources), _reasons(sources))
    figures = [figure for figure in (_flow_figure(counts), _drop_figure(counts)) if figure is not None]
    return Section("Data flow", paragraphs=check_counts(sources), figures=figures, tables=tables)


def count_rows(manifest: Manifest) -> Flow:
    """The counts of a manifest, of the study as written; of a variant what it selected with its first seed."""
    sources, clean = manifest.sources, manifest.clean or CleanCounts()
    own = [name for name, info in manifest.variants.items() if _has_own_data(manifest, info)]
    steps: dict[str, dict[str, int]] = {}
    _add_step(steps, "rows", {name: source.rows for name, source in sources.items()})
    _add_step(steps, "rows used", {name: source.used for name, source in sources.items()})
    _add_step(steps, "groups", {name: source.groups for name, source in sources.items()})
    _add_step(steps, "preferences", {name: source.preferences for name, source in sources.items()})
    if clean.by_source:
        _add_step(steps, "kept by clean", {name: _count_kept(clean, name) for name in clean.by_source})
    selected: dict[str, Mapping[str, tuple[int, int]]] = {}
    for variant, _, selection in each_seed(manifest.selected):
        if selection.by_source:
            selected.setdefault(variant, selection.by_source)
    before = next((by_source for variant, by_source in selected.items() if variant not in own), None)
    if before is not None:
        _add_step(steps, "to train on", {name: candidates for name, (candidates, _) in before.items()})
    for variant, by_source in list(selected.items())[:MOST_VARIANTS]:
        _add_step(steps, f"selected: {variant}", {name: kept for name, (_, kept) in by_source.items()})
    return Flow(
        steps, _count_drops(sources, clean), list(selected)[MOST_VARIANTS:], [name for name in own if name in selected]
    )


def _has_own_data(manifest: Manifest, variant: VariantInfo) -> bool:
    """Whether a variant was read or cleaned in another way than the study as written."""
    pairs = (variant.sources, manifest.sources), (variant.clean, manifest.clean)
    return any(own is not None and own != common for own, common in pairs)


def _add_step(steps: dict[str, dict[str, int]], label: str, counts: Mapping[str, int | None]) -> None:
    known = {name: n for name, n in counts.items() if n is not None}
    if known:
        steps[label] = known


def _count_kept(clean: CleanCounts, source: str) -> int:
    return clean.before(source) - sum(clean.removed_from(source).values())


def _count_drops(sources: Sources, clean: CleanCounts) -> dict[tuple[str, str], dict[str, int]]:
    drop_counts: dict[tuple[str, str], dict[str, int]] = {}
    for name, source in sources.items():
        for level, reasons, _ in list_rejections(source):
            for reason, n in reasons.items():
                drop_counts.setdefault((level, reason), {})[name] = n
    for name in clean.by_source:
        for reason, n in clean.removed_from(name).items():
            if n:
                drop_counts.setdefault(("removed", reason), {})[name] = n
    return drop_counts


def check_counts(sources: Sources) -> list[str]:
    """Whether the counts of the sources add up, in words; nothing where they are not complete."""
    faults = [line for name, source in sources.items() for line in _imbalance(name, source)]
    if faults:
        return faults
    complete = all(
        n is not None
        for source in sources.values()
        for n in (source.rows, source.used, source.groups, source.projected)
    )
    text = "The books balance: in every source, rows = used + rejected, and groups = projected + rejected."
    return [text] if complete else []


def _imbalance(name: str, source: SourceCounts) -> list[str]:
    """A sentence for each sum of a source that does not come out."""
    faults = []
    for whole, part, total, used, reasons in (
        ("rows", "used", source.rows, source.used, source.rejected),
        ("groups", "projected", source.groups, source.projected, source.groups_rejected),
    ):
        refused = sum(reasons.values())
        if total is not None and used is not None and total != used + refused:
            faults.append(
                f"The books of {name} do not balance: {total:,} {whole}, {used:,} {part}, {refused:,} rejected."
            )
    return faults


def _flow_figure(counts: Flow) -> Figure | None:
    """Bars from rows to what was selected, stacked by source."""
    if len(counts.steps) < 2:
        return None
    names = [name for name in counts.steps if not name.startswith("selected: ")]
    totals = {label: sum(by_source.values()) for label, by_source in counts.steps.items()}
    said = ", ".join(f"{totals[label]:,} {label}" for label in names)
    picked = [f"{label.removeprefix('selected: ')} {n:,}" for label, n in totals.items() if label not in names]
    if picked:
        said += f"; selected: {', '.join(picked)}"
    notes = _not_shown(counts)
    return _bars("From rows to what is trained on", counts.steps, list(counts.steps), f"{said}.", notes)


def _drop_figure(counts: Flow) -> Figure | None:
    """Bars by reason, stacked by source; the reasons with most first."""
    totals = Counter({key: sum(by_source.values()) for key, by_source in counts.drop_counts.items()})
    most = [key for key, n in totals.most_common(MOST_REASONS) if n]
    if not most:
        return None
    by_reason = {f"{reason} ({level})": counts.drop_counts[level, reason] for level, reason in most}
    said = ", ".join(f"{reason} ({level}) {totals[level, reason]:,}" for level, reason in most[:5])
    rest = len(+totals) - len(most)
    has_removed = any(level == "removed" for level, _ in counts.drop_counts)
    elsewhere = "; those of clean are under Split and clean" if has_removed else ""
    note = f"{rest} rarer reasons are in the table{elsewhere}. " if rest else ""
    note += (
        "In brackets what was left out: a raw row, a part of one, a group of answers, a preference; removed: by clean."
    )
    return _bars("What was left out, by reason", by_reason, list(by_reason), f"Most often: {said}.", note)


def _bars(title: str, counts: Mapping[str, Mapping[str, int]], labels: list[str], said: str, note: str = "") -> Figure:
    """Horizontal bars, one a label, stacked by source."""
    size: Counter[str] = Counter()
    for by_source in counts.values():
        size.update(by_source)
    own, rest = _split_by_size(size)
    traces = [_trace(name, labels, [counts[label].get(name, 0) for label in labels]) for name in own]
    if rest:
        summed = [sum(counts[label].get(name, 0) for name in rest) for label in labels]
        traces.append(_trace(f"{len(rest)} more sources", labels, summed))
    layout = {
        "barmode": "stack",
        "height": AROUND + LINE * len(labels),
        "xaxis": {"title": {"text": "count"}},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    return Figure(title, traces, layout, said, note)


def _split_by_size(size: Counter[str]) -> tuple[list[str], list[str]]:
    """The sources with bars of their own, and the smaller ones, where there are too many."""
    names = list(size)
    if len(names) <= MOST_SOURCES + 1:
        return names, []
    large = {name for name, _ in size.most_common(MOST_SOURCES)}
    return [name for name in names if name in large], [name for name in names if name not in large]


def _trace(name: str, labels: list[str], values: list[int]) -> dict[str, Any]:
    return {"type": "bar", "orientation": "h", "name": name, "y": labels, "x": values}


def _not_shown(counts: Flow) -> str:
    sentences = []
    if counts.variants_not_shown:
        sentences.append(f"{len(counts.variants_not_shown)} more variants are under Selection.")
    if counts.variants_with_own_data:
        sentences.append(
            f"Data of their own, of which only what they selected is shown: {', '.join(counts.variants_with_own_data)}."
        )
    return " ".join(sentences)


def _to_preferences(sources: Sources) -> Table | None:
    heads = ["source", "rows", "used", "rejected", "groups", "projected", "preferences"]
    rows = [
        [
            name,
            format_count(source.rows),
            format_count(source.used),
            format_count(sum(source.rejected.values())),
            format_count(source.groups),
            format_count(source.projected),
            format_count(source.preferences),
        ]
        for name, source in sources.items()
    ]
    note = "Rows in the files, groups of answers to one prompt, and the preferences they gave."
    return make_table("From rows to preferences", heads, rows, note)


def _to_training(counts: Flow, sources: Iterable[str]) -> Table | None:
    """Preferences, what clean removed, what is held out, what there is to train on, and what each variant selected."""
    steps = counts.steps
    picked = [label for label in steps if label.startswith("selected: ")]
    if "kept by clean" not in steps and not picked:
        return None
    train = steps.get("to train on")
    rows = []
    for name in sources:
        kept = steps.get("kept by clean", {}).get(name)
        had = steps.get("preferences", {}).get(name)
        row = [name, format_count(had), _format_difference(had, kept)]
        if train is not None:
            row += [_format_difference(kept, train.get(name, 0)), format_count(train.get(name, 0))]
        rows.append([*row, *(format_count(steps[label].get(name, 0)) for label in picked)])
    heads = ["source", "preferences", "removed", *(["held out", "to train on"] if train is not None else []), *picked]
    note = "Removed: by clean. Held out: for dev and test. Selected: of each variant's first seed. "
    return make_table("From preferences to training", heads, rows, (note + _not_shown(counts)).rstrip())


def _format_difference(whole: int | None, part: int | None) -> str:
    return "–" if whole is None or part is None else format_count(whole - part)


def _reasons(sources: Sources) -> Table | None:
    rows = [
        [name, level, reason, format_count(n), "–" if level in ("part", "preference") else format_share(n, whole or 0)]
        for name, source in sources.items()
        for level, reasons, whole in list_rejections(source)
        for reason, n in sorted(reasons.items())
    ]
    return make_table("What was left out, and why", ["source", "level", "reason", "count", "share"], rows)
