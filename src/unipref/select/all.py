"""Every preference: what a selection is compared with."""

from typing import TYPE_CHECKING, ClassVar

from unipref.contracts import Candidates, Strategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class All(Strategy):
    """Keeps every preference (the paper's fraction 1.0)."""

    example: ClassVar = {"settings": {}}

    def select(self, candidates: Candidates, seed: int) -> "npt.NDArray[np.int64]":
        """All positions."""
        import numpy as np

        return np.arange(len(candidates))
