"""Every judgement of every row is kept, whatever its shape: who judged what, worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.study_files import manifest_of
from unipref import unify_feedback
from unipref.core.errors import UserError
from unipref.core.judgements import Judgements, read_judgements
from unipref.core.records import Message, Response
from unipref.core.text_keys import answer_hash

Row = dict[str, Any]
Answer = str
PROMPT = {"prompt": "Which?", "a": "Tea.", "b": "Milk."}


def judge(folder: Path, rows: list[Row], form: str, mapping: Row, **source: Any) -> list[Row]:
    """Returns the judgements of rows as dicts with the texts of the answers; columns that are null are left out."""
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    entry = {"name": "s", "path": "d.jsonl", "format": form, "map": {"prompt": "prompt", **mapping}, **source}
    out = unify_feedback({"data_root": str(folder), "sources": [entry], "workers": 1}, folder / "run")
    texts = list(_texts(rows))
    by_hash = {_hash(text): text for text in texts}
    table = pq.read_table(out.with_name("judgements.parquet")).to_pylist()
    assert manifest_of(folder / "run")["sources"]["s"]["judgements"] == len(table)
    assert len(read_judgements(out.with_name("judgements.parquet"))) == len(table)
    assert len({row.pop("group") for row in table}) == 1
    for row in table:
        assert row.pop("source") == "s"
        row["answers"] = [by_hash[key] for key in row["answers"]]
    return [{name: value for name, value in row.items() if value is not None} for row in table]


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _hash(text: str) -> str:
    return answer_hash(Response(messages=[Message(role="assistant", content=text)]))


def row(kind: str, answers: list[Answer], at: int = 1, **columns: Any) -> Row:
    return {"answers": answers, "kind": kind, "count": 1, "origin": f"d.jsonl:{at}", "axis": "instruction", **columns}


def test_each_vote_of_a_named_person_is_one_judgement(tmp_path: Path) -> None:
    who = (("a", "ann"), ("b", "bob"), ("t", None), ("a", "eve"))
    rows = [PROMPT | {"winner": winner, "who": name} for winner, name in who]
    mapping = {"first": "a", "second": "b", "votes": "winner", "annotator": "who"}
    assert judge(
        tmp_path, [*rows, rows[0]], "votes", mapping | {"codes": {"a": "first", "b": "second", "t": "tie"}}
    ) == [
        row("pair", ["Tea.", "Milk."], 1, value=1.0, annotator="ann"),
        row("pair", ["Milk.", "Tea."], 2, value=1.0, annotator="bob"),
        row("pair", sorted(["Tea.", "Milk."], key=_hash), 3, value=0.0),
        row("pair", ["Tea.", "Milk."], 4, value=1.0, annotator="eve"),
    ]


def test_the_field_of_a_vote_names_nobody(tmp_path: Path) -> None:
    rows = [PROMPT | {"ann": 1, "bob": 2, "eve": 1}]
    mapping = {"first": "a", "second": "b", "votes": ["ann", "bob", "eve"], "codes": {1: "first", 2: "second"}}
    assert judge(tmp_path, rows, "votes", mapping) == [
        row("pair", ["Tea.", "Milk."], value=1.0, count=2),
        row("pair", ["Milk.", "Tea."], value=1.0),
    ]


def test_votes_inside_a_row_have_the_names_beside_them(tmp_path: Path) -> None:
    votes = [{"who": "ann", "is": "a"}, {"who": None, "is": "a"}, {"who": "bob", "is": None}, {"who": "eve", "is": "b"}]
    mapping = {"first": "a", "second": "b", "votes": "votes.*.is", "codes": {"a": "first", "b": "second"}}
    assert judge(tmp_path, [PROMPT | {"votes": votes}], "votes", mapping | {"annotator": "votes.*.who"}) == [
        row("pair", ["Tea.", "Milk."], value=1.0, annotator="ann"),
        row("pair", ["Tea.", "Milk."], value=1.0),
        row("pair", ["Milk.", "Tea."], value=1.0, annotator="eve"),
    ]


def test_a_value_that_is_no_name_leaves_the_judgement_without_one(tmp_path: Path) -> None:
    names = [{"id": 7}, ["ann", "bob"], True, False, "true", "False", 1, "1.0", [], {}, None, " ann "]
    rows = [PROMPT | {"winner": "a", "who": name, "row": at} for at, name in enumerate(names)]
    mapping = {"first": "a", "second": "b", "votes": "winner", "annotator": "who", "codes": {"a": "first"}}
    judgements = judge(tmp_path, rows, "votes", mapping)
    # Two rows name 1, and the same judgement of one person counts once.
    assert sorted(one["annotator"] for one in judgements if "annotator" in one) == ["1", "False", "True", "ann"]
    assert sum("annotator" not in one for one in judgements) == 7
    counts = manifest_of(tmp_path / "run")["sources"]["s"]
    assert (counts["used"], counts["rejected"], counts["parts_rejected"]) == (12, {}, {"wrong_type": 4})
    assert "expected the name of a person, found an object" in counts["examples"]["part.wrong_type"]


def test_a_vote_whose_name_is_none_keeps_its_vote(tmp_path: Path) -> None:
    votes = [{"who": {"id": 1}, "is": "a"}, {"who": "bob", "is": "b"}, {"who": True, "is": "a"}]
    mapping = {"first": "a", "second": "b", "votes": "votes.*.is", "codes": {"a": "first", "b": "second"}}
    assert judge(tmp_path, [PROMPT | {"votes": votes}], "votes", mapping | {"annotator": "votes.*.who"}) == [
        row("pair", ["Tea.", "Milk."], value=1.0, count=2),
        row("pair", ["Milk.", "Tea."], value=1.0, annotator="bob"),
    ]
    counts = manifest_of(tmp_path / "run")["sources"]["s"]
    assert counts["parts_rejected"] == {"wrong_type": 1}
    example = counts["examples"]["part.wrong_type"]
    assert "votes.0.who" in example
    assert "and 1 more like it" in example


def test_counted_votes_are_one_row_per_side(tmp_path: Path) -> None:
    mapping = {"first": "a", "second": "b", "counts": {"first": "n", "second": "m"}}
    assert judge(tmp_path, [PROMPT | {"n": 7, "m": 3}], "votes", mapping) == [
        row("pair", ["Tea.", "Milk."], value=1.0) | {"count": 7},
        row("pair", ["Milk.", "Tea."], value=1.0) | {"count": 3},
    ]


def test_a_grade_keeps_its_strength(tmp_path: Path) -> None:
    mapping = {"first": "a", "second": "b", "grade": "g", "scale": {"first": 1, "second": 5}, "annotator": "who"}
    assert judge(tmp_path, [PROMPT | {"g": 4, "who": "ann"}], "graded_pair", mapping) == [
        row("pair", ["Milk.", "Tea."], value=1.0, annotator="ann")
    ]
    assert judge(tmp_path, [PROMPT | {"g": 1, "who": 7}], "graded_pair", mapping) == [
        row("pair", ["Tea.", "Milk."], value=2.0, annotator="7")
    ]


def test_scores_are_ratings_turned_so_that_more_is_better(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Which?", "r": text, "bad": bad, "who": who}
        for text, bad, who in (("Tea.", 1, "ann"), ("Milk.", 3, None))
    ]
    mapping = {"response": "r", "annotator": "who", "scores": {"harm": {"field": "bad", "better": "low"}}}
    assert judge(tmp_path, rows, "ratings", mapping) == [
        row("rating", ["Tea."], 1, value=-1.0, annotator="ann"),
        row("rating", ["Milk."], 2, value=-3.0),
    ]


def test_thumbs_of_several_people_have_their_number(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Which?", "r": "Tea.", "up": [True, True, False]},
        {"prompt": "Which?", "r": "Milk.", "up": False},
    ]
    assert judge(tmp_path, rows, "thumbs", {"response": "r", "label": "up"}) == [
        row("thumb", ["Tea."], 1, value=1.0) | {"count": 2},
        row("thumb", ["Tea."], 1, value=0.0),
        row("thumb", ["Milk."], 2, value=0.0),
    ]


def test_an_order_is_one_ranking_and_equal_ranks_are_ties(tmp_path: Path) -> None:
    rows = [{"prompt": "Which?", "answers": ["Tea.", "Milk.", "Mud."], "ranks": [1, 3, 1], "who": "ann"}]
    mapping = {"answers": "answers", "ranks": "ranks", "better": "low", "annotator": "who"}
    assert judge(tmp_path, rows, "ranking", mapping) == [
        row("ranking", ["Tea.", "Milk.", "Mud."], places=[1, 2, 1], annotator="ann")
    ]


def test_the_right_option_is_split_from_the_others(tmp_path: Path) -> None:
    rows = [{"prompt": "Which?", "options": ["Tea.", "Milk.", "Mud."], "right": 1}]
    mapping = {"options": "options", "answer": "right", "first": 0}
    assert judge(tmp_path, rows, "multiple_choice", mapping) == [
        row("split", ["Milk.", "Tea.", "Mud."], places=[1, 2, 2])
    ]


def test_good_answers_are_split_from_bad_ones_and_what_is_both_is_neither(tmp_path: Path) -> None:
    rows = [{"prompt": "Which?", "good": ["Tea.", "Milk.", "Mud."], "bad": ["Ink.", "Mud."]}]
    assert judge(tmp_path, rows, "groups", {"good": "good", "bad": "bad"}) == [
        row("split", ["Tea.", "Milk.", "Ink."], places=[1, 1, 2])
    ]


def test_demonstrations_are_no_judgements(tmp_path: Path) -> None:
    rows = [{"prompt": "Which?", "r": "Tea."}]
    (tmp_path / "d.jsonl").write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    entry = {"name": "s", "path": "d.jsonl", "format": "demonstration", "map": {"prompt": "prompt", "response": "r"}}
    out = unify_feedback({"data_root": str(tmp_path), "sources": [entry], "workers": 1}, tmp_path / "run")
    assert len(read_judgements(out.with_name("judgements.parquet"))) == 0


def test_two_sources_with_one_prompt_judge_the_same_answers(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(
        json.dumps({"prompt": "Which?", "good": "Tea.", "bad": "Milk."}), encoding="utf-8"
    )
    (tmp_path / "t.jsonl").write_text(json.dumps({"prompt": "which? ", "r": "Tea.", "up": True}), encoding="utf-8")
    pairs = {"prompt": "prompt", "chosen": "good", "rejected": "bad"}
    thumbs = {"prompt": "prompt", "response": "r", "label": "up"}
    sources = [
        {"name": "p", "path": "p.jsonl", "format": "pairs", "map": pairs},
        {"name": "t", "path": "t.jsonl", "format": "thumbs", "map": thumbs},
    ]
    out = unify_feedback({"data_root": str(tmp_path), "sources": sources, "workers": 1}, tmp_path / "run")
    judgements: Judgements = read_judgements(out.with_name("judgements.parquet"))
    assert (len(judgements), len(judgements.groups), len(judgements.answers)) == (2, 1, 2)


def test_one_name_per_vote_is_refused_by_a_format_with_one_judgement_per_row(tmp_path: Path) -> None:
    mapping = {"chosen": "a", "rejected": "b", "annotator": "votes.*.who"}
    with pytest.raises(UserError, match="pairs reads one name per row"):
        judge(tmp_path, [PROMPT], "pairs", mapping)


def test_another_number_of_names_than_votes_is_a_reject(tmp_path: Path) -> None:
    mapping = {"first": "a", "second": "b", "votes": "votes", "codes": {"a": "first"}, "annotator": "names.*"}
    with pytest.raises(UserError, match="expected one name per vote, found 1 names and 2 votes"):
        judge(tmp_path, [PROMPT | {"votes": ["a", "a"], "names": ["ann"]}], "votes", mapping)


def test_a_further_axis_keeps_its_name_and_the_objective_of_a_row_is_its_axis(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Which?", "r": text, "good": good, "kind": 3, "for": "bias"}
        for text, good in (("Tea.", 2), ("Mud.", 1))
    ]
    scores = {name: {"field": name, "better": "high"} for name in ("good", "kind")}
    mapping = {"response": "r", "objective": "for", "scores": scores}
    judgements = judge(tmp_path, rows, "ratings", mapping, axis="good")
    assert [(each["axis"], each["value"]) for each in judgements] == [
        ("bias", 2.0),
        ("kind", 3.0),
        ("bias", 1.0),
        ("kind", 3.0),
    ]
