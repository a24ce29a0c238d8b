"""Every preference: the baseline for other selections."""

from typing import ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy


class All(Strategy):
    """Keeps every preference (the paper's fraction 1.0)."""

    example: ClassVar = {"settings": {}}
    is_seeded: ClassVar[bool] = False

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects all positions."""
        from unipref.select.budget import keep_everything

        return keep_everything(candidates)
