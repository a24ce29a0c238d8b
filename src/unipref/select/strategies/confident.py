"""Keeps the labels that are most probably right, on one scale for all sources."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError

if TYPE_CHECKING:
    import numpy.typing as npt

DIGITS = 6
"""Digits of a confidence that count."""
KEPT = "among the most confident"
UNSURE = "the confidence is below the threshold"
BEYOND = "beyond the budget: others are more confident"
UNKNOWN = "its confidence is not known"
UNKNOWN_KEPT = "its confidence is not known, and such preferences are kept"


class Confident(Strategy):
    """Keeps the preferences whose label is right with a probability of at least `at_least`, the most probable first.

    The confidence is a probability on one scale, so all sources and objectives compete with one another: an unreliable
    source may lose everything, and so may an objective on which people disagree. The account of the selection and its
    warnings say so. `quality` with the scorer `confidence` keeps each source's share instead.

    A preference that was judged once, by somebody of whom nothing else is known, has no confidence, and most public
    data are of this kind: `unknown` says what becomes of it. A note counts them by source.
    """

    example: ClassVar = {"settings": {"at_least": 0.9}}
    is_seeded: ClassVar[bool] = False

    at_least: float = Field(default=0.9, ge=0, le=1)
    """The least confidence; 0 ranks all that have one."""
    fraction: float | None = Field(default=None, gt=0, le=1)
    """The most to keep, as a part of all candidates, those of unknown confidence included; null: no limit."""
    count: int | None = Field(default=None, ge=1)
    """The most to keep, as a number; null: no limit."""
    unknown: Literal["drop", "keep"] = "drop"
    """Preferences whose confidence is not known: leave them out, or keep all of them, before others."""

    @model_validator(mode="after")
    def _check_one_limit(self) -> "Confident":
        if self.fraction is not None and self.count is not None:
            raise ValueError("fraction and count are two limits; give one of them")
        return self

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects the most confident of all sources together, ties by id.

        Raises:
            UserError: nothing is confident enough, or those of unknown confidence exceed the limit.
        """
        # The file has float32: 0.9 is read as 0.89999998, which must pass a threshold of 0.9.
        confidences = np.round(candidates.confidences.astype(np.float64), DIGITS)
        is_unknown = np.isnan(confidences)
        always = is_unknown if self.unknown == "keep" else np.zeros_like(is_unknown)
        passing = np.flatnonzero(confidences >= self.at_least)
        ranked = passing[np.lexsort((candidates.ids[passing], -confidences[passing]))]
        kept = always.copy()
        kept[ranked[: self._count_room(len(candidates), int(always.sum()))]] = True
        if len(candidates) and not kept.any():
            raise UserError(
                f"no preference has a confidence of at least {self.at_least:g} "
                f"({int(is_unknown.sum()):,} of {len(candidates):,} have none that is known).",
                where="select.confident.at_least",
                mend="Lower it, or choose another strategy.",
            )
        reasons = np.select(
            [always, kept, is_unknown, confidences < self.at_least], [UNKNOWN_KEPT, KEPT, UNKNOWN, UNSURE], BEYOND
        )
        rank = np.full(len(candidates), -1, dtype=np.int64)
        rank[ranked] = np.arange(len(ranked)) + 1
        columns: dict[str, npt.NDArray[Any]] = {"confidence": confidences, "rank": rank, "reason": reasons}
        columns |= _describe_cell(rank, kept & ~always)
        return Selection(np.flatnonzero(kept), columns, notes=_describe_unknown(candidates, is_unknown, self.unknown))

    def _count_room(self, n: int, always_kept: int) -> int:
        """How many may be kept besides those that are always kept."""
        if self.fraction is None and self.count is None:
            return n
        limit = self.count if self.fraction is None else max(1, int(self.fraction * n + 0.5))
        assert limit is not None
        if always_kept > limit:
            raise UserError(
                f"the {always_kept:,} preferences of unknown confidence, which are all kept, exceed the limit "
                f"of {limit:,}.",
                where="select.confident.unknown",
                mend="Set it to drop, or raise the limit.",
            )
        return limit - always_kept


def _describe_cell(rank: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]") -> "dict[str, npt.NDArray[np.int64]]":
    """The size of the one cell that all ranked preferences are in, and how many of it are kept."""
    is_ranked = rank > 0
    return {
        "cell_size": np.where(is_ranked, is_ranked.sum(), -1),
        "cell_kept": np.where(is_ranked, kept.sum(), -1),
    }


def _describe_unknown(candidates: Candidates, is_unknown: "npt.NDArray[np.bool_]", rule: str) -> tuple[str, ...]:
    """Counts the preferences of unknown confidence, by source; nothing if there are none."""
    if not is_unknown.any():
        return ()
    names, codes = np.unique(candidates.sources, return_inverse=True)
    totals, unknown = np.bincount(codes), np.bincount(codes[is_unknown], minlength=len(names))
    by_source = ", ".join(f"{name}: {n:,} of {of:,}" for name, n, of in zip(names, unknown, totals, strict=True) if n)
    what = "kept" if rule == "keep" else "left out"
    return (f"the confidence of {int(is_unknown.sum()):,} preferences is not known; they are {what} ({by_source})",)
