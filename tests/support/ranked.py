"""A reward model whose rewards follow a rule, and judges of rules: for benchmarks whose figures are then known."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from unipref.core.chat_models import RewardModel
from unipref.core.contracts import AnswerJudge, Judge, JudgeJob, Opinion, PairToJudge, Vote
from unipref.core.records import Messages

Rule = Callable[[str, str], float]
"""Prompt and answer -> the value of the answer."""


def fake_reward_model() -> RewardModel:
    return RewardModel(model=None, tokenizer=None, name="fake", own_template=True, context=100_000)  # type: ignore[arg-type]


def reward_by(monkeypatch: pytest.MonkeyPatch, rule: Rule) -> None:
    """Makes benchmarks of answers hear rewards from this rule."""

    def rewards(model: RewardModel, dialogues: Sequence[Messages], batch_size: int = 32) -> np.ndarray:
        return np.array([rule(one[0]["content"], one[-1]["content"]) for one in dialogues])

    monkeypatch.setattr("unipref.evaluate.ranked_answers.rewards", rewards)


def log_p_by(monkeypatch: pytest.MonkeyPatch, rule: Rule) -> None:
    """Makes benchmarks of answers hear log-likelihoods from this rule, one token per letter and one for the end."""

    def log_likelihoods(policy: Any, pairs: Sequence[Any], batch_size: int = 32) -> tuple[np.ndarray, np.ndarray]:
        texts = [(prompt[0]["content"], answer[0]["content"]) for prompt, answer in pairs]
        return np.array([rule(*one) for one in texts]), np.array([len(answer) + 1 for _, answer in texts])

    monkeypatch.setattr("unipref.evaluate.ranked_answers.answer_log_likelihoods", log_likelihoods)


Votes = Callable[[PairToJudge], Opinion]


def judge_by(votes: Votes) -> tuple[AnswerJudge, list[PairToJudge]]:
    """A judge of a rule, and the pairs that it is asked about."""
    asked: list[PairToJudge] = []

    def judge_pairs(pairs: Sequence[PairToJudge]) -> list[list[Opinion]]:
        asked.extend(pairs)
        return [[votes(pair)] for pair in pairs]

    return AnswerJudge("rule", judge_pairs), asked


def vote(first: float, second: float) -> Vote:
    return "tie" if first == second else "first" if first > second else "second"


class FirstJudge(Judge):
    """Prefers what it is shown first, unless the other answer is called best; notes what it is asked."""

    chunk: ClassVar[int] = 1
    asked: ClassVar[list[str]] = []

    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        for pair in pairs:
            self.asked.append(pair.key)
            yield [Opinion("second" if "best" in pair.second else "first")]
