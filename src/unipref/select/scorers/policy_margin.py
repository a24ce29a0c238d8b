"""The policy's own margin: does the model to be tuned already prefer the better answer?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from unipref.core.candidates import Dialogue
from unipref.models.inference import answer_log_likelihoods
from unipref.select.model_scorer import PolicyScorer, score_pairs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unipref.core.chat_models import Policy


class PolicyMargin(PolicyScorer):
    """How much more likely the chosen answer is than the rejected one under the policy, per token.

    score = log p(chosen | prompt) / tokens(chosen) - log p(rejected | prompt) / tokens(rejected), in nats per token,
    through the chat template, eos included. High: model and label agree, so the label is probably right, and there
    is little left to learn. Low: the label is wrong, or the pair is hard. `prefer: hard` reverses the sign. With
    `per_token: false`, the sums are not divided by the numbers of tokens, so length counts.

    One-sided preferences, dialogues longer than the model's context, and dialogues that its chat template refuses
    have no score.

    Source: the implicit reward of Rafailov et al. 2023 (arXiv 2305.18290) without its reference model, divided by
    length as in Meng et al. 2024 (arXiv 2405.14734).
    """

    reading: ClassVar[frozenset[str]] = frozenset({"prefer"})
    example: ClassVar[Mapping[str, Any]] = {"settings": {"weight": 0.5}}

    prefer: Literal["agreed", "hard"] = "agreed"
    """`agreed`: pairs on which model and label agree come first; `hard`: those on which they disagree most."""
    per_token: bool = True
    """Divide each answer's log-likelihood by its number of tokens."""

    def judge(self, model: "Policy", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """Computes the differences, in nats per token or in nats."""

        def margins(pairs: list[Dialogue]) -> "npt.NDArray[np.float64]":
            answers = [(d.prompt, d.chosen or []) for d in pairs] + [(d.prompt, d.rejected or []) for d in pairs]
            sums, n_tokens = answer_log_likelihoods(model, answers, self.batch_size)
            values = sums / n_tokens if self.per_token else sums
            return values[: len(pairs)] - values[len(pairs) :]

        return score_pairs(dialogues, margins)

    def read(self, numbers: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        """The numbers, or with `prefer: hard` their negatives."""
        return -numbers if self.prefer == "hard" else numbers
