"""JudgeBench against the authors' counts of a judge's decisions in both orders, and on models."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from support.fakes import fake_policy
from support.ranked import fake_reward_model, judge_by, log_p_by, reward_by, vote
from unipref.core.contracts import Opinion, PairToJudge, Vote
from unipref.core.errors import UserError
from unipref.evaluate.benchmarks.judgebench import JudgeBench

VOTES: tuple[Vote | None, ...] = ("first", "second", "tie", None)
SOURCES = ("mmlu-pro-law", "livebench-reasoning", "livebench-math", "livecodebench", "mmlu-pro-law")


def write(folder: Path, labels: str = "") -> Path:
    """One pair for each way to vote in both orders; of every second one, B is the right answer."""
    rows = []
    for number, (first, last) in enumerate(itertools.product(VOTES, VOTES)):
        right, wrong = f"right {number} {first}", f"wrong {number} {last}"
        is_first = number % 2 == 0
        rows.append(
            {
                "pair_id": f"p{number}",
                "original_id": number // 2,
                "source": SOURCES[number % 5],
                "question": f"Question {number // 2}?",
                "response_model": ("gpt-4o", "claude")[number % 2],
                "response_A": right if is_first else wrong,
                "response_B": wrong if is_first else right,
                "label": "A>B" if is_first else "B>A",
            }
        )
    folder.mkdir(exist_ok=True)
    (folder / "gpt.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def decide(pair: PairToJudge) -> Opinion:
    """Votes as the texts say: of the order in which the right answer comes first, and of the other one."""
    is_right_first = pair.first.startswith("right")
    right, wrong = (pair.first, pair.second) if is_right_first else (pair.second, pair.first)
    return Opinion({"None": None}.get(word := (right if is_right_first else wrong).split()[-1], word))  # type: ignore[arg-type]


def expected() -> dict[str, float]:
    """The authors' counts: `label` is the decision for the right answer, a turned decision is turned back."""
    turned = {"first": "second", "second": "first", "tie": "tie", None: None}
    counts = dict.fromkeys(("correct", "strict", "both", "same", "null", "first", "decided"), 0.0)
    for shown_first, shown_last in itertools.product(VOTES, VOTES):
        decisions = (shown_first, turned[shown_last])  # for the right answer: 'first'
        counter = sum(1 if one == "first" else -1 if one == "second" else 0 for one in decisions)
        counts["strict"] += counter > 0
        counts["correct"] += 1.0 if counter > 0 else 0.5 if counter == 0 else 0.0
        counts["both"] += decisions == ("first", "first")
        counts["same"] += decisions[0] is not None and decisions[0] == decisions[1]
        counts["null"] += decisions.count(None) / 2
        counts["first"] += (shown_first == "first") + (shown_last == "first")
        counts["decided"] += sum(one in ("first", "second") for one in (shown_first, shown_last))
    return counts


def test_a_judge_by_the_authors_counts(tmp_path: Path) -> None:
    judge, asked = judge_by(decide)
    examples, notes = JudgeBench().examine(judge, write(tmp_path), "test")
    assert (len(examples), notes, len(asked)) == (16, [], 32)
    scores = {s.metric: s.score() for s in JudgeBench.statistics(examples) if s.slice == "all"}
    counts = expected()
    assert scores["accuracy_strict"].value == pytest.approx(counts["strict"] / 16)
    assert scores["accuracy"].value == pytest.approx(counts["correct"] / 16)
    assert scores["both_right"].value == pytest.approx(counts["both"] / 16)
    assert scores["consistency"].value == pytest.approx(counts["same"] / 16)
    assert scores["no_verdict"].value == pytest.approx(counts["null"] / 16)
    assert scores["first_preferred"].value == pytest.approx(counts["first"] / counts["decided"])
    assert (scores["accuracy"].mode, scores["accuracy"].unit, scores["accuracy"].n_clusters) == ("judge", "pairs", 8)


def test_a_judge_that_asks_in_both_orders_itself_is_asked_once(tmp_path: Path) -> None:
    def both(pair: PairToJudge) -> Opinion:
        turned = {"first": "second", "second": "first", "tie": "tie", None: None}
        one, other = decide(pair).vote, decide(PairToJudge("", pair.prompt, pair.second, pair.first)).vote
        return Opinion(None, in_orders=(one, turned[other]))  # type: ignore[arg-type]

    data = write(tmp_path)
    twice, once = judge_by(decide), judge_by(both)
    tables = [JudgeBench().examine(judge, data, "test")[0] for judge, _ in (twice, once)]
    assert tables[0] == tables[1]
    assert len(once[1]) == 16


def test_models_are_right_by_value_and_a_tie_counts_half(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def rule(prompt: str, answer: str) -> float:
        number = int(answer.split()[1])
        return 0.0 if number < 4 else float(answer.startswith("right") == (number < 12))

    reward_by(monkeypatch, rule)
    finding = JudgeBench().measure(fake_reward_model(), write(tmp_path), "test")
    scores = {(score.slice, score.metric): score.value for score in finding.scores}
    assert scores["all", "accuracy"] == pytest.approx((4 * 0.5 + 8) / 16)
    assert scores["all", "ties"] == pytest.approx(4 / 16)
    assert ("all", "accuracy_strict") not in scores
    assert {part for part, _ in scores if part.startswith("category")} == {
        f"category:{name}" for name in ("knowledge", "reasoning", "math", "coding")
    }
    assert {part for part, _ in scores if part.startswith("response")} == {
        "response_model:gpt-4o", "response_model:claude"
    }  # fmt: skip
    log_p_by(monkeypatch, lambda prompt, answer: -float(len(answer)))
    finding = JudgeBench().measure(fake_policy(), tmp_path, "test")
    assert {score.metric for score in finding.scores} == {"accuracy", "accuracy_per_token", "ties"}


def test_a_judge_that_scores_has_no_orders(tmp_path: Path) -> None:
    def score(pair: PairToJudge) -> Opinion:
        scores = float(len(pair.first)), float(len(pair.second))
        return Opinion(vote(*scores), scores=scores)

    judge, asked = judge_by(score)
    examples, _ = JudgeBench().examine(judge, write(tmp_path), "test")
    assert {s.metric for s in JudgeBench.statistics(examples)} == {"accuracy", "accuracy_strict", "ties"}
    assert len(asked) == 16


def test_equal_answers_are_a_tie_that_nobody_is_asked_about(tmp_path: Path) -> None:
    row: dict[str, Any] = {"question": "?", "response_A": "a", "response_B": "a", "label": "A>B"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    judge, asked = judge_by(decide)
    examples, _ = JudgeBench().examine(judge, tmp_path, "test")
    assert examples[0]["verdicts"] == [[[0.5, 0.5]]]
    assert not asked


def test_another_label_is_named(tmp_path: Path) -> None:
    row = {"question": "?", "response_A": "a", "response_B": "b", "label": "A=B"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match=r"x\.jsonl:1: .*Invalid enum value 'A=B'"):
        JudgeBench().examine(fake_policy(), tmp_path, "test")
