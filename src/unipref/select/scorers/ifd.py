"""Instruction-following difficulty: how little the prompt helps the model to find the answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unipref.core.candidates import Dialogue
from unipref.models.inference import answer_ids, log_likelihoods, start_ids
from unipref.select.model_scorer import PolicyScorer

if TYPE_CHECKING:
    import numpy.typing as npt

    from unipref.models.loading import Policy


class Ifd(PolicyScorer):
    """Perplexity of the chosen answer given the prompt, over its perplexity on its own.

    IFD = ppl(answer | prompt) / ppl(answer), ppl = exp(-log p / tokens), eos included; ppl(answer) is taken after the
    token that starts a text. Near 0 the prompt says nearly all and there is little to learn; near 1 it is of little
    help, so following it has to be learned. Above 1 it misleads: such answers do not belong to their prompt, and the
    paper drops them.

    score = IFD where it is below 1, -IFD elsewhere: hard answers first, then easy ones, and those above 1 last.

    It looks at the chosen answer alone, so demonstrations have a score too; lone thumbs-downs and dialogues longer than
    the model's context have none. Source: Li et al. 2023, "From quantity to quality", arXiv 2308.12032 (there the
    ratio of mean losses; of perplexities as here in the follow-up, arXiv 2402.00530).
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {}}

    def judge(self, model: "Policy", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """IFD."""
        found = np.full(len(dialogues), np.nan)
        there = [i for i, dialogue in enumerate(dialogues) if dialogue.chosen]
        given = [answer_ids(model, dialogues[i].prompt, dialogues[i].chosen or []) for i in there]
        # A model whose tokenizer puts nothing in front of a text starts one after the end of another.
        start = start_ids(model) or [int(model.tokenizer.eos_token_id)]
        alone = [(start, answer) for _, answer in given]
        sums = log_likelihoods(model, [*given, *alone], self.batch_size)
        n_tokens = np.array([max(1, len(answer)) for _, answer in given])
        found[there] = np.exp((sums[len(given) :] - sums[: len(given)]) / n_tokens)
        return found

    def read(self, numbers: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        """IFD, or minus IFD where it is 1 or more."""
        return np.where(numbers >= 1, -numbers, numbers)
