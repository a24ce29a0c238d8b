"""The rewards as TRL calls them: one function per reward, each logged under its own name.

A reward model is trained on whole dialogues that end in eos, so it has to score such dialogues. TRL's own scoring of a
reward model leaves out eos if prompts are plain text: the same model fell from 0.78 to 0.60 accuracy. Here the reward
of an answer is `inference.rewards` of the dialogue, the same number that the evaluation sees.
"""

import math
from collections.abc import Collection
from typing import Any

from unipref.core.records import Messages
from unipref.train.rewards.scorers import Rewarder


class RewardFunction:
    """A TRL reward function: a rewarder's score for an answer that ended, a fixed reward for other answers.

    Args:
        rewarder: scores prompts and finished answers.
        unterminated: the reward of an answer that never ends, is empty or does not fit in the rewarder's context: no
            reward model has seen such a dialogue in training, so its score would mean nothing.
    """

    def __init__(self, rewarder: Rewarder, unterminated: float) -> None:
        self.rewarder, self.unterminated = rewarder, unterminated
        self.__name__ = rewarder.label
        self.end_ids: Collection[int] = ()
        """Token ids that end an answer; the policy may have more than one."""
        self.n_answers = self.n_unjudged = self.n_without_reward = 0
        """Answers so far, those of them with the fixed reward, and those without a reward."""

    def __call__(
        self, prompts: list[Messages], completions: list[Messages], completion_ids: list[list[int]], **_: Any
    ) -> list[float | None]:
        """Scores n answers; `completion_ids` end with the token that ended the answer, if any."""
        texts = [completion[-1]["content"] for completion in completions]
        ended = [bool(ids) and ids[-1] in self.end_ids for ids in completion_ids]
        rewards, n_unjudged = self._score_and_count(list(zip(prompts, texts, ended, strict=True)))
        self.n_answers += len(rewards)
        self.n_unjudged += n_unjudged
        self.n_without_reward += sum(reward is None for reward in rewards)
        return rewards

    def score(self, answers: list[tuple[Messages, str, bool]]) -> list[float | None]:
        """Scores each answer: prompt, text, whether it ended. None: the rewarder cannot score it."""
        return self._score_and_count(answers)[0]

    def _score_and_count(self, answers: list[tuple[Messages, str, bool]]) -> tuple[list[float | None], int]:
        """The rewards, and how many of them are the fixed one."""
        finished = [bool(end and text.strip()) for _, text, end in answers]
        to_score = [(prompt, text.strip()) for (prompt, text, _), end in zip(answers, finished, strict=True) if end]
        scores = iter(self.rewarder.score(to_score))
        rewards: list[float | None] = []
        n_unjudged = 0
        for (prompt, _, _), end in zip(answers, finished, strict=True):
            score = next(scores) if end else (math.nan if self.rewarder.can_score(prompt) else None)
            is_fixed = score is not None and math.isnan(score)
            n_unjudged += is_fixed
            rewards.append(self.unterminated if is_fixed else score)
        return rewards, n_unjudged

    @property
    def unjudged_share(self) -> float:
        """Share of the answers that got the fixed reward."""
        return self.n_unjudged / max(1, self.n_answers)

    @property
    def without_reward_share(self) -> float:
        """Share of the answers that got no reward."""
        return self.n_without_reward / max(1, self.n_answers)


class WeightedSum:
    """The weighted sum of several rewards, as TRL computes it.

    Args:
        functions: the rewards.
    """

    def __init__(self, functions: list[RewardFunction]) -> None:
        self.functions = functions

    def score_parts(self, answers: list[tuple[Messages, str, bool]]) -> dict[str, list[float | None]]:
        """Scores each answer with each reward, by the reward's name."""
        return {function.__name__: function.score(answers) for function in self.functions}

    def sum_parts(self, parts: dict[str, list[float | None]]) -> list[float]:
        """Sums the rewards of each answer; NaN if no reward can score it."""
        weights = [function.rewarder.weight for function in self.functions]
        sums = []
        for row in zip(*parts.values(), strict=True):
            values = [weight * value for weight, value in zip(weights, row, strict=True) if value is not None]
            sums.append(sum(values) if values else math.nan)
        return sums
