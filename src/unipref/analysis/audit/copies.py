"""The same texts again: exact duplicates, and the same two answers with opposite labels, in one source and across."""

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unipref.analysis.audit.hash_column import Column
from unipref.analysis.audit.unified_run import Judged
from unipref.core.records import Messages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]

EXAMPLES = 3
"""Most examples of a kind."""
UNIT, RECORD, GROUP = "\x1f", "\x1e", "\x1d"
"""Between role and text, between turns, between the texts of a preference."""


@dataclass
class Found:
    """Counts of one source, and its examples as numbers of preferences."""

    within: int = 0
    again: int = 0
    across: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[int, int]] = field(default_factory=list)


class Copies:
    """Collects, per preference, the hash of its prompt with its answers in an order that is blind to the label; which
    of them is chosen; and its source. Nineteen bytes each.
    """

    def __init__(self, sources: list[str]) -> None:
        self._sources = sources
        self._index = {name: place for place, name in enumerate(sources)}
        self._pairs, self._ways, self._of = Column(), array("b"), array("H")

    def add(self, judged: Judged) -> None:
        """Takes in one preference."""
        sides = [_flat(side) for side in (judged.chosen, judged.rejected) if side is not None]
        self._pairs.add(GROUP.join([_flat(judged.prompt), *sorted(sides)]))
        chosen_first = judged.chosen is not None and (len(sides) == 1 or sides[0] <= sides[1])
        self._ways.append(0 if chosen_first else 1)
        self._of.append(self._index[judged.source])

    def found(self) -> tuple[dict[str, Found], dict[str, Found]]:
        """Source -> its exact duplicates, and source -> its pairs with opposite labels."""
        import numpy as np

        pairs = self._pairs.numbered()
        ways, of = (np.array(values, dtype=np.int64) for values in (self._ways, self._of))
        repeats = {name: Found() for name in self._sources}
        opposites = {name: Found() for name in self._sources}
        judged = pairs * 2 + ways
        rows = [np.flatnonzero(of == place) for place in range(len(self._sources))]
        firsts = [_first(judged[mine], mine) for mine in rows]
        one_way, other_way = (
            [_first(pairs[mine], mine) for mine in (all_rows[ways[all_rows] == way] for all_rows in rows)]
            for way in (0, 1)
        )
        for place, name in enumerate(self._sources):
            _within(repeats[name], judged[rows[place]], rows[place], firsts[place])
            opposite = opposites[name]
            _, times = np.unique(pairs[rows[place]], return_counts=True)
            opposite.again = int((times > 1).sum())
            opposite.within = _meet(opposite, one_way[place], other_way[place])
            opposite.examples = [(min(both), max(both)) for both in opposite.examples]
            for other, other_name in enumerate(self._sources):
                if other == place:
                    continue
                if n := _meet(repeats[name], firsts[place], firsts[other]):
                    repeats[name].across[other_name] = n
                n = _meet(opposite, one_way[place], other_way[other])
                if n := n + _meet(opposite, other_way[place], one_way[other]):
                    opposite.across[other_name] = n
        return repeats, opposites


def _within(found: Found, keys: "Numbers", rows: "Numbers", firsts: "tuple[Numbers, Numbers]") -> None:
    """Counts the rows whose key came before in the same source."""
    import numpy as np

    known, first = firsts
    later = rows[~np.isin(rows, first)]
    found.within = len(later)
    for row in later[:EXAMPLES].tolist():
        key = keys[np.searchsorted(rows, row)]
        found.examples.append((row, int(first[np.searchsorted(known, key)])))


def _first(keys: "Numbers", rows: "Numbers") -> "tuple[Numbers, Numbers]":
    """The different keys, ascending, and the first row of each."""
    import numpy as np

    known, places = np.unique(keys, return_index=True)
    return known, rows[places]


def _meet(found: Found, mine: "tuple[Numbers, Numbers]", others: "tuple[Numbers, Numbers]") -> int:
    """How many keys two sets share; the first few are kept as examples, while there is room."""
    import numpy as np

    _, here, there = np.intersect1d(mine[0], others[0], assume_unique=True, return_indices=True)
    both = sorted(zip(mine[1][here].tolist(), others[1][there].tolist(), strict=True))
    found.examples += both[: max(0, EXAMPLES - len(found.examples))]
    return len(here)


def _flat(turns: Messages) -> str:
    return RECORD.join(f"{turn['role']}{UNIT}{turn['content']}" for turn in turns)
