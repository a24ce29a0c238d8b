"""Every row of every input has an explanation, whatever became of it."""

import csv
from pathlib import Path

import pytest

import unipref
from unipref.analysis import explain
from unipref.core.errors import UserError
from unipref.pipeline.explained_rows import explain_with_rows

ROWS = [
    ("What is one?", "It is the best of three.", 5),
    ("What is one?", "It is the middle of three.", 3),
    ("What is one?", "It is the worst of three.", 1),
    ("What is one?", "It is the worst of three.", 1),
    ("What is two?", "It is one of two that tie.", 4),
    ("What is two?", "It is the other that ties.", 4),
    ("What is two?", "It has no score at all.", ""),
    ("What is three?", "It has no rival.", 2),
    ("What is four?", "It is a score that is none.", "five"),
    ("What is five?", "It has a rival without a score.", 2),
    ("What is five?", "It has no score either.", "N/A"),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Path("stars.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("question", "answer", "stars"), *ROWS])
    scores = {"stars": {"field": "stars", "better": "high", "low": 1, "high": 5, "codes": {"N/A": None}}}
    source = {"name": "stars", "path": "stars.csv", "format": "ratings"}
    settings = {"map": {"prompt": "question", "response": "answer", "scores": scores}, "objective": "instruction"}
    unipref.unify_feedback({"sources": [{**source, **settings}]}, tmp_path / "run")
    return tmp_path / "run"


def test_every_row_has_an_explanation(run: Path) -> None:
    for number in range(2, len(ROWS) + 2):
        facts = explain_with_rows(run, f"stars.csv:{number}")
        assert facts["rejects"] or facts["preferences"] or facts["beside"]
        assert facts["raw"][0]["text"], number
    (kept,) = explain.explain(run, "stars.csv:2")["preferences"]
    middle = explain.explain(run, "stars.csv:3")
    assert middle["beside"] == [kept]
    assert f"other answers to its prompt made preference {kept}" in explain.as_text(middle)


def test_an_answer_without_a_score_is_rejected_and_ties_with_nobody(run: Path) -> None:
    (unscored,) = explain.explain(run, "stars.csv:8")["rejects"]
    assert (unscored["level"], unscored["reason"], unscored["origin"]) == ("row", "unscored", ["stars.csv:8"])
    (tied,) = explain.explain(run, "stars.csv:6")["rejects"]
    assert (tied["level"], tied["reason"], tied["origin"]) == ("group", "tie", ["stars.csv:6", "stars.csv:7"])


def test_a_preference_shows_all_its_raw_rows(run: Path) -> None:
    (kept,) = explain.explain(run, "stars.csv:2")["preferences"]
    assert [row["origin"] for row in explain_with_rows(run, kept)["raw"]] == [
        "stars.csv:2",
        "stars.csv:4",
        "stars.csv:5",
    ]


def test_a_row_that_the_file_does_not_have_is_an_error(run: Path) -> None:
    for number in (1, 99):
        with pytest.raises(UserError, match=f"nothing in this run comes from 'stars.csv:{number}'") as caught:
            explain.explain(run, f"stars.csv:{number}")
        assert "a header is no row" in str(caught.value.mend)


def test_votes_that_do_not_favour_the_chosen_answer_are_counted() -> None:
    vote = {"kind": "pair", "standing": None, "count": 1}
    votes = [{**vote, "judges": side} for side in ("chosen", "rejected", "tie")]
    (line,) = explain.describe_split_votes(votes)
    assert line.startswith("the judgements of the pair tie: 1 for chosen, 1 for rejected, 1 for neither")
    assert list(explain.describe_split_votes(votes[:1])) == []
