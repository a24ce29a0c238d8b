"""Preference accuracy on a file of hand-made preferences."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.core.records import Messages, Preference, preference_schema
from unipref.core.stats.chance import is_guessing
from unipref.evaluate.benchmarks.preference_accuracy import PreferenceAccuracy
from unipref.models.inference import answer_log_likelihoods, rewards
from unipref.models.loading import load_model, load_policy, load_reward_model


def assistant(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]


def preference(name: str, chosen: str | None, rejected: str | None, source: str, objective: str) -> Preference:
    return Preference(
        id=name,
        prompt=[{"role": "user", "content": "The nurse?"}],
        chosen=None if chosen is None else assistant(chosen),
        rejected=None if rejected is None else assistant(rejected),
        source=source,
        kind="pairs",
        objective=objective,
        licence="",
        axis=None,
        chosen_score=None,
        rejected_score=None,
        axes=[],
        margin=None,
        margin_percentile=None,
        n_annotators=None,
        confidence=None,
        n_judgements=1,
        n_responses=2,
        group=name,
        origin=[],
        extra="{}",
    )


PREFERENCES = [
    preference("a", "late", "the engineer was late", "oasst", "instruction"),
    preference("b", "she was late", "late", "oasst", "bias"),
    preference("c", "late", None, "alpaca", "instruction"),
    preference("d", "zq" * 150, "late", "hh", "instruction"),
    preference("e", "he", "she", "hh", "instruction"),
]


def write(path: Path, preferences: list[Preference]) -> Path:
    rows = [msgspec.to_builtins(preference) for preference in preferences]
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), path)
    return path


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(str(tiny_model))


@pytest.fixture(scope="module")
def reward_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    folder = tmp_path_factory.mktemp("reward")
    torch.manual_seed(2)
    load_model(str(tiny_model), "reward").save_pretrained(folder)
    load_policy(str(tiny_model)).tokenizer.save_pretrained(folder)
    return load_reward_model(str(folder))


def test_policy_ranks_by_sum_and_per_token(policy: Policy, tmp_path: Path) -> None:
    finding = PreferenceAccuracy(batch_size=2).measure(policy, write(tmp_path / "p.parquet", PREFERENCES), "test")
    assert [row["id"] for row in finding.examples] == ["a", "b", "e"]
    assert finding.notes == [
        "1 of 5 preferences skipped: they have only one side.",
        "1 of 5 preferences skipped: longer than the model's context of 256 tokens.",
    ]
    wins, wins_per_token = [], []
    for used in (PREFERENCES[0], PREFERENCES[1], PREFERENCES[4]):
        assert used.chosen is not None
        assert used.rejected is not None
        sums, tokens = answer_log_likelihoods(policy, [(used.prompt, used.chosen), (used.prompt, used.rejected)])
        wins.append(float(sums[0] > sums[1]))
        wins_per_token.append(float(sums[0] / tokens[0] > sums[1] / tokens[1]))
    scores = {(score.slice, score.metric): score for score in finding.scores}
    assert scores["all", "accuracy"].value == pytest.approx(sum(wins) / 3)
    assert scores["all", "accuracy_per_token"].value == pytest.approx(sum(wins_per_token) / 3)
    assert scores["source:oasst", "accuracy"].value == pytest.approx(sum(wins[:2]) / 2)
    assert scores["objective:instruction", "accuracy"].value == pytest.approx((wins[0] + wins[2]) / 2)
    assert {name for name, _ in scores} == {
        "all",
        "source:hh",
        "source:oasst",
        "objective:bias",
        "objective:instruction",
    }
    kinds = {s.metric: (s.chance, s.direction, s.ideal, s.mode) for s in finding.scores}
    skill = (0.5, "higher", 1.0, "likelihood")
    length = (None, "ideal", 0.5, "likelihood")
    assert kinds == {
        "accuracy": skill, "accuracy_per_token": skill, "ties": (None, "lower", 0.0, "likelihood"),
        "shorter_preferred": length, "shorter_preferred_per_token": length, "shorter_is_chosen": length,
    }  # fmt: skip


def test_the_longer_answer_is_less_likely_as_a_whole(policy: Policy, tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", [preference("a", "late", "late and late and late and late", "s", "o")])
    finding = PreferenceAccuracy().measure(policy, path, "test")
    assert finding.scores[0].value == 1.0
    assert finding.examples[0]["chosen_tokens"] < finding.examples[0]["rejected_tokens"]


def test_swapping_the_sides_turns_the_accuracy_round(policy: Policy, tmp_path: Path) -> None:
    there = [preference(str(i), "w" * i, "The nurse" + " v" * (i % 3), "s", "o") for i in range(1, 8)]
    back = [msgspec.structs.replace(p, chosen=p.rejected, rejected=p.chosen) for p in there]
    one, two = (
        PreferenceAccuracy().measure(policy, write(tmp_path / f"{i}.parquet", rows), "test").scores
        for i, rows in enumerate((there, back))
    )
    for a, b in zip(one, two, strict=True):
        is_same = a.metric == "ties" or a.metric.startswith("shorter_preferred")
        assert a.value == pytest.approx(b.value if is_same else 1 - b.value)


def test_reward_model_ranks_by_reward(reward_model: RewardModel, tmp_path: Path) -> None:
    finding = PreferenceAccuracy().measure(reward_model, write(tmp_path / "p.parquet", PREFERENCES), "dev")
    assert [row["id"] for row in finding.examples] == ["a", "b", "e"]
    first = PREFERENCES[0]
    expected = rewards(reward_model, [[*first.prompt, *(side or [])] for side in (first.chosen, first.rejected)])
    assert finding.examples[0]["chosen_value"] == pytest.approx(expected[0], rel=1e-4)
    assert finding.examples[0]["rejected_value"] == pytest.approx(expected[1], rel=1e-4)
    wins = [row["chosen_value"] > row["rejected_value"] for row in finding.examples]
    overall = finding.scores[0]
    assert (overall.metric, overall.mode, overall.split, overall.n) == ("accuracy", "reward", "dev", 3)
    assert overall.value == pytest.approx(sum(wins) / 3)
    assert {score.metric for score in finding.scores} == {"accuracy", "ties"}


def test_ties_count_half() -> None:
    def row(name: str, chosen: float, rejected: float, tokens: tuple[int, int]) -> dict[str, Any]:
        return {
            "id": name, "mode": "likelihood", "split": "test", "source": "s", "objective": "o",
            "chosen_value": chosen, "rejected_value": rejected,
            "chosen_tokens": tokens[0], "rejected_tokens": tokens[1],
        }  # fmt: skip

    rows = [
        row("a", -4.0, -4.0, (2, 4)),
        row("b", -2.0, -8.0, (1, 4)),
        row("c", -3.0, -1.0, (3, 1)),
        row("d", -9.0, -1.0, (9, 1)),
    ]
    scores = [statistic.score() for statistic in PreferenceAccuracy.statistics(rows)]
    # Sums: tie, win, loss, loss. Per token: -2 < -1 loss, -2 = -2 tie, -1 = -1 tie, tie.
    assert [score.value for score in scores[:2]] == [1.5 / 4, 1.5 / 4]
    assert (scores[2].metric, scores[2].value, scores[2].n) == ("ties", 0.25, 4)


def test_a_constant_reward_model_is_at_chance_and_all_ties(reward_model: RewardModel, tmp_path: Path) -> None:
    constant = copy.deepcopy(reward_model)
    with torch.no_grad():
        for parameter in constant.model.parameters():
            parameter.zero_()
    finding = PreferenceAccuracy().measure(constant, write(tmp_path / "p.parquet", PREFERENCES), "test")
    scores = {score.metric: score.value for score in finding.scores if score.slice == "all"}
    assert scores == {"accuracy": 0.5, "ties": 1.0}
    assert is_guessing(finding.scores)


def test_an_empty_answer_without_an_end_is_no_error() -> None:
    row = {
        "id": "a", "mode": "likelihood", "split": "test", "source": "s", "objective": "o",
        "chosen_value": 0.0, "rejected_value": -4.0, "chosen_tokens": 0, "rejected_tokens": 2,
    }  # fmt: skip
    assert [statistic.score().value for statistic in PreferenceAccuracy.statistics([row])][:3] == [1.0, 1.0, 0.0]


def test_the_table_gives_the_scores_again(policy: Policy, tmp_path: Path) -> None:
    finding = PreferenceAccuracy().measure(policy, write(tmp_path / "p.parquet", PREFERENCES), "test")
    table = json.loads(json.dumps(finding.examples))
    assert [statistic.score() for statistic in PreferenceAccuracy.statistics(table)] == finding.scores


def test_limit_spreads_over_the_file(policy: Policy, tmp_path: Path) -> None:
    rows = [preference(str(i), "late", "he", "s", "o") for i in range(9)]
    finding = PreferenceAccuracy(limit=3, batch_size=1).measure(policy, write(tmp_path / "p.parquet", rows), "test")
    assert [row["id"] for row in finding.examples] == ["0", "4", "8"]
    assert finding.notes == ["only 3 of 9 preferences were sampled (limit: 3)."]


def test_no_usable_preference_gives_no_score(policy: Policy, tmp_path: Path) -> None:
    finding = PreferenceAccuracy().measure(policy, write(tmp_path / "p.parquet", PREFERENCES[2:4]), "test")
    assert finding.scores == []
    assert len(finding.notes) == 2


def test_a_file_of_something_else_is_reported(policy: Policy, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    path.write_text("not parquet")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        PreferenceAccuracy().measure(policy, path, "test")
    pq.write_table(pa.table({"id": ["a"], "prompt": ["x"]}), path)
    with pytest.raises(UserError, match="the file has no column chosen, rejected, source, objective"):
        PreferenceAccuracy().measure(policy, path, "test")


def test_a_later_user_turn_is_not_scored_and_counted_in_a_note(policy: Policy, tmp_path: Path) -> None:
    """The same answers with another text of the user in between have as many scored tokens."""
    short, long = preference("a", "late", "he", "s", "bias"), preference("b", "late", "he", "s", "bias")
    for one, text in ((short, "So?"), (long, "So the engineer was late?")):
        one.chosen = [*assistant("late"), {"role": "user", "content": text}, *assistant("she")]
    path = write(tmp_path / "test.parquet", [short, long, preference("c", "late", "he", "s", "bias")])
    examples, notes = PreferenceAccuracy().examine(policy, path, "test")
    first, second, plain = (example["chosen_tokens"] for example in examples)
    assert first == second > plain
    assert [note for note in notes if "user turn" in note] == [
        "2 of 3 preferences have a later user turn in an answer: it is not scored, only what the assistant wrote."
    ]
