"""Some sources or objectives alone: what one of them can do without the others."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import model_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError, near_name

if TYPE_CHECKING:
    import numpy.typing as npt

KEPT = "of what is kept alone"
BEYOND = "of another source or objective"


class Only(Strategy):
    """Keeps every preference of the named sources, of the named objectives, or where both are named, of both.

    It chooses from the same cleaned preferences as every other strategy: what is held out for dev and test is the same,
    so that a model trained on one source alone has seen no prompt that another is tested on.
    """

    example: ClassVar = {"settings": {"objectives": ["instruction"]}}
    seeded: ClassVar[bool] = False
    narrows: ClassVar[bool] = True
    takes_whole: ClassVar[bool] = True

    sources: tuple[str, ...] = ()
    """Names of sources; none: all."""
    objectives: tuple[str, ...] = ()
    """Names of objectives; none: all."""

    @model_validator(mode="after")
    def _names_something(self) -> "Only":
        if not self.sources and not self.objectives:
            raise ValueError("name sources or objectives, as in {sources: [oasst]}; 'select: all' keeps everything")
        return self

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """All of the named ones.

        Raises:
            UserError: there is no such source or objective, or none of a source has the objective.
        """
        kept = np.ones(len(candidates), dtype=bool)
        for field, found in (("sources", candidates.sources), ("objectives", candidates.objectives)):
            if names := getattr(self, field):
                _check(names, found, f"select.only.{field}")
                kept &= np.isin(found, names)
        if not kept.any() and len(candidates):
            raise UserError(
                "no preference is of a named source and of a named objective.",
                where="select.only",
                mend="Name sources or objectives, not both.",
            )
        return Selection(np.flatnonzero(kept), {"reason": np.where(kept, KEPT, BEYOND)})


def _check(names: tuple[str, ...], found: "npt.NDArray[np.str_]", where: str) -> None:
    known = sorted(set(found.tolist()))
    for name in names:
        if name not in known:
            mend = near_name(name, known) or f"There are: {', '.join(known) or 'none'}."
            raise UserError(f"no preference to choose from is of '{name}'.", where=where, mend=mend)
