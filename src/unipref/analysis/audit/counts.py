"""Checks the counts of a source: the sums in the manifest, and the manifest against the two tables."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from unipref.analysis.audit.findings import Cost, CountCheck, RejectCount, Ties
from unipref.analysis.audit.unified_run import AuditedPreference, UnifiedSource

LEVELS = {
    "row": "rejected",
    "part": "parts_rejected",
    "group": "groups_rejected",
    "preference": "preferences_rejected",
}
"""Level in `rejects.parquet` -> field with its counts in the manifest."""


class Counts:
    """Counts preferences and rejects of all sources from a stream, and keeps the first reject of each kind."""

    def __init__(self) -> None:
        self.sides: Counter[tuple[str, bool, bool]] = Counter()
        self.rejects: Counter[tuple[str, str, str]] = Counter()
        self.first: dict[tuple[str, str, str], tuple[str, str]] = {}

    def add(self, preference: AuditedPreference) -> None:
        """Counts one preference."""
        self.sides[preference.source, preference.chosen is not None, preference.rejected is not None] += 1

    def merge(self, other: "Counts") -> None:
        """Adds the preferences that another one counted."""
        self.sides.update(other.sides)

    def add_reject(self, row: Mapping[str, Any]) -> None:
        """Counts one row of `rejects.parquet`."""
        kind = (row["source"], row["level"], row["reason"])
        self.rejects[kind] += 1
        if kind not in self.first:
            field = f"field '{row['field']}': " if row["field"] else ""
            self.first[kind] = (row["origin"][0] if row["origin"] else "", field + row["detail"])

    def list_rejects(self, source: str) -> list[RejectCount]:
        """Lists a source's rejects, rows first, then by count."""
        order = list(LEVELS)
        rejects = [
            RejectCount(level, reason, n, *self.first[name, level, reason])
            for (name, level, reason), n in self.rejects.items()
            if name == source
        ]
        return sorted(rejects, key=lambda r: (order.index(r.level), -r.count, r.reason))

    def check(self, source: str, counts: UnifiedSource, after_clean: dict[str, int]) -> CountCheck:
        """Returns a source's counts with every sum checked.

        Args:
            source: its name.
            counts: its counts in the manifest.
            after_clean: part -> preferences, empty if clean is not finished.
        """
        pairs, chosen, rejected = (self.sides[source, *sides] for sides in ((True, True), (True, False), (False, True)))
        faults = _check_sums(counts)
        n = pairs + chosen + rejected
        if n != counts.preferences:
            faults.append(f"{counts.preferences:,} preferences in the manifest, {n:,} in preferences.parquet")
        for level, field in LEVELS.items():
            counted = {r: count for (name, at, r), count in self.rejects.items() if (name, at) == (source, level)}
            recorded: dict[str, int] = getattr(counts, field)
            if counted != {reason: count for reason, count in recorded.items() if count}:
                faults.append(f"{field} is {recorded} in the manifest, {counted} in rejects.parquet")
        if after_clean and sum(after_clean.values()) != n:
            faults.append(f"{n:,} preferences went into clean, {sum(after_clean.values()):,} came out")
        return CountCheck(
            rows=counts.rows,
            used=counts.used,
            rejected=sum(counts.rejected.values()),
            groups=counts.groups,
            projected=counts.projected,
            groups_rejected=sum(counts.groups_rejected.values()),
            preferences=n,
            pairs=pairs,
            only_chosen=chosen,
            only_rejected=rejected,
            after_clean=after_clean,
            faults=faults,
        )


def _check_sums(counts: UnifiedSource) -> list[str]:
    faults = []
    for whole, part, total, used, reasons in (
        ("rows", "used", counts.rows, counts.used, counts.rejected),
        ("groups", "projected", counts.groups, counts.projected, counts.groups_rejected),
    ):
        rejected = sum(reasons.values())
        if total != used + rejected:
            faults.append(f"{total:,} {whole} are not {used:,} {part} + {rejected:,} rejected")
    return faults


def count_ties(counts: UnifiedSource) -> Ties:
    """Counts the groups left out because their evidence prefers no answer."""
    rejected = counts.groups_rejected
    return Ties(rejected.get("tie", 0), rejected.get("contradiction", 0), counts.groups)


def compute_cost(counts: UnifiedSource) -> Cost:
    """Counts the ordered pairs of answers in the projected groups: kept, implied by the kept ones, lost."""
    ordered, kept, implied = counts.ordered_pairs, counts.kept_pairs, counts.implied_pairs
    return Cost(ordered, kept, implied, ordered - kept - implied)
