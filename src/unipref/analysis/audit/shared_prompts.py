"""Counts prompts that several sources share: the first user turn, normalised as in the column `group`."""

from array import array
from dataclasses import dataclass, field

from unipref.analysis.audit.copies import EXAMPLES
from unipref.analysis.audit.hash_column import HashColumn
from unipref.analysis.audit.unified_run import AuditedPreference


@dataclass
class SharedCounts:
    """Number of distinct prompts of a source, and how many of them each other source has too."""

    different: int = 0
    shared: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[int, int]] = field(default_factory=list)


class SharedPrompts:
    """Collects per preference the hash of its root prompt and its source: 18 bytes.

    It does not use the column `group`, which names the twins instead of the prompt if a source declares twins.
    """

    def __init__(self, sources: list[str]) -> None:
        self._sources = sources
        self._index = {name: place for place, name in enumerate(sources)}
        self._roots, self._of = HashColumn(), array("H")

    def add(self, preference: AuditedPreference, root: str) -> None:
        """Adds one preference, with its normalised root prompt."""
        self._roots.add(root)
        self._of.append(self._index[preference.source])

    def merge(self, other: "SharedPrompts") -> None:
        """Adds later preferences."""
        self._roots.merge(other._roots)
        self._of.extend(other._of)

    def count(self) -> dict[str, SharedCounts]:
        """Returns source -> counts; examples are numbers of preferences in the file."""
        import numpy as np

        roots, of = self._roots.number_hashes(), np.array(self._of, dtype=np.int64)
        firsts = []
        for place in range(len(self._sources)):
            rows = np.flatnonzero(of == place)
            distinct, first = np.unique(roots[rows], return_index=True)
            firsts.append((distinct, rows[first]))
        result = {}
        for name, (mine, rows) in zip(self._sources, firsts, strict=True):
            result[name] = shared = SharedCounts(different=len(mine))
            for other_name, (theirs, other_rows) in zip(self._sources, firsts, strict=True):
                if other_name == name:
                    continue
                _, mine_at, theirs_at = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
                if len(mine_at):
                    shared.shared[other_name] = len(mine_at)
                    both = sorted(zip(rows[mine_at].tolist(), other_rows[theirs_at].tolist(), strict=True))
                    shared.examples += both[: max(0, EXAMPLES - len(shared.examples))]
        return result
