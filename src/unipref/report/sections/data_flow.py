"""The section on data flow: counts per source from raw rows to training data, and what was rejected or removed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from unipref.core.run_folder import CleanCounts, Manifest, SourceCounts, VariantInfo, each_seed
from unipref.report.content import Figure, Section, Table, format_count, format_share
from unipref.report.guard import draw
from unipref.report.tables import drop_missing, make_table

MOST_SOURCES = 7
"""With more than eight sources, this many have their own colour; the smaller ones share one."""
LINE, AROUND = 26, 90
"""Height in pixels of a bar, and of the space around the bars."""
MOST_VARIANTS = 8
MOST_REASONS = 15
Sources = Mapping[str, SourceCounts]


def list_rejections(source: SourceCounts) -> list[tuple[str, dict[str, int], int | None]]:
    """What unify rejected of a source: the level, reason -> count, and the total that a count is a share of."""
    return [
        ("row", source.rejected, source.rows),
        ("part", source.parts_rejected, None),
        ("group", source.groups_rejected, source.groups),
        ("preference", source.preferences_rejected, None),
    ]


class Flow(NamedTuple):
    """Counts of each source at each stage.

    Attributes:
        steps: name of the count -> source -> count, in order; steps that the run did not reach are missing.
        drop_counts: (level, reason) -> source -> how many were rejected or removed for it.
        variants_not_shown: variants beyond MOST_VARIANTS.
        variants_with_own_data: variants with their own settings of sources or clean.
    """

    steps: dict[str, dict[str, int]]
    drop_counts: dict[tuple[str, str], dict[str, int]]
    variants_not_shown: list[str]
    variants_with_own_data: list[str]


def make_flow_section(manifest: Manifest) -> Section | None:
    """The section; None if the manifest has no sources."""
    sources = manifest.sources
    if not sources:
        return None
    counts = count_rows(manifest)
    tables = drop_missing(_to_preferences(sources), _to_training(counts, sources), _reasons(sources))
    figures = draw("Data flow", _flow_figure, counts) + draw("Rejected and removed", _drop_figure, counts)
    return Section("Data flow", paragraphs=check_counts(sources), figures=figures, tables=tables)


def count_rows(manifest: Manifest) -> Flow:
    """The counts of the common data, and of what each variant selected with its first seed."""
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
        _add_step(steps, "for training", {name: candidates for name, (candidates, _) in before.items()})
    for variant, by_source in list(selected.items())[:MOST_VARIANTS]:
        _add_step(steps, f"selected: {variant}", {name: kept for name, (_, kept) in by_source.items()})
    return Flow(
        steps, _count_drops(sources, clean), list(selected)[MOST_VARIANTS:], [name for name in own if name in selected]
    )


def _has_own_data(manifest: Manifest, variant: VariantInfo) -> bool:
    """Whether a variant's sources or clean counts differ from the common ones."""
    pairs = (variant.sources, manifest.sources), (variant.clean, manifest.clean)
    return any(own is not None and own != common for own, common in pairs)


def _add_step(steps: dict[str, dict[str, int]], label: str, counts: Mapping[str, int | None]) -> None:
    present = {name: n for name, n in counts.items() if n is not None}
    if present:
        steps[label] = present


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
    """Says whether the counts of the sources add up; empty if counts are missing."""
    errors = [line for name, source in sources.items() for line in _find_errors(name, source)]
    if errors:
        return errors
    complete = all(
        n is not None
        for source in sources.values()
        for n in (source.rows, source.used, source.groups, source.projected)
    )
    text = "All counts add up: in every source, rows = used + rejected, and groups = projected + rejected."
    return [text] if complete else []


def _find_errors(name: str, source: SourceCounts) -> list[str]:
    """A sentence for each sum of a source that does not add up."""
    errors = []
    for whole, part, total, used, reasons in (
        ("rows", "used", source.rows, source.used, source.rejected),
        ("groups", "projected", source.groups, source.projected, source.groups_rejected),
    ):
        rejected = sum(reasons.values())
        if total is not None and used is not None and total != used + rejected:
            errors.append(
                f"The counts of {name} do not add up: {total:,} {whole}, {used:,} {part}, {rejected:,} rejected."
            )
    return errors


