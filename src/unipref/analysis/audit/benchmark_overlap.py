"""Counts the prompts of a source that occur in benchmarks, once each."""

from unipref.analysis.audit.copies import EXAMPLES
from unipref.analysis.audit.findings import Leak
from unipref.analysis.audit.unified_run import AuditedPreference
from unipref.clean.text_overlap import Benchmarks
from unipref.core.text_keys import text_hash


class Leaks:
    """Counts the distinct root prompts of each source that occur in each benchmark."""

    def __init__(self) -> None:
        self._prompts: dict[tuple[str, str], dict[bytes, tuple[bool, str, str]]] = {}

    def add(self, preference: AuditedPreference, root: str, benchmarks: Benchmarks) -> None:
        """Adds one preference, with its normalised root prompt."""
        for match in benchmarks.matches(preference.user_turns):
            found = (match.exact, preference.place, benchmarks.place(match.text))
            self._add((preference.source, match.benchmark), text_hash(root), found)

    def _add(self, kind: tuple[str, str], key: bytes, found: tuple[bool, str, str]) -> None:
        prompts = self._prompts.setdefault(kind, {})
        if key not in prompts or (found[0] and not prompts[key][0]):
            prompts[key] = found

    def merge(self, other: "Leaks") -> None:
        """Adds later preferences."""
        for kind, prompts in other._prompts.items():
            for key, found in prompts.items():
                self._add(kind, key, found)

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
