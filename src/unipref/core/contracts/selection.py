"""The base classes of scorers and of strategies, which choose the preferences to train on."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts.base import Choice

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Scorer(Choice):
    """A measure of how good a preference is to learn from. `example` holds `settings`.

    Strategies combine scorers of any unit: the scores become midrank percentiles within their source, and the
    percentiles are averaged by `weight`.
    """

    weight: float = Field(default=1.0, gt=0)
    """Its weight among several scorers."""

    is_influence: ClassVar[bool] = False
    """Whether its scores say how much a step on the preference changes the model, below 0 for the worse. People who
    review a run (`unipref review`) see the preferences with the largest ones."""

    @abc.abstractmethod
    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Returns (n,) scores in the scorer's own units: the higher the better, NaN for no score."""

    def models(self, default: str | None) -> list[str]:
        """Returns the models that it queries.

        Args:
            default: the study's model.

        Raises:
            UserError: the scorer needs a model, but neither its settings nor the study name one.
        """
        return []


@dataclass(frozen=True)
class Selection:
    """What a strategy kept, and its values for each candidate.

    Attributes:
        kept: positions of the kept candidates, ascending, without repeats.
        columns: name -> (n,) values, written to `decisions.parquet` and shown by `unipref explain`. NaN, -1 and the
            empty text mean no value. Names with a fixed meaning: `quality` (percentile), `cluster`, `rank` (place
            within its cell, 1 first), `cell_size` (candidates in that cell), `cell_kept` (how many of them were kept),
            `reason` (in words), `blocked_by` (id of the kept candidate that is too similar to it). A scorer's scores
            are under its name, their percentiles under `NAME_percentile`.
        shortfall: source and objective -> preferences (or tokens) that the budget allows but the strategy cannot
            fill.
        notes: what a reader of the result should know.
    """

    kept: "npt.NDArray[np.int64]"
    columns: "Mapping[str, npt.NDArray[Any]]" = field(default_factory=dict)
    shortfall: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Strategy(Choice):
    """A way to choose the preferences to train on. `example` holds `settings`."""

    is_seeded: ClassVar[bool] = True
    """Whether the seed can change what it keeps. If not, all seeds of a run share one selection."""
    is_filter: ClassVar[bool] = False
    """Whether its settings name the sources or objectives to keep. Then nothing warns that the others are missing."""
    takes_whole: ClassVar[bool] = False
    """Whether it keeps exactly the sources or objectives that its settings `sources` and `objectives` name, complete.
    Reports and verdicts then treat the variant as one source (or objective) alone."""
    random: ClassVar[bool] = False
    """Whether it keeps a random subset. Reports and verdicts compare selections with a random subset of equal size."""

    @abc.abstractmethod
    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects candidates and says why. Ties are broken by id."""

    def models(self, default: str | None) -> list[str]:
        """Returns the models that its scorers query; arguments and errors as in `Scorer.models`."""
        return []

    @property
    def embedding_model(self) -> str | None:
        """The embedder that its settings name, whose files its result depends on; None if it embeds nothing."""
        return None
