"""The books of a source: do the sums come out, in the manifest and against the two tables that were written?"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from unipref.analysis.audit.findings import Cost, CountCheck, RejectCount, Ties
from unipref.analysis.audit.unified_run import Judged

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

    def books(self, source: str, page: Mapping[str, Any], after_clean: dict[str, int]) -> CountCheck:
        """A source's books, with every sum checked.

        Args:
            source: its name.
            page: its page of the manifest.
            after_clean: part -> preferences, empty when clean has not been done.
        """
        pairs, chosen, rejected = (self.sides[source, *sides] for sides in ((True, True), (True, False), (False, True)))
        faults = _sums(page)
        found = pairs + chosen + rejected
        if found != page["preferences"]:
            faults.append(f"{page['preferences']:,} preferences in the manifest, {found:,} in preferences.parquet")
        for level, name in LEVELS.items():
            here = {reason: n for (who, where, reason), n in self.rejects.items() if (who, where) == (source, level)}
            if here != {reason: n for reason, n in page[name].items() if n}:
                faults.append(f"{name} is {page[name]} in the manifest, {here} in rejects.parquet")
        if after_clean and sum(after_clean.values()) != found:
            faults.append(f"{found:,} preferences went into clean, {sum(after_clean.values()):,} came out")
        return CountCheck(
            rows=page["rows"],
            used=page["used"],
            rejected=sum(page["rejected"].values()),
            groups=page["groups"],
            projected=page["projected"],
            groups_rejected=sum(page["groups_rejected"].values()),
            preferences=found,
            pairs=pairs,
            only_chosen=chosen,
            only_rejected=rejected,
            after_clean=after_clean,
            faults=faults,
        )


def _sums(page: Mapping[str, Any]) -> list[str]:
    faults = []
    for whole, part, left_out in (("rows", "used", "rejected"), ("groups", "projected", "groups_rejected")):
        refused = sum(page[left_out].values())
        if page[whole] != page[part] + refused:
            faults.append(f"{page[whole]:,} {whole} are not {page[part]:,} {part} + {refused:,} rejected")
    return faults


def ties(page: Mapping[str, Any]) -> Ties:
    """Groups left out because their evidence prefers nothing."""
    refused = page["groups_rejected"]
    return Ties(refused.get("tie", 0), refused.get("contradiction", 0), page["groups"])


def cost(page: Mapping[str, Any]) -> Cost:
    """Ordered pairs in the data of the projected groups, and what became of them."""
    ordered, kept, implied = (page[f"{name}_pairs"] for name in ("ordered", "kept", "implied"))
    return Cost(ordered, kept, implied, ordered - kept - implied)
