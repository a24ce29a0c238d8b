"""The result of one campaign."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_FAILURES_SHOWN = 20
MAX_CHARACTERS = 3500


@dataclass
class Outcome:
    """What one campaign tried and what failed.

    Attributes:
        campaign: its name.
        seed: of its random choices; the same seed and size try the same things.
        tries: kind of try -> how many.
        failures: one line each; empty if unipref kept every promise.
        seconds: run time.
        notes: facts to read with the counts, such as a fault that this machine cannot produce.
    """

    campaign: str
    seed: int
    tries: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Returns the outcome as JSON values."""
        return {**vars(self), "tries": dict(sorted(self.tries.items()))}

    def count_tries(self) -> str:
        """Returns how often each kind was tried, as text."""
        return ", ".join(f"{count:,} {kind}" for kind, count in sorted({**self.tries}.items()))

    def lines(self) -> list[str]:
        """Returns the outcome as lines of text."""
        facts = f"{self.count_tries()}; seed {self.seed}; {self.seconds:.0f} s"
        head = f"{self.campaign}: {len(self.failures)} failures; {facts}"
        shown = [f"  FAILED {line[:MAX_CHARACTERS]}" for line in self.failures[:MAX_FAILURES_SHOWN]]
        if len(self.failures) > MAX_FAILURES_SHOWN:
            shown.append(f"  and {len(self.failures) - MAX_FAILURES_SHOWN} more")
        return [head, *(f"  {note}" for note in self.notes), *shown]
