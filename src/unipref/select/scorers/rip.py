"""Rejecting Instruction Preferences: what the rejected answer says about the prompt."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates, Dialogue
from unipref.core.contracts import Scorer
from unipref.core.messages import message_text
from unipref.core.stats.percentiles import percentiles_within
from unipref.core.work_progress import show_batches
from unipref.select.rejected_rewards import RejectedReward
from unipref.select.scorers.reward_margin import RewardMargin

if TYPE_CHECKING:
    import numpy.typing as npt

Measure = Literal["reward", "length", "gap"]


class Rip(Scorer):
    """The quality of the prompt, told from its rejected answer: the least of three percentiles within the source.

    | measure | percentile of | why |
    |---|---|---|
    | `reward` | the reward of the rejected answer | a bad prompt gets bad answers |
    | `length` | the length of the rejected answer, in words | the same |
    | `gap` | minus the gap between the two rewards | a bad prompt gets answers that differ widely |

    score = min of the three, so that "score >= t" keeps what is in the best 1 - t of each measure: the published filter
    with one threshold t for all measures (its best model has t = 0.5). With a budget, the budget chooses t.

    Without `model`, the rewards are the source's own scores: the rejected answer's score, and `margin_percentile`.
    A preference has no score if one of the measures is not known: without two answers or two scores; with `model`, if
    an answer is longer than the model's context. `gap` is the opposite of `margin_percentile`: this scorer prefers
    narrow margins, and wrong labels often have narrow margins.

    Source: Yu et al. 2025, arXiv 2501.18578, §3.3.1 and §5. There, the answers are the best and the worst of 64 of the
    model's own, a reward model scores them, and a prompt is kept or dropped as a whole.
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {}}

    measures: tuple[Measure, ...] = Field(default=get_args(Measure), min_length=1)
    """Which of the three to use."""
    model: str | None = None
    """Folder or hub name of a reward model; null: the source's own scores."""
    batch_size: int = Field(default=32, ge=1)
    """Most sequences in one forward pass of the reward model; it does not change the numbers beyond rounding."""

    def models(self, default: str | None) -> list[str]:
        """The reward model, if there is one."""
        return [] if self.model is None else self._margin(self.model).models(default)

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Computes the least percentile of each candidate."""
        sources = np.unique(candidates.sources, return_inverse=True)[1]
        columns = [percentiles_within(getattr(self, f"_measure_{one}")(candidates), sources) for one in self.measures]
        least: npt.NDArray[np.float64] = np.min(np.stack(columns), axis=0)
        return least

    def _measure_reward(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        if self.model is not None:
            return candidates.score(RejectedReward(model=self.model, batch_size=self.batch_size))
        if candidates.rejected_rewards is None:
            return np.full(len(candidates), np.nan)
        return candidates.rejected_rewards()

    def _measure_length(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        batches = show_batches(candidates.texts(), len(candidates), "measuring lengths")
        lengths = [_count_words(dialogue) for batch in batches for dialogue in batch]
        return np.array(lengths, dtype=np.float64)

    def _measure_gap(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        if self.model is None:
            return -candidates.margin_percentiles.astype(np.float64)
        return -candidates.score(self._margin(self.model))

    def _margin(self, model: str) -> RewardMargin:
        return RewardMargin(model=model, batch_size=self.batch_size)


def _count_words(dialogue: Dialogue) -> float:
    """Counts the white-space words of the rejected answer; NaN without one."""
    if not dialogue.rejected:
        return float("nan")
    return float(sum(len(message_text(message).split()) for message in dialogue.rejected))
