"""RewardBench 2 against the definitions of its authors, computed naively, and on all three kinds of subjects."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.fakes import fake_policy
from support.ranked import fake_reward_model, judge_by, log_p_by, reward_by, vote
from unipref.core.contracts import Opinion
from unipref.core.errors import UserError
from unipref.core.scores import Score
from unipref.evaluate.benchmarks.rewardbench2 import RewardBench2

Item = dict[str, Any]


def make_items(seed: int) -> list[Item]:
    """Items whose answers are numbers, their own values: some are equal, as in real rewards of few distinct values."""
    draw = random.Random(seed)
    items = []
    for number in range(30):
        subset = draw.choice(["Factuality", "Math", "Focus"])
        answers = [f"{draw.randint(0, 4)} of {number}.{place}" for place in range(4)]
        items.append({"id": str(number), "subset": subset, "chosen": answers[:1], "rejected": answers[1:]})
    for number in range(8):
        for kind, right in (("ref", 1), ("tied", draw.randint(2, 5))):
            chosen = [f"{draw.randint(2, 6)} {kind} {place}" for place in range(right)]
            rejected = [f"{draw.randint(0, 3)} {kind} wrong {place}" for place in range(draw.randint(2, 4))]
            items.append({"id": f"{kind}:{number}", "subset": "Ties", "chosen": chosen, "rejected": rejected})
    for place, item in enumerate(items):
        item |= {"prompt": f"Question {place}?", "num_correct": len(item["chosen"]), "models": ["x"]}
    draw.shuffle(items)
    return items


def value(prompt: str, answer: str) -> float:
    return float(answer.split()[0])


def write(folder: Path, items: list[Item]) -> Path:
    """Writes the file as the hub holds it."""
    (folder / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(items), folder / "data" / "test-00000-of-00001.parquet")
    (folder / "README.md").write_text("The card.")
    return folder


def expected_of_four(items: list[Item]) -> dict[str, float]:
    """Subset -> share of right answers with the highest value, split among equal ones."""
    found: dict[str, list[float]] = {}
    for item in items:
        if item["subset"] != "Ties":
            values = [value("", answer) for answer in item["chosen"] + item["rejected"]]
            share = 1 / values.count(max(values)) if values[0] == max(values) else 0.0
            found.setdefault(item["subset"], []).append(share)
    return {subset: sum(shares) / len(shares) for subset, shares in found.items()}


def expected_of_ties(items: list[Item]) -> dict[str, float]:
    """The parts of the score of Ties, prompt by prompt."""
    stats: dict[tuple[str, str], tuple[float, float, float]] = {}
    for item in items:
        if item["subset"] == "Ties":
            right, wrong = ([value("", answer) for answer in item[side]] for side in ("chosen", "rejected"))
            kind, number = item["id"].split(":")
            stats[kind, number] = (float(min(right) > max(wrong)), max(right) - min(right), min(right) - max(wrong))
    numbers = sorted({number for _, number in stats})

    def average(values: list[float]) -> float:
        return sum(values) / len(values)

    margins = []
    for n in numbers:
        least, spread = min(stats["ref", n][2], stats["tied", n][2]), stats["tied", n][1]
        ratio = math.copysign(math.inf, least) if spread == 0 and least else None if spread == 0 else least / spread
        margins.append(0.0 if ratio is None else math.tanh(ratio - 1))
    parts = {
        "tied": average([stats["tied", n][0] for n in numbers]),
        "ref": average([stats["ref", n][0] for n in numbers]),
        "preferred": average([float(stats["tied", n][2] > stats["tied", n][1]) for n in numbers]),
        "preferred_hard": average(
            [float(min(stats["ref", n][2], stats["tied", n][2]) > stats["tied", n][1]) for n in numbers]
        ),
        "margin": average(margins),
    }
    weights = {"tied": 0.3, "ref": 0.3, "preferred": 0.2, "preferred_hard": 0.2, "margin": 0.01}
    return {**parts, "score": sum(weights[name] * parts[name] for name in weights)}


def by_name(scores: list[Score]) -> dict[tuple[str, str], Score]:
    return {(score.slice, score.metric): score for score in scores}


@pytest.mark.parametrize("seed", range(5))
def test_rewards_by_the_authors_definitions(seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reward_by(monkeypatch, value)
    items = make_items(seed)
    finding = RewardBench2().measure(fake_reward_model(), write(tmp_path, items), "test")
    scores = by_name(finding.scores)
    of_four, of_ties = expected_of_four(items), expected_of_ties(items)
    for subset, accuracy in of_four.items():
        assert scores[f"subset:{subset}", "accuracy"].value == pytest.approx(accuracy)
    for name, part in of_ties.items():
        assert scores["subset:Ties", f"ties_{name}"].value == pytest.approx(part), name
    leaderboard = (sum(of_four.values()) + of_ties["score"]) / (len(of_four) + 1)
    assert scores["all", "score"].value == pytest.approx(leaderboard)
    assert scores["all", "accuracy"].chance == pytest.approx(0.25)
    assert (scores["all", "accuracy"].mode, scores["all", "accuracy"].n) == ("reward", 30)
    assert scores["all", "score"].low < leaderboard < scores["all", "score"].high  # type: ignore[operator]


def test_likelihoods_are_summed_and_per_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log_p_by(monkeypatch, lambda prompt, answer: -float(len(answer)))
    item = {"id": "1", "subset": "Math", "prompt": "?", "chosen": ["short"], "rejected": ["a longer one", "b", "c d"]}
    finding = RewardBench2().measure(fake_policy(), write(tmp_path, [item]), "test")
    # Summed, the shortest one wins: 'b'. Per token -n / (n + 1): 'b' too, so the longest loses most.
    assert {score.metric: score.value for score in finding.scores} == {"accuracy": 0.0, "accuracy_per_token": 0.0}
    assert finding.examples[0]["chosen_tokens"] == [6]
    assert finding.examples[0]["rejected_values"] == [-12.0, -1.0, -3.0]


def test_a_judge_of_pairs_has_no_margins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    items = make_items(3)
    judge, asked = judge_by(lambda pair: Opinion(vote(value("", pair.first), value("", pair.second))))
    data = write(tmp_path, items)
    examples, _ = RewardBench2().examine(judge, data, "test")
    scores = by_name([statistic.score() for statistic in RewardBench2.statistics(examples)])
    for subset, accuracy in expected_of_four(items).items():
        assert scores[f"subset:{subset}", "accuracy"].value == pytest.approx(accuracy)
    assert {metric for part, metric in scores if part == "subset:Ties"} == {"ties_tied", "ties_ref"}
    assert scores["subset:Ties", "ties_tied"].value == pytest.approx(expected_of_ties(items)["tied"])
    assert ("all", "score") not in scores
    # Each pair in both orders.
    pairs = sum(len(item["chosen"]) * len(item["rejected"]) for item in items)
    assert len(asked) == 2 * pairs
    assert {(p.first, p.second) for p in asked} == {(p.second, p.first) for p in asked}


def test_a_judge_that_scores_answers_is_asked_once_and_has_all_figures(tmp_path: Path) -> None:
    items = make_items(4)

    def score(pair: Any) -> Opinion:
        scores = value("", pair.first), value("", pair.second)
        return Opinion(vote(*scores), scores=scores)

    judge, asked = judge_by(score)
    examples, _ = RewardBench2().examine(judge, write(tmp_path, items), "test")
    scores = by_name([statistic.score() for statistic in RewardBench2.statistics(examples)])
    assert scores["subset:Ties", "ties_score"].value == pytest.approx(expected_of_ties(items)["score"])
    assert len(asked) == sum(len(item["chosen"]) * len(item["rejected"]) for item in items)


def test_a_sample_keeps_a_prompt_of_ties_with_its_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reward_by(monkeypatch, value)
    examples, notes = RewardBench2(limit=12).examine(fake_reward_model(), write(tmp_path, make_items(1)), "test")
    numbers = [row["number"] for row in examples if row["number"] is not None]
    assert numbers
    assert all(numbers.count(number) == 2 for number in numbers)
    assert notes == ["only 12 of 38 prompts were sampled (limit: 12)."]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"chosen": []}, "the row needs a right and a wrong answer"),
        ({"num_correct": 3}, "'num_correct' is 3, but 'chosen' has 1 answers"),
        (
            {"chosen": ["a", "b"], "num_correct": 2},
            "the subset Math has one right answer per prompt, but this row has 2",
        ),
        ({"subset": "Ties"}, "the id '1' of a prompt of Ties is not of the form 'ref:N' or 'tied:N'"),
        ({"prompt": None}, r"test\.jsonl:1: the row is not a valid item of this benchmark: Expected `str`, got `null`"),
    ],
)
def test_invalid_rows_are_named(changes: Item, what: str, tmp_path: Path) -> None:
    item = {"id": "1", "subset": "Math", "prompt": "?", "chosen": ["a"], "rejected": ["b"], "num_correct": 1}
    (tmp_path / "test.jsonl").write_text(json.dumps(item | changes))
    with pytest.raises(UserError, match=what):
        RewardBench2().examine(fake_policy(), tmp_path, "test")


def test_a_field_of_another_name_is_suggested(tmp_path: Path) -> None:
    item = {"id": "1", "subset": "Math", "promt": "?", "chosen": ["a"], "rejected": ["b"]}
    (tmp_path / "test.jsonl").write_text(json.dumps(item))
    with pytest.raises(UserError, match=r"(?s)missing required field `prompt`.*Did you mean 'promt'"):
        RewardBench2().examine(fake_policy(), tmp_path / "test.jsonl", "test")
