"""Keeps only some sources or objectives, to see what one of them does without the others."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import model_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError, near_name

if TYPE_CHECKING:
    import numpy.typing as npt

KEPT = "of a named source or objective"
BEYOND = "of another source or objective"


class Only(Strategy):
    """Keeps every preference of the named sources or objectives; if both are named, those that match both.

    It chooses from the same cleaned preferences as every other strategy, with the same dev and test splits. So a model
    trained on one source alone has not seen any prompt that another is tested on.
    """

    example: ClassVar = {"settings": {"objectives": ["instruction"]}}
    is_seeded: ClassVar[bool] = False
    is_filter: ClassVar[bool] = True
    takes_whole: ClassVar[bool] = True

    sources: tuple[str, ...] = ()
    """Names of sources; empty: all."""
    objectives: tuple[str, ...] = ()
    """Names of objectives; empty: all."""

    @model_validator(mode="after")
    def _check_names_given(self) -> "Only":
        if not self.sources and not self.objectives:
            raise ValueError(
                "name sources or objectives, as in {sources: [oasst]}; to keep everything, use 'select: all'"
            )
        return self

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects all preferences of the named sources and objectives.

        Raises:
            UserError: a name is not in the data, or no preference matches both.
        """
        kept = np.ones(len(candidates), dtype=bool)
        for field, values in (("sources", candidates.sources), ("objectives", candidates.objectives)):
            if names := getattr(self, field):
                _check_names(names, values, f"select.only.{field}")
                kept &= np.isin(values, names)
        if not kept.any() and len(candidates):
            raise UserError(
                "no preference has both a named source and a named objective.",
                where="select.only",
                mend="Name sources or objectives, not both.",
            )
        return Selection(np.flatnonzero(kept), {"reason": np.where(kept, KEPT, BEYOND)})


def _check_names(names: tuple[str, ...], values: "npt.NDArray[np.str_]", where: str) -> None:
    choices = sorted(set(values.tolist()))
    for name in names:
        if name not in choices:
            mend = near_name(name, choices) or f"The data have: {', '.join(choices) or 'none'}."
            raise UserError(f"no preference has the name '{name}'.", where=where, mend=mend)
