"""A reward model's margin: a second opinion on the label."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from unipref.core.candidates import Dialogue
from unipref.models.inference import rewards
from unipref.select.model_scorer import RewardScorer, score_pairs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unipref.core.chat_models import RewardModel


class RewardMargin(RewardScorer):
    """The reward of the chosen answer minus the reward of the rejected one.

    score = r(prompt, chosen) - r(prompt, rejected), in the reward model's own units, through the chat template. A
    negative margin means that the reward model disagrees with the label. A reward model trained on the same data has
    seen the labels and learned their noise: use one that was trained on other data.

    One-sided preferences, dialogues longer than the model's context, and dialogues that its chat template refuses
    have no score. Source: Wang et al. 2024, "Secrets of RLHF in large language models part II", arXiv 2401.06080, §2
    (preference strength).
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"model": "org/reward-model"}}

    def judge(self, model: "RewardModel", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """Computes differences of rewards."""

        def margins(pairs: list[Dialogue]) -> "npt.NDArray[np.float64]":
            sides = [[*d.prompt, *(d.chosen or [])] for d in pairs] + [[*d.prompt, *(d.rejected or [])] for d in pairs]
            values = rewards(model, sides, self.batch_size)
            return values[: len(pairs)] - values[len(pairs) :]

        return score_pairs(dialogues, margins)
