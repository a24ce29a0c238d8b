"""Prompts that several sources share: the first user turn, normalised as in the column `group`."""

from array import array
from dataclasses import dataclass, field

from unipref.analysis.audit.copies import EXAMPLES
from unipref.analysis.audit.hash_column import Column
from unipref.analysis.audit.unified_run import Judged


@dataclass
class Shared:
    """How many different prompts a source has, and how many of them each other source has too."""

    different: int = 0
    shared: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[int, int]] = field(default_factory=list)


class SharedPrompts:
    """Collects, per preference, the hash of its root prompt and its source. Eighteen bytes each.

    The column `group` is not used: where a source declares twins, it stands for the twins and not for the prompt.
    """

    def __init__(self, sources: list[str]) -> None:
        self._sources = sources
        self._index = {name: place for place, name in enumerate(sources)}
        self._roots, self._of = Column(), array("H")

    def add(self, judged: Judged, root: str) -> None:
        """Takes in one preference, with its normalised root prompt."""
        self._roots.add(root)
        self._of.append(self._index[judged.source])

    def found(self) -> dict[str, Shared]:
        """Source -> its prompts; the examples are numbers of preferences."""
        import numpy as np

        roots, of = self._roots.numbered(), np.array(self._of, dtype=np.int64)
        firsts = []
        for place in range(len(self._sources)):
            rows = np.flatnonzero(of == place)
            known, first = np.unique(roots[rows], return_index=True)
            firsts.append((known, rows[first]))
        result = {}
        for name, (mine, rows) in zip(self._sources, firsts, strict=True):
            result[name] = shared = Shared(different=len(mine))
            for other_name, (theirs, other_rows) in zip(self._sources, firsts, strict=True):
                if other_name == name:
                    continue
                _, here, there = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
                if len(here):
                    shared.shared[other_name] = len(here)
                    both = sorted(zip(rows[here].tolist(), other_rows[there].tolist(), strict=True))
                    shared.examples += both[: max(0, EXAMPLES - len(shared.examples))]
        return result
