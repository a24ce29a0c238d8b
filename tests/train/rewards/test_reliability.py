"""The test of a reward before reinforcement learning: on held-out pairs and on the policy's own answers."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core.errors import UserError
from unipref.core.records import preference_schema
from unipref.core.stats.wilson import wilson
from unipref.train.rewards import reliability
from unipref.train.rewards.probe import RewardProbe
from unipref.train.rewards.reliability import (
    DevRewards,
    HeldOutAccuracy,
    Interval,
    OnPolicy,
    compare_with_truth,
    compute_held_out_accuracy,
    read_dev_pairs,
    read_dev_prompts,
    thin,
)
from unipref.train.rewards.trl_function import WeightedSum
from unipref.train.rewards.validation import RewardValidation
from unipref.train.trainers.rloo import Rloo

NAN = math.nan


def test_wilsons_interval_worked_by_hand() -> None:
    # 8 of 10, z = 1.96: middle .8 + 3.8416/20 = .99208; half = 1.96 sqrt(.16/10 + 3.8416/400) = .31364;
    # both over 1.38416: (.49015, .94333).
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_held_out_accuracy_counts_ties_half_and_leaves_out_unscored_pairs() -> None:
    # Right, wrong, tie, and one that does not fit.
    result = compute_held_out_accuracy(np.array([2.0, 0.0, 0.5, NAN]), np.array([1.0, 1.0, 0.5, 3.0]))
    assert (result.n, result.accuracy) == (3, 0.5)
    assert compute_held_out_accuracy(np.array([]), np.array([])) == HeldOutAccuracy(0, None, 0.0, 1.0)


def rewarder(label: str, weight: float = 1.0, is_fallible: bool = True) -> Any:
    return SimpleNamespace(label=label, weight=weight, is_fallible=is_fallible)


def test_each_reward_and_the_weighted_sum_are_tested() -> None:
    # Pair one: a says 1 > 0, b says 0 < 2; pair two: a 3 > 0, b 1 < 2.
    dev = DevRewards({"a": [1.0, 0.0, 3.0, 0.0], "b": [0.0, 2.0, 1.0, 2.0]})
    accuracies = dev.compute_accuracy([rewarder("a"), rewarder("b")])
    # Sums: 1 < 2, 4 > 2.
    assert {name: one.accuracy for name, one in accuracies.items()} == {"a": 1.0, "b": 0.0, "total": 0.5}
    # With b weighing 0.25: 1 > .5, 3.25 > .5.
    assert dev.compute_accuracy([rewarder("a"), rewarder("b", 0.25)])["total"].accuracy == 1.0


def test_a_checker_is_not_tested_and_adds_nothing_to_other_prompts() -> None:
    dev = DevRewards({"a": [1.0, 0.0, 0.0, 1.0], "check": [None, None, 1.0, 0.0]})
    accuracies = dev.compute_accuracy([rewarder("a"), rewarder("check", 2.0, is_fallible=False)])
    # Pair two: 0 + 2 > 1 + 0.
    assert {name: one.accuracy for name, one in accuracies.items()} == {"a": 0.5, "total": 1.0}


def parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "held.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), path)
    return path


def test_dev_pairs_are_taken_evenly_from_a_long_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: Any) -> None:
    monkeypatch.setattr(reliability, "MAX_PAIRS", 4)
    path = parquet(tmp_path, [row(f"{i}?", "a", "b") for i in range(12)])
    # 12 rows, at most 4: every third.
    assert [prompt[0]["content"] for prompt, _ in read_dev_pairs(path)[0][::2]] == ["0?", "3?", "6?", "9?"]
    assert [text for _, text in read_dev_pairs(path)[0][:4]] == ["a", "b", "a", "b"]
    assert read_dev_pairs(tmp_path / "none.parquet") == ([], 0)


def test_dev_pairs_with_tool_calls_are_left_out_and_counted(tmp_path: Path, row: Any) -> None:
    call = {"id": None, "type": "function", "function": {"name": "sky", "arguments": "{}"}}
    calling = row("2?", "", "b")
    calling["chosen"][-1]["tool_calls"] = [call]
    path = tmp_path / "held.parquet"
    rows = [row("1?", "a", "b"), calling, row("3?", "a", None)]
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema(with_parts=True)), path)
    answers, left_out = read_dev_pairs(path)
    assert ([text for _, text in answers], left_out) == (["a", "b"], 1)
    validation = RewardValidation([], {}, None, RewardProbe([], WeightedSum([])), 8, 1.0, left_out)
    assert "1 dev pairs have an answer that is a tool call" in validation.list_warnings()[0]
    assert validation.as_record()["dev_pairs_left_out"] == {"tool_calls": 1}


def test_dev_prompts_are_distinct(tmp_path: Path, row: Any) -> None:
    rows = [row("1?", "a", "b"), row("1?", "a", "c"), row("2?", None, "b"), row("3?", "a", None)]
    assert [prompt[0]["content"] for prompt in read_dev_prompts(parquet(tmp_path, rows), 10)] == ["1?", "2?", "3?"]
    assert [prompt[0]["content"] for prompt in read_dev_prompts(parquet(tmp_path, rows), 2)] == ["1?", "3?"]
    assert thin([], 3) == []


def test_auc_and_best_of_n_worked_by_hand() -> None:
    rewards = np.array([[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 9.0], [1.0, 1.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]])
    ended = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=bool)
    right = np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [NAN, NAN, NAN, NAN]])
    figures = compare_with_truth(rewards, ended, right)
    # Prompt 1: right 3 and 1, wrong 2 and 0: 3 of 4 pairs. Prompt 2: right 0; wrong 1 and 2, the 9 never ended: 0 of 2.
    # Prompt 3: right 1; wrong 1 (tie), 0, 0: 2.5 of 3. Prompt 4 has no rule.
    assert figures["auc"].n == 3
    assert figures["auc"].value == pytest.approx((0.75 + 0 + 2.5 / 3) / 3)
    # Highest reward: right; the unfinished 9: wrong; the two that tie: half.
    assert figures["best"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert figures["right"] == pytest.approx((0.5 + 0.25 + 0.25) / 3)
    assert figures["gain"].value == pytest.approx((0.5 - 0.25 + 0.25) / 3)
    assert figures["possible"] == 1.0


def test_an_interval_is_a_bootstrap_over_prompts() -> None:
    assert Interval.of([]) == Interval(None, None, None, 0)
    assert Interval.of([0.7] * 5) == Interval(0.7, 0.7, 0.7, 5)
    interval = Interval.of([0.0] * 50 + [1.0] * 50)
    # A share of .5 of 100: standard error .05, so about .5 -+ .098.
    assert (interval.value, interval.n) == (0.5, 100)
    assert interval.low == pytest.approx(0.402, abs=0.02)
    assert interval.high == pytest.approx(0.598, abs=0.02)


def test_kendalls_tau_worked_by_hand() -> None:
    # Of the three pairs of 1, 2, 3 against 1, 3, 2: two alike, one otherwise.
    assert reliability._tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(1 / 3)


def held(accuracy: float, n: int) -> HeldOutAccuracy:
    return HeldOutAccuracy(n, accuracy, *wilson(accuracy * n, n))


def own(low: float | None, n: int = 20) -> OnPolicy:
    gain = Interval(0.1, 0.0, 0.2, n)
    auc = None if low is None else Interval(low + 0.05, low, low + 0.1, n)
    return OnPolicy(50, 4, 1.0, {"a": 1.0}, Interval(0.1, 0.0, 0.2, n), auc, 0.3, 0.4, gain, 0.8)


def results(pairs: HeldOutAccuracy, on_policy: OnPolicy | None = None, is_fallible: bool = True) -> Any:
    return SimpleNamespace(held_out={"total": pairs}, on_policy=on_policy, is_fallible=is_fallible)


def test_a_reward_no_better_than_guessing_stops_the_step_unless_told_to_warn() -> None:
    stops, warns = Rloo(), Rloo(on_weak_reward="warn")
    assert stops._warn_of_reward(results(held(0.8, 200), own(0.6))) == []
    for pairs, answers in ((held(0.52, 200), None), (held(0.2, 200), None), (held(0.8, 200), own(0.48))):
        with pytest.raises(UserError, match=r"(?s)is no better than guessing: .*on_weak_reward: warn"):
            stops._warn_of_reward(results(pairs, answers))
        (warning,) = warns._warn_of_reward(results(pairs, answers))
        assert "is no better than guessing" in warning
    assert "accuracy 0.520 on 200 dev pairs" in warns._warn_of_reward(results(held(0.52, 200)))[0]
    assert (
        "AUC 0.530 on the policy's own answers to 20 prompts"
        in warns._warn_of_reward(results(held(0.8, 200), own(0.48)))[0]
    )


def test_unknown_quality_gives_a_warning_and_does_not_stop() -> None:
    stops = Rloo()
    assert "too few dev pairs" in stops._warn_of_reward(results(held(0.6, 10)))[0]
    assert "was not tested" in stops._warn_of_reward(results(HeldOutAccuracy(0, None, 0.0, 1.0)))[0]
    # Too few prompts with right and wrong answers to tell.
    assert stops._warn_of_reward(results(held(0.8, 200), own(0.2, n=5))) == []
    assert "policy's own answers is unknown: no checker" in stops._warn_of_reward(results(held(0.8, 200), own(None)))[0]
    # Checkers are always right.
    assert stops._warn_of_reward(results(HeldOutAccuracy(0, None, 0.0, 1.0), None, is_fallible=False)) == []
