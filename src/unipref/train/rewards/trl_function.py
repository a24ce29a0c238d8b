"""The rewards as TRL asks for them: one function per reward, each logged under its own name.

A reward model is trained on whole dialogues that end in eos, so it has to be asked for those. TRL's own scoring of a
reward model leaves eos out where prompts are plain text: the same model fell from 0.78 to 0.60 accuracy. Here the
reward of an answer is `inference.rewards` of the dialogue, the very number that the evaluation sees.
"""

import math
from collections.abc import Collection
from typing import Any

from unipref.core.records import Messages
from unipref.train.rewards.scorers import Rewarder


class RewardFunction:
    """A TRL reward function: what a rewarder says of the answers that ended, and a fixed reward for the others.

    Args:
        rewarder: asked about prompts and finished answers.
        unterminated: the reward of an answer that never ends, is empty or does not fit in the judge's context: no
            judge has ever seen such a dialogue, so what it says of one means nothing.
    """

    def __init__(self, rewarder: Rewarder, unterminated: float) -> None:
        self.rewarder, self.unterminated = rewarder, unterminated
        self.__name__ = rewarder.label
        self.end_ids: Collection[int] = ()
        """Token ids that end an answer; the policy may have more than one."""
        self.asked = self.unjudged = self.silent = 0
        """Answers so far, those of them that got the fixed reward, and those that got none."""

    def __call__(
        self, prompts: list[Messages], completions: list[Messages], completion_ids: list[list[int]], **_: Any
    ) -> list[float | None]:
        """The rewards of n answers; `completion_ids` end with the token that ended the answer, if any did."""
        texts = [completion[-1]["content"] for completion in completions]
        ended = [bool(ids) and ids[-1] in self.end_ids for ids in completion_ids]
        found, unjudged = self._judged(list(zip(prompts, texts, ended, strict=True)))
        self.asked += len(found)
        self.unjudged += unjudged
        self.silent += sum(reward is None for reward in found)
        return found

    def of(self, answers: list[tuple[Messages, str, bool]]) -> list[float | None]:
        """The reward of each answer: prompt, text, whether it ended. None: the rewarder has nothing to say of it."""
        return self._judged(answers)[0]

    def _judged(self, answers: list[tuple[Messages, str, bool]]) -> tuple[list[float | None], int]:
        """The rewards, and how many of them are the fixed one."""
        finished = [bool(end and text.strip()) for _, text, end in answers]
        asked = [(prompt, text.strip()) for (prompt, text, _), end in zip(answers, finished, strict=True) if end]
        scores = iter(self.rewarder.scores(asked))
        found: list[float | None] = []
        unjudged = 0
        for (prompt, _, _), end in zip(answers, finished, strict=True):
            score = next(scores) if end else (math.nan if self.rewarder.knows(prompt) else None)
            fixed = score is not None and math.isnan(score)
            unjudged += fixed
            found.append(self.unterminated if fixed else score)
        return found, unjudged

    @property
    def unjudged_share(self) -> float:
        """Share of the answers that the rewarder could not be asked about."""
        return self.unjudged / max(1, self.asked)

    @property
    def silent_share(self) -> float:
        """Share of the answers that the rewarder had nothing to say of."""
        return self.silent / max(1, self.asked)


class Total:
    """The weighted sum of several rewards, as TRL makes it.

    Args:
        functions: the rewards.
    """

    def __init__(self, functions: list[RewardFunction]) -> None:
        self.functions = functions

    def parts(self, answers: list[tuple[Messages, str, bool]]) -> dict[str, list[float | None]]:
        """Each reward of each answer, by the reward's name."""
        return {function.__name__: function.of(answers) for function in self.functions}

    def sums(self, parts: dict[str, list[float | None]]) -> list[float]:
        """The sum for each answer; NaN where no reward has anything to say."""
        weights = [function.rewarder.weight for function in self.functions]
        sums = []
        for row in zip(*parts.values(), strict=True):
            known = [weight * value for weight, value in zip(weights, row, strict=True) if value is not None]
            sums.append(sum(known) if known else math.nan)
        return sums
