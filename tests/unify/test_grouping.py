"""Rows that judge the same two answers come together: majorities, ties, copies, annotators, what keeps rows apart."""

import json
import random
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest

from support.golden import Case, UnifiedCase, check_counts, readable, resolve_source, run_unify, unify_case
from unipref.core.contracts import Grouping
from unipref.core.records import Feedback, Response
from unipref.unify import rejection_warnings
from unipref.unify.format_bases import Mapped
from unipref.unify.projection.judges import JudgeNamer, drop_repeated_judgements
from unipref.unify.proposal import propose

VOTES = {
    "prompt": "q",
    "first": "a",
    "second": "b",
    "votes": "vote",
    "codes": {"A": "first", "B": "second", "=": "tie"},
}
PAIRS = {"prompt": "q"}
GRADES = {"prompt": "q", "first": "a", "second": "b", "grade": "grade", "scale": {"first": -3, "second": 3}}


def vote(side: str, who: str, q: str = "Wet?", **more: Any) -> dict[str, Any]:
    return {"q": q, "a": "Water.", "b": "Sand.", "vote": side, "who": who, **more}


def unified(rows: list[dict[str, Any]], folder: Path, name: str = "votes", **settings: Any) -> UnifiedCase:
    base = {"votes": VOTES, "pairs": PAIRS, "graded_pair": GRADES}[name]
    result = unify_case(Case("", [*rows, *ANCHOR[name]], settings={**base, **settings}), name, folder)
    check_counts(result.counts)
    return UnifiedCase(result.preferences[: -len(ANCHOR[name])], result.rejects, result.counts)


# A row of its own, because a source without a preference is an error.
ANCHOR: dict[str, list[dict[str, Any]]] = {
    "votes": [vote("A", "zoe", q="An anchor?", aim="help")],
    "pairs": [{"q": "An anchor?", "chosen": "Yes.", "rejected": "No."}],
    "graded_pair": [{"q": "An anchor?", "a": "Yes.", "b": "No.", "grade": -1}],
}


def outcome(result: UnifiedCase) -> Any:
    """Chosen text, confidence and number of judgements of the one preference; or the reason of the one reject."""
    if result.preferences:
        (one,) = (readable(p) for p in result.preferences)
        confidence = None if one["confidence"] is None else round(one["confidence"], 3)
        return one["chosen"][0].removeprefix("assistant: "), confidence, one["n_judgements"]
    (reject,) = result.rejects
    return reject["reason"]


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ("A", ("Water.", None, 1)),
        ("AAB", ("Water.", 0.667, 3)),
        ("BAB", ("Sand.", 0.667, 3)),
        ("AB", "contradiction"),
        ("AB=", "contradiction"),
        ("==", "tie"),
        ("A==", "tie"),
        ("AA=", ("Water.", 0.833, 3)),
    ],
)
def test_the_majority_of_the_rows_decides(sides: str, expected: Any, tmp_path: Path) -> None:
    rows = [vote(side, f"p{i}") for i, side in enumerate(sides)]
    result = unified(rows, tmp_path)
    assert outcome(result) == expected
    assert result.counts["groups"] == 2
    touched = [*result.preferences, *result.rejects]
    assert [p["origin"] for p in touched] == [[f"d.jsonl:{i + 1}" for i in range(len(sides))]]


def test_answers_that_change_places_are_the_same_pair(tmp_path: Path) -> None:
    swapped = {**vote("B", "bob"), "a": "Sand.", "b": "Water."}
    assert outcome(unified([vote("A", "ann"), swapped, vote("B", "cyd")], tmp_path)) == ("Water.", 0.667, 3)


def test_pairs_that_contradict_each_other_are_a_reject(tmp_path: Path) -> None:
    one, other = {"q": "Q", "chosen": "x", "rejected": "y"}, {"q": "q ", "chosen": "y", "rejected": "x"}
    assert outcome(unified([one, other], tmp_path, "pairs")) == "contradiction"
    (tmp_path / "majority").mkdir()
    assert outcome(unified([one, {**one, "id": 2}, other], tmp_path / "majority", "pairs")) == ("x", 0.667, 3)


