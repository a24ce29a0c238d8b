"""The data flow: what became of each source's rows, from the files to what is trained on, and what fell out where."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from unipref.report.content import Figure, Section, Table, count, share
from unipref.report.tables import Manifest, leaves, present, table

MOST_SOURCES = 7
"""Sources with a colour of their own, where there are more than eight; the smaller ones are drawn as one."""
LINE, AROUND = 26, 90
"""Height in pixels of a bar, and of what stands around the bars."""
MOST_VARIANTS = 8
MOST_REASONS = 15
LEVELS = (
    ("row", "rejected", "rows"),
    ("part", "parts_rejected", None),
    ("group", "groups_rejected", "groups"),
    ("preference", "preferences_rejected", None),
)
"""Level of what unify left out, its key in the manifest, and the key of the number it is a share of."""
BOOKS = ("rows", "used", "groups", "projected")


class Flow(NamedTuple):
    """Counts of each source along the way.

    Attributes:
        steps: what is counted -> source -> count, in the order of the way; steps that the run did not reach are not in.
        fallen: (level, reason) -> source -> how many were left out or removed for it.
        left_out: variants for which there is no room.
        own: variants that read or clean the data in their own way.
    """

    steps: dict[str, dict[str, int]]
    fallen: dict[tuple[str, str], dict[str, int]]
    left_out: list[str]
    own: list[str]


def flow_section(manifest: Manifest) -> Section | None:
    """The section; None where the manifest has no sources."""
    sources = manifest.get("sources") or {}
    if not sources:
        return None
    found = flow(manifest)
    tables = present(_to_preferences(sources), _to_training(found, sources), _reasons(sources))
    figures = [figure for figure in (_way(found), _fallen(found)) if figure is not None]
    return Section("Data flow", paragraphs=balance(sources), figures=figures, tables=tables)


def flow(manifest: Manifest) -> Flow:
    """The counts of a manifest, of the study as written; of a variant what it selected with its first seed."""
    sources, cleaned = manifest.get("sources") or {}, (manifest.get("clean") or {}).get("by_source") or {}
    own = [name for name, differs in (manifest.get("variants") or {}).items() if _has_own(manifest, differs)]
    steps: dict[str, dict[str, int]] = {}
    for label, key in (("rows", "rows"), ("rows used", "used"), ("groups", "groups"), ("preferences", "preferences")):
        _put(steps, label, {name: source.get(key) for name, source in sources.items()})
    if cleaned:
        _put(steps, "kept by clean", {name: _left(counts) for name, counts in cleaned.items()})
    chosen: dict[str, Mapping[str, list[int]]] = {}
    for variant, _, summary in leaves(manifest.get("selected") or {}):
        if summary.get("by_source"):
            chosen.setdefault(variant, summary["by_source"])
    before = next((by_source for variant, by_source in chosen.items() if variant not in own), None)
    if before is not None:
        _put(steps, "to train on", {name: had for name, (had, _) in before.items()})
    for variant, by_source in list(chosen.items())[:MOST_VARIANTS]:
        _put(steps, f"selected: {variant}", {name: kept for name, (_, kept) in by_source.items()})
    return Flow(steps, _falls(sources, cleaned), list(chosen)[MOST_VARIANTS:], [name for name in own if name in chosen])


def _has_own(manifest: Manifest, variant: Manifest) -> bool:
    """Whether a variant was read or cleaned in another way than the study as written."""
    return any(key in variant and variant[key] != manifest.get(key) for key in ("sources", "clean"))


def _put(steps: dict[str, dict[str, int]], label: str, counts: Mapping[str, int | None]) -> None:
    known = {name: n for name, n in counts.items() if n is not None}
    if known:
        steps[label] = known


def _left(counts: Mapping[str, int]) -> int:
    return counts["preferences"] - sum(n for reason, n in counts.items() if reason != "preferences")


def _falls(sources: Manifest, cleaned: Manifest) -> dict[tuple[str, str], dict[str, int]]:
    fallen: dict[tuple[str, str], dict[str, int]] = {}
    for name, source in sources.items():
        for level, key, _ in LEVELS:
            for reason, n in (source.get(key) or {}).items():
                fallen.setdefault((level, reason), {})[name] = n
    for name, counts in cleaned.items():
        for reason, n in counts.items():
            if reason != "preferences" and n:
                fallen.setdefault(("removed", reason), {})[name] = n
    return fallen


def balance(sources: Manifest) -> list[str]:
    """Whether the books of the sources balance, in words; nothing where they are not complete."""
    open_books = [line for name, source in sources.items() for line in _imbalance(name, source)]
    if open_books:
        return open_books
    complete = all(source.get(key) is not None for source in sources.values() for key in BOOKS)
    said = "The books balance: in every source, rows = used + rejected, and groups = projected + rejected."
    return [said] if complete else []


def _imbalance(name: str, source: Manifest) -> list[str]:
    """A sentence for each of a source's books that does not balance."""
    said = []
    for whole, part, left_out in (("rows", "used", "rejected"), ("groups", "projected", "groups_rejected")):
        total, used = source.get(whole), source.get(part)
        refused = sum((source.get(left_out) or {}).values())
        if total is not None and used is not None and total != used + refused:
            said.append(
                f"The books of {name} do not balance: {total:,} {whole}, {used:,} {part}, {refused:,} rejected."
            )
    return said


