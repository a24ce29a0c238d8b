"""The policy's own margin: does the model to be tuned already prefer the better answer?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from unipref.core.candidates import Dialogue
from unipref.models.inference import answer_log_likelihoods
from unipref.select.model_scorer import PolicyScorer, with_both

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unipref.models.loading import Policy


class PolicyMargin(PolicyScorer):
    """How much more likely the policy finds the chosen answer than the rejected one, per token.

    score = log p(chosen | prompt) / tokens(chosen) - log p(rejected | prompt) / tokens(rejected), in nats per token,
    through the chat template, eos included. High: model and label agree, so the label is probably right, and little is
    left to learn; low: the label is wrong, or the pair is hard. `prefer: hard` turns the sign round.

    Says nothing of one-sided preferences, and of dialogues longer than the model's context.

    Source: the implicit reward of Rafailov et al. 2023 (arXiv 2305.18290) without its reference model, divided by
    length as in Meng et al. 2024 (arXiv 2405.14734).
    """

    reading: ClassVar[frozenset[str]] = frozenset({"prefer"})
    example: ClassVar[Mapping[str, Any]] = {"settings": {"weight": 0.5}}

    prefer: Literal["agreed", "hard"] = "agreed"
    """`agreed`: pairs on which model and label agree come first; `hard`: those on which they differ most."""

    def judge(self, model: "Policy", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """Length-normalised differences, in nats per token."""

        def margins(whole: list[Dialogue]) -> "npt.NDArray[np.float64]":
            pairs = [(d.prompt, d.chosen or []) for d in whole] + [(d.prompt, d.rejected or []) for d in whole]
            sums, n_tokens = answer_log_likelihoods(model, pairs, self.batch_size)
            means = sums / n_tokens
            return means[: len(whole)] - means[len(whole) :]

        return with_both(dialogues, margins)

    def read(self, numbers: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        """As they are, or with the sign turned round."""
        return -numbers if self.prefer == "hard" else numbers
