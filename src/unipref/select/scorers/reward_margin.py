"""A reward model's margin: a second opinion on the label."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from unipref.core.candidates import Dialogue
from unipref.models.inference import rewards
from unipref.select.model_scorer import RewardScorer, with_both

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unipref.models.loading import RewardModel


class RewardMargin(RewardScorer):
    """The reward of the chosen answer less that of the rejected one.

    score = r(prompt, chosen) - r(prompt, rejected), in the reward model's own units, through the chat template. A
    negative margin says that the reward model would turn the label round. A reward model trained on the same data has
    seen the labels and learned their noise: take one that was trained elsewhere.

    Says nothing of one-sided preferences, and of dialogues longer than the model's context. Source: Wang et al. 2024,
    "Secrets of RLHF in large language models part II", arXiv 2401.06080, §2 (preference strength).
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"model": "org/reward-model"}}

    def judge(self, model: "RewardModel", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """Differences of rewards."""

        def margins(whole: list[Dialogue]) -> "npt.NDArray[np.float64]":
            sides = [[*d.prompt, *(d.chosen or [])] for d in whole] + [[*d.prompt, *(d.rejected or [])] for d in whole]
            found = rewards(model, sides, self.batch_size)
            return found[: len(whole)] - found[len(whole) :]

        return with_both(dialogues, margins)