def _way(found: Flow) -> Figure | None:
    """Bars from rows to what was selected, stacked by source."""
    if len(found.steps) < 2:
        return None
    names = [name for name in found.steps if not name.startswith("selected: ")]
    totals = {label: sum(counts.values()) for label, counts in found.steps.items()}
    said = ", ".join(f"{totals[label]:,} {label}" for label in names)
    picked = [f"{label.removeprefix('selected: ')} {n:,}" for label, n in totals.items() if label not in names]
    if picked:
        said += f"; selected: {', '.join(picked)}"
    notes = _not_shown(found)
    return _bars("From rows to what is trained on", found.steps, list(found.steps), f"{said}.", notes)


def _fallen(found: Flow) -> Figure | None:
    """Bars by reason, stacked by source; the reasons with most first."""
    totals = Counter({key: sum(counts.values()) for key, counts in found.fallen.items()})
    most = [key for key, n in totals.most_common(MOST_REASONS) if n]
    if not most:
        return None
    counts = {f"{reason} ({level})": found.fallen[level, reason] for level, reason in most}
    said = ", ".join(f"{reason} ({level}) {totals[level, reason]:,}" for level, reason in most[:5])
    rest = len(+totals) - len(most)
    by_clean = any(level == "removed" for level, _ in found.fallen)
    elsewhere = "; those of clean are under Split and clean" if by_clean else ""
    note = f"{rest} rarer reasons are in the table{elsewhere}. " if rest else ""
    note += (
        "In brackets what was left out: a raw row, a part of one, a group of answers, a preference; removed: by clean."
    )
    return _bars("What was left out, by reason", counts, list(counts), f"Most often: {said}.", note)


def _bars(title: str, counts: Mapping[str, Mapping[str, int]], labels: list[str], said: str, note: str = "") -> Figure:
    """Horizontal bars, one a label, stacked by source."""
    size: Counter[str] = Counter()
    for by_source in counts.values():
        size.update(by_source)
    own, rest = _apart(size)
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


def _apart(size: Counter[str]) -> tuple[list[str], list[str]]:
    """The sources with bars of their own, and the smaller ones, where there are too many."""
    names = list(size)
    if len(names) <= MOST_SOURCES + 1:
        return names, []
    large = {name for name, _ in size.most_common(MOST_SOURCES)}
    return [name for name in names if name in large], [name for name in names if name not in large]


def _trace(name: str, labels: list[str], values: list[int]) -> dict[str, Any]:
    return {"type": "bar", "orientation": "h", "name": name, "y": labels, "x": values}


def _not_shown(found: Flow) -> str:
    said = []
    if found.left_out:
        said.append(f"{len(found.left_out)} more variants are under Selection.")
    if found.own:
        said.append(f"Data of their own, of which only what they selected is shown: {', '.join(found.own)}.")
    return " ".join(said)


def _to_preferences(sources: Manifest) -> Table | None:
    heads = ["source", "rows", "used", "rejected", "groups", "projected", "preferences"]
    rows = [
        [
            name,
            count(source.get("rows")),
            count(source.get("used")),
            count(sum((source.get("rejected") or {}).values())),
            *(count(source.get(key)) for key in ("groups", "projected", "preferences")),
        ]
        for name, source in sources.items()
    ]
    note = "Rows in the files, groups of answers to one prompt, and the preferences they gave."
    return table("From rows to preferences", heads, rows, note)


def _to_training(found: Flow, sources: Iterable[str]) -> Table | None:
    """Preferences, what clean removed, what is held out, what there is to train on, and what each variant selected."""
    steps = found.steps
    picked = [label for label in steps if label.startswith("selected: ")]
    if "kept by clean" not in steps and not picked:
        return None
    train = steps.get("to train on")
    rows = []
    for name in sources:
        kept = steps.get("kept by clean", {}).get(name)
        had = steps.get("preferences", {}).get(name)
        row = [name, count(had), _less(had, kept)]
        if train is not None:
            row += [_less(kept, train.get(name, 0)), count(train.get(name, 0))]
        rows.append([*row, *(count(steps[label].get(name, 0)) for label in picked)])
    heads = ["source", "preferences", "removed", *(["held out", "to train on"] if train is not None else []), *picked]
    note = "Removed: by clean. Held out: for dev and test. Selected: of each variant's first seed. "
    return table("From preferences to training", heads, rows, (note + _not_shown(found)).rstrip())


def _less(whole: int | None, part: int | None) -> str:
    return "–" if whole is None or part is None else count(whole - part)


def _reasons(sources: Manifest) -> Table | None:
    rows = [
        [name, level, reason, count(n), share(n, source.get(whole) or 0) if whole else "–"]
        for name, source in sources.items()
        for level, key, whole in LEVELS
        for reason, n in sorted((source.get(key) or {}).items())
    ]
    return table("What was left out, and why", ["source", "level", "reason", "count", "share"], rows)
