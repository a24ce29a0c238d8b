"""`Candidates`: the preferences that a strategy selects from."""

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
    """The preferences that a strategy selects from: numbers in memory, texts only as a stream.

    Attributes:
        ids: (n,) preference ids, in file order.
        margins: (n,) differences of utilities, in standard deviations; NaN where they cannot be known.
        margin_percentiles: (n,) percentiles of the gaps between the scores, in [0, 1]; NaN without two scores.
        confidences: (n,) probabilities that the chosen answer is the better one; NaN where they cannot be known.
        sources, objectives, groups: (n,) strings.
        tokens: (n,) length of prompt and answers together, in white-space words.
        embed: embedder settings -> (n, d) float32 unit rows, one per prompt; cached on disk.
        texts: each call yields the n dialogues in batches.
        model: the study's model, which model-based scorers use unless they name another; None: the study has none.
        cache: folder that keeps models' results for texts between runs; None: nothing is kept.
        axis_agreement: gives (n,) numbers of how far the further axes agree with the labels, NaN without evidence
            (`unipref.select.axis_agreement`); None: the axes are not read.
        rejected_rewards: gives (n,) percentiles of the rejected answers' scores, the better the higher, within source
            and axis, NaN without a score (`unipref.select.rejected_rewards`); None: the scores are not read.
        read_dev: reads the dev part of the split, as candidates; None: there is none.
        axes: (n,) names of what was judged: the axis that decided, or the objective if none has a name; None: the
            objectives.
    """

    ids: "npt.NDArray[np.str_]"
    margins: "npt.NDArray[np.float32]"
    margin_percentiles: "npt.NDArray[np.float32]"
    confidences: "npt.NDArray[np.float32]"
    sources: "npt.NDArray[np.str_]"
    objectives: "npt.NDArray[np.str_]"
    groups: "npt.NDArray[np.str_]"
    tokens: "npt.NDArray[np.int64]"
    embed: "Callable[[str], npt.NDArray[np.float32]]"
    texts: Callable[[], Iterator[list[Dialogue]]]
    model: str | None = None
    cache: Path | None = None
    axis_agreement: "Callable[[], npt.NDArray[np.float64]] | None" = None
    rejected_rewards: "Callable[[], npt.NDArray[np.float64]] | None" = None
    read_dev: "Callable[[], Candidates] | None" = None
    axes: "npt.NDArray[np.str_] | None" = None

    def __len__(self) -> int:
        return len(self.ids)

    def score(self, scorer: CandidateScorer) -> "npt.NDArray[np.float64]":
        """(n,) what a scorer says of each candidate, in its own units: the higher the better, NaN for nothing.

        Raises:
            UserError: the scorer returned a wrong shape or infinite values, or its model is missing.
        """
        import numpy as np

        scores = np.asarray(scorer.score(self), dtype=np.float64)
        if scores.shape != (len(self),) or np.isinf(scores).any():
            raise UserError(
                f"the scorer returned an array of shape {scores.shape} with {int(np.isinf(scores).sum())} infinite "
                f"values for {len(self)} preferences.",
                where=f"the scorer {scorer.name()}",
                mend="Return one number per preference, and NaN for no score.",
            )
        return scores

    def subset(self, mask: "npt.NDArray[np.bool_]") -> "Candidates":
        """Returns some of the candidates.

        Args:
            mask: (n,) True for the candidates to keep.
        """

        def texts() -> Iterator[list[Dialogue]]:
            start = 0
            for batch in self.texts():
                batch_mask = mask[start : start + len(batch)]
                start += len(batch)
                yield [dialogue for dialogue, is_in in zip(batch, batch_mask, strict=True) if is_in]

        agreement, rewards = self.axis_agreement, self.rejected_rewards
        return Candidates(
            ids=self.ids[mask],
            margins=self.margins[mask],
            margin_percentiles=self.margin_percentiles[mask],
            sources=self.sources[mask],
            objectives=self.objectives[mask],
            groups=self.groups[mask],
            tokens=self.tokens[mask],
            embed=lambda embedder: self.embed(embedder)[mask],
            confidences=self.confidences[mask],
            texts=texts,
            model=self.model,
            cache=self.cache,
            axis_agreement=None if agreement is None else lambda: agreement()[mask],
            rejected_rewards=None if rewards is None else lambda: rewards()[mask],
            read_dev=self.read_dev,
            axes=None if self.axes is None else self.axes[mask],
        )
