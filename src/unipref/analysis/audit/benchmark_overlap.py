"""Counts the prompts of a source that occur in benchmarks, once each."""

from unipref.analysis.audit.copies import EXAMPLES
from unipref.analysis.audit.findings import Leak
from unipref.analysis.audit.unified_run import AuditedPreference
from unipref.clean.text_overlap import Benchmarks
from unipref.core.text_keys import text_hash


class Leaks:
    """Counts the distinct root prompts of each source that occur in each benchmark."""

    def __init__(self, benchmarks: Benchmarks) -> None:
        self._benchmarks = benchmarks
        self._prompts: dict[tuple[str, str], dict[bytes, tuple[bool, str, str]]] = {}

    def add(self, preference: AuditedPreference, root: str) -> None:
        """Adds one preference, with its normalised root prompt."""
        for match in self._benchmarks.matches(preference.user_turns):
            prompts = self._prompts.setdefault((preference.source, match.benchmark), {})
            key = text_hash(root)
            if key not in prompts or (match.exact and not prompts[key][0]):
                prompts[key] = (match.exact, preference.place, self._benchmarks.place(match.text))

    def list_leaks(self, source: str) -> list[Leak]:
        """Lists a source's leaks by benchmark; examples with equal texts come first."""
        leaks = []
        for (name, benchmark), prompts in sorted(self._prompts.items()):
            if name != source:
                continue
            matches = sorted(prompts.values(), key=lambda match: not match[0])
            exact = sum(match[0] for match in matches)
            examples = [(mine, theirs) for _, mine, theirs in matches[:EXAMPLES]]
            leaks.append(Leak(benchmark, exact, len(matches) - exact, examples))
        return leaks
