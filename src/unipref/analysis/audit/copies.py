"""Counts exact duplicates, and the same two answers with opposite labels, within a source and across sources."""

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unipref.analysis.audit.hash_column import HashColumn
from unipref.analysis.audit.unified_run import AuditedPreference
from unipref.core.records import Messages
from unipref.core.text_keys import join_turns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]

EXAMPLES = 3
"""Maximum number of examples of a kind."""
GROUP = "\x1d"
"""Separator between the texts of a preference."""


@dataclass
class CopyCounts:
    """Counts of one source, and examples as numbers of preferences in the file."""

    within: int = 0
    again: int = 0
    across: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[int, int]] = field(default_factory=list)


class Copies:
    """Collects per preference the hash of its prompt and answers in an order independent of the label, which of them is
    chosen, and its source: 19 bytes.
    """

    def __init__(self, sources: list[str]) -> None:
        self._sources = sources
        self._index = {name: place for place, name in enumerate(sources)}
        self._pairs, self._ways, self._of = HashColumn(), array("b"), array("H")

    def add(self, preference: AuditedPreference) -> None:
        """Adds one preference."""
        sides = [_flatten(side) for side in (preference.chosen, preference.rejected) if side is not None]
        self._pairs.add(GROUP.join([_flatten(preference.prompt), *sorted(sides)]))
        chosen_first = preference.chosen is not None and (len(sides) == 1 or sides[0] <= sides[1])
        self._ways.append(0 if chosen_first else 1)
        self._of.append(self._index[preference.source])

    def merge(self, other: "Copies") -> None:
        """Adds later preferences."""
        self._pairs.merge(other._pairs)
        self._ways.extend(other._ways)
        self._of.extend(other._of)

    def count(self) -> tuple[dict[str, CopyCounts], dict[str, CopyCounts]]:
        """Returns source -> exact duplicates, and source -> pairs with opposite labels."""
        import numpy as np

        pairs = self._pairs.number_hashes()
        ways, of = (np.array(values, dtype=np.int64) for values in (self._ways, self._of))
        repeats = {name: CopyCounts() for name in self._sources}
        opposites = {name: CopyCounts() for name in self._sources}
        labelled = pairs * 2 + ways
        rows = [np.flatnonzero(of == place) for place in range(len(self._sources))]
        firsts = [_first_rows(labelled[mine], mine) for mine in rows]
        one_way, other_way = (
            [_first_rows(pairs[mine], mine) for mine in (all_rows[ways[all_rows] == way] for all_rows in rows)]
            for way in (0, 1)
        )
        for place, name in enumerate(self._sources):
            _count_repeats(repeats[name], labelled[rows[place]], rows[place], firsts[place])
            opposite = opposites[name]
            _, times = np.unique(pairs[rows[place]], return_counts=True)
            opposite.again = int((times > 1).sum())
            opposite.within = _count_shared(opposite, one_way[place], other_way[place])
            opposite.examples = [(min(both), max(both)) for both in opposite.examples]
            for other, other_name in enumerate(self._sources):
                if other == place:
                    continue
                if n := _count_shared(repeats[name], firsts[place], firsts[other]):
                    repeats[name].across[other_name] = n
                n = _count_shared(opposite, one_way[place], other_way[other])
                if n := n + _count_shared(opposite, other_way[place], one_way[other]):
                    opposite.across[other_name] = n
        return repeats, opposites


def _count_repeats(counts: CopyCounts, keys: "Numbers", rows: "Numbers", firsts: "tuple[Numbers, Numbers]") -> None:
    """Counts the rows whose key occurred before in the same source."""
    import numpy as np

    keys_seen, first = firsts
    later = rows[~np.isin(rows, first)]
    counts.within = len(later)
    for row in later[:EXAMPLES].tolist():
        key = keys[np.searchsorted(rows, row)]
        counts.examples.append((row, int(first[np.searchsorted(keys_seen, key)])))


def _first_rows(keys: "Numbers", rows: "Numbers") -> "tuple[Numbers, Numbers]":
    """Returns the distinct keys, ascending, and the first row of each."""
    import numpy as np

    distinct, places = np.unique(keys, return_index=True)
    return distinct, rows[places]


def _count_shared(counts: CopyCounts, mine: "tuple[Numbers, Numbers]", others: "tuple[Numbers, Numbers]") -> int:
    """Counts the keys that two sets share, and keeps the first few as examples."""
    import numpy as np

    _, mine_at, others_at = np.intersect1d(mine[0], others[0], assume_unique=True, return_indices=True)
    both = sorted(zip(mine[1][mine_at].tolist(), others[1][others_at].tolist(), strict=True))
    counts.examples += both[: max(0, EXAMPLES - len(counts.examples))]
    return len(mine_at)


def _flatten(turns: Messages) -> str:
    return join_turns(turns)
