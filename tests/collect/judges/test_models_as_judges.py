"""Reward models and likelihoods as judges."""

from pathlib import Path

import numpy as np
import pytest

from unipref.collect import scoring
from unipref.collect.judges.likelihood import Likelihood
from unipref.collect.judges.reward_model import RewardModel
from unipref.core.contracts import JudgeJob, PairToJudge
from unipref.core.records import Message
from unipref.models import inference, loading

PROMPT = [Message(role="user", content="Where is the nurse?")]
TEXTS = ["The nurse was late.", "qqqq zzzz", "The engineer called the nurse because she was late."]
PAIRS = [PairToJudge(f"{a}{b}", PROMPT, TEXTS[a], TEXTS[b]) for a, b in ((0, 1), (1, 2), (0, 2))]
TOO_LONG = PairToJudge("long", PROMPT, "word " * 400, "short")


def test_the_likelihood_orders_answers_by_their_mean_log_probability(tiny_model: Path) -> None:
    judge = Likelihood(model=str(tiny_model))
    opinions = [each[0] for each in judge.judge([*PAIRS, TOO_LONG], JudgeJob(Path(), Path()))]
    policy = loading.load_policy(str(tiny_model), "float32")
    sums, tokens = inference.answer_log_likelihoods(
        policy, [(PROMPT, [Message(role="assistant", content=t)]) for t in TEXTS]
    )
    expected = sums / tokens
    for pair, opinion in zip(PAIRS, opinions, strict=False):
        first, second = (expected[TEXTS.index(side)] for side in (pair.first, pair.second))
        assert opinion.scores == pytest.approx((first, second), abs=1e-4)
        assert opinion.vote == ("first" if first > second else "second")
    assert opinions[3].vote is None
    assert opinions[3].why_not is not None


def test_a_model_compared_with_itself_ties(tiny_model: Path) -> None:
    judge = Likelihood(model=str(tiny_model), reference=str(tiny_model), tie_within=1e-6)
    assert [each[0].vote for each in judge.judge(PAIRS, JudgeJob(Path(), Path()))] == ["tie"] * 3


def test_a_reward_model_orders_answers_by_its_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.collect.judges.reward_model.load_reward_model", lambda name: name)
    monkeypatch.setattr(
        inference, "rewards", lambda model, dialogues: np.array([len(d[-1]["content"]) for d in dialogues], dtype=float)
    )
    judge = RewardModel(model="m")
    assert [each[0].vote for each in judge.judge(PAIRS, JudgeJob(Path(), Path()))] == ["first", "second", "second"]


def test_models_are_loaded_once_and_freed(tiny_model: Path) -> None:
    scoring.unload_models()
    first = scoring.load_policy(str(tiny_model))
    assert scoring.load_policy(str(tiny_model)) is first
    scoring.unload_models()
    assert scoring.load_policy(str(tiny_model)) is not first
    scoring.unload_models()
