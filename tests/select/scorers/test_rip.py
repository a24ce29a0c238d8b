"""Rejecting Instruction Preferences, against the published filter worked naively."""

import numpy as np
import pytest

from support.hand_made import hand_made
from unipref.core.candidates import Dialogue
from unipref.select.candidates import read_candidates
from unipref.select.rejected_rewards import measure_rejected
from unipref.select.scorers.rip import Rip
from unipref.select.strategies.quality import Quality

N = 60


def told(words: int) -> Dialogue:
    answer = " ".join(["word"] * words)
    return Dialogue(
        [{"role": "user", "content": "Why?"}],
        [{"role": "assistant", "content": "So."}],
        [{"role": "assistant", "content": answer}],
    )


def test_a_budget_keeps_what_the_published_filter_keeps_at_one_threshold():
    """S = {x: r(rejected) >= t1, len(rejected) >= t2, gap <= t3}, each t the same quantile of its measure."""
    dice = np.random.default_rng(2)
    rewards, gaps = dice.permutation(N) / N, dice.permutation(N) / N
    lengths = dice.permutation(N) + 1
    given = hand_made(gaps, dialogues=[told(int(n)) for n in lengths], rejected_rewards=lambda: rewards)
    found = given.score(Rip())
    for threshold in (0.2, 0.35, 0.5):
        t1, t2 = np.quantile(rewards, threshold), np.quantile(lengths, threshold)
        t3 = np.quantile(gaps, 1 - threshold)
        filtered = np.flatnonzero((rewards >= t1) & (lengths >= t2) & (gaps <= t3))
        assert 0 < len(filtered) < N
        assert np.flatnonzero(found >= threshold).tolist() == filtered.tolist()
        kept = Quality(count=len(filtered), quality=[Rip()]).select(given, 0).kept
        assert kept.tolist() == filtered.tolist()


def test_measures_can_be_left_out_and_a_missing_one_leaves_no_score():
    given = hand_made(
        [0.1, 0.9, np.nan, 0.5], dialogues=[told(n) for n in (1, 2, 3, 4)], rejected_rewards=lambda: np.arange(4.0)
    )
    assert given.score(Rip(measures=("length",))) == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8])
    # Gaps of three: narrow to wide 0.1, 0.5, 0.9 have percentiles 5/6, 3/6, 1/6.
    assert given.score(Rip()) == pytest.approx([1 / 8, 1 / 6, np.nan, 3 / 6], nan_ok=True)
    assert np.isnan(hand_made([0.5, 0.4], dialogues=[told(1), told(2)]).score(Rip())).all()
    assert Rip().models("org/study") == []


def test_the_score_of_the_rejected_answer_follows_the_direction_of_the_axis(make, write, tmp_path):
    """On `help`, high is better in three of four (the last was turned round); on `faults`, low is better."""
    rows = [
        make("one", 0.1, axis="help", chosen_score=5.0, rejected_score=1.0),
        make("two", 0.2, axis="help", chosen_score=9.0, rejected_score=3.0),
        make("three", 0.3, axis="help", chosen_score=4.0, rejected_score=2.0),
        make("turned", 0.4, axis="help", chosen_score=0.0, rejected_score=8.0),
        make("low", 0.5, axis="faults", chosen_score=0.0, rejected_score=7.0),
        make("low too", 0.6, axis="faults", chosen_score=1.0, rejected_score=2.0),
        make("none", None),
        make("other source", 0.5, "b", axis="help", chosen_score=2.0, rejected_score=1.0),
    ]
    expected = [1 / 8, 5 / 8, 3 / 8, 7 / 8, 1 / 4, 3 / 4, np.nan, 1 / 2]
    path = write(rows)
    for rows_at_once in (1, 3, 100):
        assert measure_rejected(path, rows_at_once) == pytest.approx(expected, nan_ok=True)
    read = read_candidates(path, tmp_path, 4)
    some = np.array([True, False, False, True, True, False, True, False])
    assert read.rejected_rewards is not None
    assert read.subset(some).rejected_rewards() == pytest.approx([1 / 8, 7 / 8, 1 / 4, np.nan], nan_ok=True)


def test_with_a_reward_model_its_rewards_count(tmp_path, tiny_model):
    import torch

    from unipref.models.inference import rewards
    from unipref.models.loading import load_model, load_policy, load_reward_model

    torch.manual_seed(1)
    load_model(str(tiny_model), "reward").save_pretrained(tmp_path / "reward")
    load_policy(str(tiny_model)).tokenizer.save_pretrained(tmp_path / "reward")
    name = str(tmp_path / "reward")
    pairs = [told(n) for n in (1, 4, 9)]
    model = load_reward_model(name)
    chosen, rejected = (
        rewards(model, [[*pair.prompt, *(side(pair) or [])] for pair in pairs])
        for side in (lambda pair: pair.chosen, lambda pair: pair.rejected)
    )

    def percentile(values):
        return [(sum(other < value for other in values) + 0.5) / 3 for value in values]

    expected = np.minimum(percentile(list(rejected)), percentile(list(rejected - chosen)))
    given = hand_made([0.5] * 3, dialogues=pairs)
    assert given.score(Rip(model=name, measures=("reward", "gap"))) == pytest.approx(expected)
    assert Rip(model=name).models(None) == [name]