def test_the_mean_grade_of_the_rows_decides(tmp_path: Path) -> None:
    rows = [{"q": "Q", "a": "x", "b": "y", "grade": grade, "id": i} for i, grade in enumerate((-3, -1, 1))]
    result = unified(rows, tmp_path, "graded_pair")
    (one,) = result.preferences
    assert outcome(result) == ("x", 0.667, 3)
    assert (one["axis"], one["chosen_score"]) == ("strength", 1.0)
    assert json.loads(one["extra"]) == {"by_row": [{"grade": -1}, {"grade": -3}, {"grade": 1}]}


def test_other_answers_or_prompts_are_other_pairs(tmp_path: Path) -> None:
    rows = [vote("A", "ann"), {**vote("B", "bob"), "b": "Stone."}, vote("B", "cyd", q="Dry?")]
    assert [p["n_judgements"] for p in unified(rows, tmp_path).preferences] == [1, 1, 1]


def test_a_copy_of_a_row_is_no_further_judgement(tmp_path: Path) -> None:
    rows = [vote("A", "ann"), vote("A", "ann"), vote("A", "ann"), vote("B", "bob")]
    result = unified(rows, tmp_path)
    assert outcome(result) == "contradiction"
    assert result.counts["repeated_judgements"] == 2
    assert result.rejects[0]["origin"] == [f"d.jsonl:{i}" for i in (1, 2, 3, 4)]
    (warning,) = rejection_warnings({"d": result.counts})
    assert warning.startswith("d: 2 judgements repeat another one of the same judge")


def test_an_annotator_who_judges_a_pair_both_ways_does_not_count(tmp_path: Path) -> None:
    """Bob's vote is left; ann's two say nothing. Without names, they are votes of different people."""
    rows = [vote("A", "ann", time=1), vote("A", "ann", time=2), vote("B", "bob"), vote("B", "bob", time=3)]
    assert outcome(unified(rows, tmp_path)) == "contradiction"
    (tmp_path / "named").mkdir()
    named = unified([*rows, vote("B", "ann", time=4)], tmp_path / "named", annotator="who")
    assert outcome(named) == ("Sand.", None, 1)
    assert (named.counts["repeated_judgements"], named.counts["opposite_judgements"]) == (2, 2)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("AAA", "BAA", ("Water.", 0.833, 6)), ("AAA", "BBB", "contradiction"), ("ABB", "BAB", ("Sand.", 0.667, 6))],
)
def test_the_field_of_a_vote_is_no_person_of_other_rows(tmp_path: Path, first: str, second: str, expected: Any) -> None:
    """Votes in r1 of two rows can be those of two people. So they are neither opposite nor repeated."""
    rows: list[dict[str, Any]] = [
        vote("A", "") | {"id": n} | dict(zip(("r1", "r2", "r3"), votes, strict=True))
        for n, votes in enumerate((first, second))
    ]
    anchor = [dict(zip(("r1", "r2", "r3"), "AAA", strict=True)) | row for row in ANCHOR["votes"]]
    result = unify_case(Case("", [*rows, *anchor], settings=VOTES | {"votes": ["r1", "r2", "r3"]}), "votes", tmp_path)
    of_pair = UnifiedCase(result.preferences[:-1], result.rejects, result.counts)
    assert outcome(of_pair) == expected
    assert (result.counts["opposite_judgements"], result.counts["repeated_judgements"]) == (0, 0)


def test_annotators_make_copies_of_a_row_different(tmp_path: Path) -> None:
    rows = [vote("A", "ann"), vote("A", "bob"), vote("B", "cyd"), vote("A", "")]
    assert outcome(unified(rows, tmp_path, annotator="who")) == ("Water.", 0.75, 4)
    nobody = [{**vote("A", "x"), "who": None}] * 2
    (tmp_path / "nobody").mkdir()
    assert outcome(unified(nobody, tmp_path / "nobody", annotator="who")) == ("Water.", None, 1)


def test_votes_of_one_row_all_count(tmp_path: Path) -> None:
    row = vote("", "ann") | {"vote": ["A", "A", "B"]}
    result = unified([row, row, vote("", "bob") | {"vote": ["B"]}], tmp_path)
    assert outcome(result) == "contradiction"
    assert result.counts["repeated_judgements"] == 3


