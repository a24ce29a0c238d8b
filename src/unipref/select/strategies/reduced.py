"""Keeps less of named sources or axes, to see what they contribute."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field, PlainSerializer, model_validator

from unipref.core import registry
from unipref.core.candidates import Candidates
from unipref.core.choice_setting import one_choice
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError, near_name
from unipref.select.budget import draw_priorities

if TYPE_CHECKING:
    import numpy.typing as npt

LESS = "left out of its source or axis, which is reduced"

Part = Annotated[float, Field(ge=0, le=1)]


class Reduced(Strategy):
    """Keeps what another strategy keeps, less of named sources or axes: none of them, or a random part.

    Nothing replaces what is left out. Of one source, a smaller part lies within a larger one with the same seed.
    `unipref value` trains on such selections (docs/value.md).
    """

    example: ClassVar = {"settings": {"axes": {"instruction": 0.5}}}
    is_filter: ClassVar[bool] = True

    strategy: Annotated[
        Strategy, one_choice("strategy", "select.reduced.strategy"), PlainSerializer(registry.cache_identity)
    ] = Field(default="all", validate_default=True)
    """The strategy that selects before anything is left out."""
    sources: dict[str, Part] = {}
    """Source -> the part of its selected preferences to keep; 0 leaves it out."""
    axes: dict[str, Part] = {}
    """Axis -> the part to keep of the selected preferences that it decided; of comparisons and verdicts, the axis is
    their objective."""

    @model_validator(mode="after")
    def _check_names_given(self) -> "Reduced":
        if not self.sources and not self.axes:
            raise ValueError("name sources or axes and the part to keep, as in {sources: {ratings: 0.5}}")
        return self

    def models(self, default: str | None) -> list[str]:
        """Returns the models that the other strategy queries; arguments and errors as there."""
        return self.strategy.models(default)

    @property
    def embedding_model(self) -> str | None:
        """The embedder of the other strategy."""
        return self.strategy.embedding_model

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects with the other strategy, then leaves out what is too much of each named source and axis.

        Raises:
            UserError: a name is not in the data, or nothing is left.
        """
        selection = self.strategy.select(candidates, seed)
        kept = np.zeros(len(candidates), dtype=bool)
        kept[selection.kept] = True
        left = kept.copy()
        axes = candidates.objectives if candidates.axes is None else candidates.axes
        priorities = draw_priorities(candidates.ids, seed)
        for field, values in (("sources", candidates.sources), ("axes", axes)):
            parts: Mapping[str, float] = getattr(self, field)
            _check_names(parts, values, f"select.reduced.{field}")
            for name, part in parts.items():
                left &= (values != name) | _draw_part(kept & (values == name), part, priorities)
        if not left.any() and kept.any():
            raise UserError(
                "no preference is left.", where="select.reduced", mend="Keep a part of a source or an axis."
            )
        reasons = np.asarray(selection.columns.get("reason", np.where(kept, "kept", "not kept")), dtype=np.str_)
        columns = {**selection.columns, "reason": np.where(kept & ~left, LESS, reasons)}
        return Selection(np.flatnonzero(left), columns, selection.shortfall, selection.notes)


def _draw_part(
    mask: "npt.NDArray[np.bool_]", part: float, priorities: "npt.NDArray[np.float64]"
) -> "npt.NDArray[np.bool_]":
    """Draws a part of the candidates in a mask, (n,): those of the lowest priorities."""
    rows = np.flatnonzero(mask)
    count = int(part * len(rows) + 0.5)
    drawn = np.zeros_like(mask)
    drawn[rows[np.argsort(priorities[rows], kind="stable")[:count]]] = True
    return drawn


def _check_names(names: Mapping[str, float], values: "npt.NDArray[np.str_]", where: str) -> None:
    choices = sorted(set(values.tolist()))
    for name in names:
        if name not in choices:
            mend = near_name(name, choices) or f"The data have: {', '.join(choices) or 'none'}."
            raise UserError(f"no preference has the name '{name}'.", where=where, mend=mend)
