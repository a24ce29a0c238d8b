"""The preferences that a strategy chooses from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from unipref.core.errors import UserError
from unipref.core.records import Messages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Dialogue(NamedTuple):
    """The texts of one preference; one of the two answers may be missing."""

    prompt: Messages
    chosen: Messages | None
    rejected: Messages | None


class CandidateScorer(Protocol):
    """The part of `contracts.Scorer` that `Candidates.score` needs."""

    @classmethod
    def name(cls) -> str:
        """The scorer's name in the study file."""

    def score(self, candidates: "Candidates") -> "npt.NDArray[np.float64]":
        """(n,) numbers: the higher the better, NaN without a score."""


@dataclass(kw_only=True, eq=False)
class Candidates:
    """The preferences a strategy chooses from: numbers at hand, text only as a stream.

    Attributes:
        ids: (n,) preference ids, in file order.
        margins: (n,) percentiles in [0, 1], NaN where unscored.
        confidences: (n,) shares of judgements that agree, NaN where there was only one judgement.
        sources, objectives, groups: (n,) strings.
        tokens: (n,) length of prompt and answers together, in white-space words.
        embed: embedder settings -> (n, d) float32 unit rows, one per prompt; cached on disk.
        texts: gives the n dialogues in batches, as often as it is called.
        model: the study's model, which model-based scorers ask unless they name another; None: there is none.
        cache: folder in which what models say of texts is kept between runs; None: nothing is kept.
    """

    ids: "npt.NDArray[np.str_]"
    margins: "npt.NDArray[np.float32]"
    confidences: "npt.NDArray[np.float32]"
    sources: "npt.NDArray[np.str_]"
    objectives: "npt.NDArray[np.str_]"
    groups: "npt.NDArray[np.str_]"
    tokens: "npt.NDArray[np.int64]"
    embed: "Callable[[str], npt.NDArray[np.float32]]"
    texts: Callable[[], Iterator[list[Dialogue]]]
    model: str | None = None
    cache: Path | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def score(self, scorer: CandidateScorer) -> "npt.NDArray[np.float64]":
        """(n,) what a scorer says of each candidate, in its own units: the higher the better, NaN for nothing.

        Raises:
            UserError: the scorer breaks its contract, or needs a model that cannot be had.
        """
        import numpy as np

        found = np.asarray(scorer.score(self), dtype=np.float64)
        if found.shape != (len(self),) or np.isinf(found).any():
            raise UserError(
                f"it gave an array of shape {found.shape} with {int(np.isinf(found).sum())} infinite values for "
                f"{len(self)} preferences.",
                where=f"the scorer {scorer.name()}",
                mend="Give one number per preference, NaN where there is none.",
            )
        return found

    def only(self, wanted: "npt.NDArray[np.bool_]") -> "Candidates":
        """Some of the candidates, as candidates of their own.

        Args:
            wanted: (n,) mask.
        """

        def texts() -> Iterator[list[Dialogue]]:
            start = 0
            for batch in self.texts():
                mask = wanted[start : start + len(batch)]
                start += len(batch)
                yield [dialogue for dialogue, mine in zip(batch, mask, strict=True) if mine]

        return Candidates(
            ids=self.ids[wanted],
            margins=self.margins[wanted],
            sources=self.sources[wanted],
            objectives=self.objectives[wanted],
            groups=self.groups[wanted],
            tokens=self.tokens[wanted],
            embed=lambda embedder: self.embed(embedder)[wanted],
            confidences=self.confidences[wanted],
            texts=texts,
            model=self.model,
            cache=self.cache,
        )