def test_rows_with_another_objective_or_twin_stay_apart(tmp_path: Path) -> None:
    rows = [vote("A", "ann", aim="help"), vote("B", "bob", aim="harm"), vote("A", "cyd", aim="help")]
    by_objective = unified(rows, tmp_path, objective="aim").preferences
    assert [(p["objective"], p["n_judgements"]) for p in by_objective] == [("help", 2), ("harm", 1)]
    (tmp_path / "twins").mkdir()
    # The twins have a preference each. All judgements of the two answers count for both, and two to one overrule bob's.
    apart = unified(rows, tmp_path / "twins", twins={"field": "aim"})
    assert [(p["confidence"], p["n_judgements"]) for p in apart.preferences] == [(pytest.approx(2 / 3), 2)]
    assert [(r["level"], r["reason"], r["origin"]) for r in apart.rejects] == [
        ("preference", "overruled", ["d.jsonl:2"])
    ]


def test_kept_fields_of_all_rows_are_kept(tmp_path: Path) -> None:
    rows = [vote("A", "ann", topic="water"), vote("A", "bob", topic="water")]
    (one,) = unified(rows, tmp_path, keep=["who", "topic"]).preferences
    assert json.loads(one["extra"]) == {"topic": "water", "by_row": [{"who": "ann"}, {"who": "bob"}]}


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.unify.BUCKET_BYTES", 2000)
    chance = random.Random(7)
    rows = [vote(chance.choice("AB="), f"p{chance.randrange(5)}", q=f"Q{chance.randrange(60)}") for _ in range(400)]
    for row in rows:
        if chance.random() < 0.5:
            row["a"], row["b"] = row["b"], row["a"]
    paths = [tmp_path / name for name in ("one.jsonl", "two.jsonl", "three.jsonl")]
    for path, part in zip(paths, (rows[:150], rows[150:151], rows[151:]), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in part))
    results = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        sources = [resolve_source("votes", VOTES, path, path.stem) for path in paths]
        records = run_unify(sources, out, workers)
        results.append((records, (out / "preferences.parquet").read_bytes(), (out / "rejects.parquet").read_bytes()))
    assert results[0] == results[1]
    preferences = pq.read_table(tmp_path / "out1/preferences.parquet").to_pylist()
    assert max(p["n_judgements"] for p in preferences) > 2


def test_the_order_of_the_rows_changes_no_decision(tmp_path: Path) -> None:
    rows = [vote(side, f"p{i}") for i, side in enumerate("ABBA=BB")]
    outcomes = []
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        outcomes.append(outcome(unified(random.Random(seed).sample(rows, len(rows)), folder)))
    assert outcomes == [("Sand.", 0.643, 7)] * 4


def test_the_row_around_several_rows_tells_them_apart() -> None:
    feedback = Feedback([{"role": "user", "content": "Q"}], [Response([{"role": "assistant", "content": "A"}])])
    namer, ann, bob = JudgeNamer(), {"who": "ann"}, {"who": "bob"}
    judges = [namer.name([feedback], {"parent": parent, "vote": 1})[0].judge for parent in (ann, ann, bob, dict(ann))]
    assert judges[0] == judges[1] == judges[3] != judges[2]


def test_a_row_that_cannot_be_packed_is_a_judge_of_its_own() -> None:
    feedback = Feedback([{"role": "user", "content": "Q"}], [Response([{"role": "assistant", "content": "A"}])])
    named = JudgeNamer().name([feedback], {"x": object()})
    assert named == [feedback]
    assert drop_repeated_judgements([*named, *named]) == ([feedback, feedback], 0)


def test_a_format_that_still_sets_across_rows_is_an_error() -> None:
    with pytest.raises(TypeError, match=r'set grouping = "prompt" in place of across_rows'):

        class Old(Mapped):
            grouping: ClassVar[Grouping] = "row"
            across_rows: ClassVar[bool] = True


def test_inspect_proposes_who_judged() -> None:
    questions = ["Is the sea wet?", "Is the sky green?", "Do fish swim?"]
    rows = [
        {"prompt": question, "response_a": "It is so.", "response_b": "Not at all.", "winner": winner, "annotator": who}
        for question in questions
        for winner, who in (("A", "ann"), ("A", "bob"), ("B", "cyd"))
    ]
    assert propose(rows).map["annotator"] == "annotator"
    assert "annotator" not in propose([{**row, "annotator": "ann"} for row in rows]).map