def _flow_figure(counts: Flow) -> Figure | None:
    """Bars from rows to selected preferences, stacked by source."""
    if len(counts.steps) < 2:
        return None
    names = [name for name in counts.steps if not name.startswith("selected: ")]
    totals = {label: sum(by_source.values()) for label, by_source in counts.steps.items()}
    description = ", ".join(f"{totals[label]:,} {label}" for label in names)
    selections = [f"{label.removeprefix('selected: ')} {n:,}" for label, n in totals.items() if label not in names]
    if selections:
        description += f"; selected: {', '.join(selections)}"
    notes = _not_shown(counts)
    return _bars("From raw rows to training data", counts.steps, list(counts.steps), f"{description}.", notes)


def _drop_figure(counts: Flow) -> Figure | None:
    """Bars by reason, stacked by source; the most frequent reasons first."""
    totals = Counter({key: sum(by_source.values()) for key, by_source in counts.drop_counts.items()})
    most = [key for key, n in totals.most_common(MOST_REASONS) if n]
    if not most:
        return None
    by_reason = {f"{reason} ({level})": counts.drop_counts[level, reason] for level, reason in most}
    description = ", ".join(f"{reason} ({level}) {totals[level, reason]:,}" for level, reason in most[:5])
    rest = len(+totals) - len(most)
    has_removed = any(level == "removed" for level, _ in counts.drop_counts)
    elsewhere = "; those of clean are in the section Split and clean" if has_removed else ""
    note = f"{rest} rarer reasons are in the table{elsewhere}. " if rest else ""
    note += "In brackets: what was rejected (a raw row, a part of one, a group, a preference), or removed by clean."
    return _bars(
        "Rejected and removed data, by reason", by_reason, list(by_reason), f"Most frequent: {description}.", note
    )


def _bars(
    title: str, counts: Mapping[str, Mapping[str, int]], labels: list[str], description: str, note: str = ""
) -> Figure:
    """Horizontal bars, one per label, stacked by source."""
    size: Counter[str] = Counter()
    for by_source in counts.values():
        size.update(by_source)
    own, rest = split_by_size(size)
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
    return Figure(title, traces, layout, description, note)


def split_by_size(size: Counter[str]) -> tuple[list[str], list[str]]:
    """Splits the sources into those with their own bars and, if there are many, the smaller ones."""
    names = list(size)
    if len(names) <= MOST_SOURCES + 1:
        return names, []
    large = {name for name, _ in size.most_common(MOST_SOURCES)}
    return [name for name in names if name in large], [name for name in names if name not in large]


def _trace(name: str, labels: list[str], values: list[int]) -> dict[str, Any]:
    return {"type": "bar", "orientation": "h", "name": name, "y": labels, "x": values, "meta": {"source": name}}


def _not_shown(counts: Flow) -> str:
    sentences = []
    if counts.variants_not_shown:
        sentences.append(f"{len(counts.variants_not_shown)} more variants are in the section Selection.")
    if counts.variants_with_own_data:
        sentences.append(
            f"Only the selection is shown of variants with their own data: {', '.join(counts.variants_with_own_data)}."
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
    note = "Rows in the files, groups of answers to one prompt, and preferences made from them."
    return make_table("From rows to preferences", heads, rows, note)


def _to_training(counts: Flow, sources: Iterable[str]) -> Table | None:
    """Preferences: all, removed by clean, held out, for training, and selected by each variant."""
    steps = counts.steps
    selections = [label for label in steps if label.startswith("selected: ")]
    if "kept by clean" not in steps and not selections:
        return None
    train = steps.get("for training")
    rows = []
    for name in sources:
        kept = steps.get("kept by clean", {}).get(name)
        had = steps.get("preferences", {}).get(name)
        row = [name, format_count(had), _format_difference(had, kept)]
        if train is not None:
            row += [_format_difference(kept, train.get(name, 0)), format_count(train.get(name, 0))]
        rows.append([*row, *(format_count(steps[label].get(name, 0)) for label in selections)])
    heads = [
        "source",
        "preferences",
        "removed",
        *(["held out", "for training"] if train is not None else []),
        *selections,
    ]
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
    return make_table("Rejected data, by source and reason", ["source", "level", "reason", "count", "share"], rows)
