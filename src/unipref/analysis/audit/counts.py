"""The counts of a source: do the sums come out, in the manifest and against the two tables that were written?"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from unipref.analysis.audit.findings import Cost, CountCheck, RejectCount, Ties
from unipref.analysis.audit.unified_run import Judged, UnifiedSource

LEVELS = {
    "row": "rejected",
    "part": "parts_rejected",
    "group": "groups_rejected",
    "preference": "preferences_rejected",
}
"""Level in `rejects.parquet` -> its counts in the manifest."""


class Counts:
    """Counts preferences and rejects of all sources as they stream past; of rejects the first of each kind is kept."""

    def __init__(self) -> None:
        self.sides: Counter[tuple[str, bool, bool]] = Counter()
        self.rejects: Counter[tuple[str, str, str]] = Counter()
        self.first: dict[tuple[str, str, str], tuple[str, str]] = {}

    def add(self, judged: Judged) -> None:
        """Counts one preference."""
        self.sides[judged.source, judged.chosen is not None, judged.rejected is not None] += 1

    def add_reject(self, row: Mapping[str, Any]) -> None:
        """Counts one row of `rejects.parquet`."""
        kind = (row["source"], row["level"], row["reason"])
        self.rejects[kind] += 1
        if kind not in self.first:
            field = f"field '{row['field']}': " if row["field"] else ""
            self.first[kind] = (row["origin"][0] if row["origin"] else "", field + row["detail"])

    def rejects_of(self, source: str) -> list[RejectCount]:
        """A source's rejects, rows first, then by count."""
        order = list(LEVELS)
        mine = [
            RejectCount(level, reason, n, *self.first[name, level, reason])
            for (name, level, reason), n in self.rejects.items()
            if name == source
        ]
        return sorted(mine, key=lambda r: (order.index(r.level), -r.count, r.reason))

    def check(self, source: str, counts: UnifiedSource, after_clean: dict[str, int]) -> CountCheck:
        """A source's counts, with every sum checked.

        Args:
            source: its name.
            counts: what the manifest says of it.
            after_clean: part -> preferences, empty when clean has not been done.
        """
        pairs, chosen, rejected = (self.sides[source, *sides] for sides in ((True, True), (True, False), (False, True)))
        faults = _sums(counts)
        found = pairs + chosen + rejected
        if found != counts.preferences:
            faults.append(f"{counts.preferences:,} preferences in the manifest, {found:,} in preferences.parquet")
        for level, name in LEVELS.items():
            here = {reason: n for (who, where, reason), n in self.rejects.items() if (who, where) == (source, level)}
            recorded: dict[str, int] = getattr(counts, name)
            if here != {reason: n for reason, n in recorded.items() if n}:
                faults.append(f"{name} is {recorded} in the manifest, {here} in rejects.parquet")
        if after_clean and sum(after_clean.values()) != found:
            faults.append(f"{found:,} preferences went into clean, {sum(after_clean.values()):,} came out")
        return CountCheck(
            rows=counts.rows,
            used=counts.used,
            rejected=sum(counts.rejected.values()),
            groups=counts.groups,
            projected=counts.projected,
            groups_rejected=sum(counts.groups_rejected.values()),
            preferences=found,
            pairs=pairs,
            only_chosen=chosen,
            only_rejected=rejected,
            after_clean=after_clean,
            faults=faults,
        )


def _sums(counts: UnifiedSource) -> list[str]:
    faults = []
    for whole, part, total, used, reasons in (
        ("rows", "used", counts.rows, counts.used, counts.rejected),
        ("groups", "projected", counts.groups, counts.projected, counts.groups_rejected),
    ):
        refused = sum(reasons.values())
        if total != used + refused:
            faults.append(f"{total:,} {whole} are not {used:,} {part} + {refused:,} rejected")
    return faults


def ties(counts: UnifiedSource) -> Ties:
    """Groups left out because their evidence prefers nothing."""
    refused = counts.groups_rejected
    return Ties(refused.get("tie", 0), refused.get("contradiction", 0), counts.groups)


def cost(counts: UnifiedSource) -> Cost:
    """Ordered pairs in the data of the projected groups, and what became of them."""
    ordered, kept, implied = counts.ordered_pairs, counts.kept_pairs, counts.implied_pairs
    return Cost(ordered, kept, implied, ordered - kept - implied)
