"""Every preference: what a selection is compared with."""

from typing import ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy


class All(Strategy):
    """Keeps every preference (the paper's fraction 1.0)."""

    example: ClassVar = {"settings": {}}
    seeded: ClassVar[bool] = False

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """All positions."""
        from unipref.select.budget import everything

        return everything(candidates)
