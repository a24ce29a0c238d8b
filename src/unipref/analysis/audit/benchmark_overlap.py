"""Prompts of a source that occur in benchmarks, counted once each."""

from unipref.analysis.audit.copies import EXAMPLES
from unipref.analysis.audit.findings import Leak
from unipref.analysis.audit.unified_run import Judged
from unipref.clean.text_overlap import Benchmarks
from unipref.core.text_keys import text_hash


class Leaks:
    """Counts the different root prompts of each source that occur in each benchmark."""

    def __init__(self, benchmarks: Benchmarks) -> None:
        self._benchmarks = benchmarks
        self._found: dict[tuple[str, str], dict[bytes, tuple[bool, str, str]]] = {}

    def add(self, judged: Judged, root: str) -> None:
        """Takes in one preference, with its normalised root prompt."""
        for match in self._benchmarks.matches(judged.asked):
            mine = self._found.setdefault((judged.source, match.benchmark), {})
            key = text_hash(root)
            if key not in mine or (match.exact and not mine[key][0]):
                mine[key] = (match.exact, judged.place, self._benchmarks.place(match.text))

    def of(self, source: str) -> list[Leak]:
        """A source's leaks, by benchmark; the examples of the same text come first."""
        found = []
        for (name, benchmark), prompts in sorted(self._found.items()):
            if name != source:
                continue
            hits = sorted(prompts.values(), key=lambda hit: not hit[0])
            exact = sum(hit[0] for hit in hits)
            examples = [(mine, theirs) for _, mine, theirs in hits[:EXAMPLES]]
            found.append(Leak(benchmark, exact, len(hits) - exact, examples))
        return found
