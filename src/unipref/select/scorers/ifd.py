"""Instruction-following difficulty: how little the prompt helps the model to find the answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unipref.core.candidates import Dialogue
from unipref.models.inference import all_answer_tokens, log_likelihoods, start_ids
from unipref.select.model_scorer import PolicyScorer

if TYPE_CHECKING:
    import numpy.typing as npt

    from unipref.core.chat_models import Policy


class Ifd(PolicyScorer):
    """Perplexity of the chosen answer given the prompt, divided by its perplexity without the prompt.

    IFD = ppl(answer | prompt) / ppl(answer), ppl = exp(-log p / tokens), eos included; ppl(answer) is taken after the
    token that starts a text. Near 0, the prompt says nearly everything and there is little to learn; near 1, it helps
    little, so the model has to learn to follow it. Above 1, it misleads: such answers do not belong to their prompt,
    and the paper drops them.

    score = IFD if it is below 1, else -IFD: hard answers first, then easy ones, and those above 1 last.

    It uses only the chosen answer, so demonstrations have a score too. Lone thumbs-downs, dialogues longer than the
    model's context, and dialogues that its chat template refuses have none, nor have answers without a token of the
    assistant. Source: Li et al. 2023, "From quantity to quality", arXiv 2308.12032 (there the ratio of mean losses; of
    perplexities as here in the follow-up, arXiv 2402.00530).
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {}}

    def judge(self, model: "Policy", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """Computes IFD."""
        ratios = np.full(len(dialogues), np.nan)
        with_answer = [i for i, one in enumerate(dialogues) if one.chosen and model.can_answer(one.prompt, one.chosen)]
        if not with_answer:
            return ratios
        tokens = all_answer_tokens(model, [(dialogues[i].prompt, dialogues[i].chosen or []) for i in with_answer])
        # If the tokenizer puts no token in front of a text, a text starts after the end of another.
        start = start_ids(model) or [int(model.tokenizer.eos_token_id)]
        after_prompt, alone, owners = [], [], []
        for at, (ids, prompt_end, *_) in enumerate(tokens):
            for begin, end in tokens[at].find_answers():
                after_prompt.append((ids[:begin], ids[begin:end]))
                alone.append(([*start, *ids[prompt_end:begin]], ids[begin:end]))
                owners.append(at)
        sums = log_likelihoods(model, [*after_prompt, *alone], self.batch_size)
        gains, n_tokens = np.zeros(len(tokens)), np.zeros(len(tokens))
        np.add.at(gains, owners, sums[len(after_prompt) :] - sums[: len(after_prompt)])
        np.add.at(n_tokens, owners, [len(answer) for _, answer in after_prompt])
        gains[n_tokens == 0] = np.nan
        ratios[with_answer] = np.exp(gains / np.maximum(1, n_tokens))
        return ratios

    def read(self, numbers: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        """IFD, or minus IFD if it is 1 or more."""
        return np.where(numbers >= 1, -numbers, numbers)
