"""The same values with other types in each file: integers, floats, text, booleans, numbers of another library."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

import unipref
from unipref.core.records import Feedback, Reason, Reject
from unipref.sources import Join, joined, parts, with_tables
from unipref.unify.formats.graded_pair import GradedPair
from unipref.unify.formats.multiple_choice import MultipleChoice
from unipref.unify.formats.pairs import Pairs
from unipref.unify.formats.steps import Steps
from unipref.unify.formats.thumbs import Thumbs
from unipref.unify.formats.votes import Votes
from unipref.unify.mapping.codes import string_keys, to_code

ONES: list[Any] = [1, 1.0, "1", "1.0", Decimal(1), np.int64(1), np.float32(1)]


def one(read: Iterator[Feedback | Reject]) -> Feedback:
    (feedback,) = read
    assert isinstance(feedback, Feedback)
    return feedback


def pair(**fields: Any) -> dict[str, Any]:
    return {"prompt": "q?", "chosen": "good", "rejected": "bad", **fields}


PAIRS: dict[str, Any] = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}


@pytest.mark.parametrize("value", ONES)
@pytest.mark.parametrize("allowed", [1, 1.0, "1", "1.0"])
def test_where(value: Any, allowed: Any) -> None:
    one(Pairs(**PAIRS, where={"round": [allowed]}).read(pair(round=value)))


def test_where_with_booleans_and_missing_values() -> None:
    truths = Pairs(**PAIRS, where={"x": [True]})
    for value in (True, "true", "True", "TRUE"):
        one(truths.read(pair(x=value)))
    with pytest.raises(Reject, match="1 and true are two values"):
        list(truths.read(pair(x=1)))
    missing = Pairs(**PAIRS, where={"x": [None]})
    for value in (None, float("nan")):
        one(missing.read(pair(x=value)))
    for value in ("", "None", 0, False):
        with pytest.raises(Reject):
            list(missing.read(pair(x=value)))


@pytest.mark.parametrize("value", ONES)
def test_twins(value: Any) -> None:
    assert one(Pairs(**PAIRS, twins={"field": "n"}).read(pair(n=value))).twins == "1"


@pytest.mark.parametrize("value", [None, float("nan"), "", "  "])
def test_a_missing_twin_is_none(value: Any) -> None:
    assert one(Pairs(**PAIRS, twins={"field": "n"}).read(pair(n=value))).twins is None


@pytest.mark.parametrize("value", ONES)
def test_thumbs(value: Any) -> None:
    settings: dict[str, Any] = {"prompt": "prompt", "response": "chosen", "label": "up"}
    feedback = one(Thumbs(**settings, up=[1], down=[0]).read(pair(up=value)))
    assert feedback.responses[0].approved is True
    # 1 can also be the number of a class: the defaults, true and false, do not include it.
    with pytest.raises(Reject) as reject:
        list(Thumbs(**settings).read(pair(up=value)))
    assert reject.value.reason == Reason.BAD_LABEL


def test_a_boolean_label_in_a_mapping_of_numbers_is_refused_with_a_hint() -> None:
    thumbs = Thumbs(prompt="prompt", response="chosen", label="up", up=[0], down=[1])
    with pytest.raises(Reject, match="true and 1 are two values: list both if they mean the same"):
        list(thumbs.read(pair(up=True)))


def test_one_value_cannot_mean_two_things() -> None:
    with pytest.raises(ValidationError, match="both 'up' and 'down'"):
        Thumbs(prompt="p", response="r", label="l", up=[1], down=["1.0"])
    with pytest.raises(ValidationError, match="two keys are the same value"):
        Votes(prompt="p", first="a", second="b", votes="v", codes={1: "first", "1": "second"})


@pytest.mark.parametrize("value", ONES)
def test_codes_and_options_and_targets(value: Any) -> None:
    votes = Votes(prompt="prompt", first="chosen", second="rejected", votes=["v"], codes={1: "second", 0: "first"})
    assert one(votes.read(pair(v=value))).comparisons[0].better == 1
    choice = MultipleChoice(prompt="prompt", options=["a", "b"], answer="x", first=0)
    assert one(choice.read({"prompt": "q?", "a": "A", "b": "B", "x": value})).comparisons[0].better == 1
    labelled = MultipleChoice(prompt="prompt", options=["a", "b"], answer="x", labels=["0", "1"])
    assert one(labelled.read({"prompt": "q?", "a": "A", "b": "B", "x": value})).comparisons[0].better == 1
    steps = Steps(prompt="prompt", steps="s", first_wrong="w", answer="x", target="t")
    row = {"prompt": "q?", "s": ["It is 1."], "w": None, "x": value, "t": 1}
    assert one(steps.read(row)).responses[0].scores == {"target": 1.0}


def test_options_that_are_one_value_are_told_apart_by_their_text() -> None:
    choice = MultipleChoice(prompt="prompt", options=["a", "b"], answer="x", first="text")
    feedback = one(choice.read({"prompt": "Which is a float?", "a": "1", "b": "1.0", "x": "1.0"}))
    assert feedback.comparisons[0].better == 1


def test_joins(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,word\n7.0,seven\n8,eight\n9,nine\n9.0,nine point nought\n12.0,a\n12.00,b\n")
    rows = ['{"n": 7}', '{"n": 8.0}', '{"n": "9.0"}', '{"n": 9}', '{"n": 12}', '{"n": 9007199254740993.0}']
    (tmp_path / "s.jsonl").write_text("\n".join(rows))
    tables = [Join(path="t.csv", left="n", right="id")]
    source = with_tables(parts(["s.jsonl"], tmp_path, "s"), tables, tmp_path, "s.join")
    with joined(source, tmp_path) as read:
        rows_read = [row for part in source for _, row in read(part)]
    words = [str(row) if isinstance(row, Reject) else row["t"]["word"] for row in rows_read]
    assert words[:4] == ["seven", "eight", "nine point nought", "nine"]
    assert "t.csv has 2 rows with id '12'" in words[4]
    assert "the id 9007199254740992 may be rounded" in words[5]


def test_files_of_a_source_where_a_missing_value_made_a_column_float(tmp_path: Path) -> None:
    def row(i: int) -> dict[str, Any]:
        return {"prompt": f"q{i}?", "chosen": f"good {i}", "rejected": f"bad {i}", "n": i % 20, "up": 1}

    first, second = [row(i) for i in range(20)], [row(i) for i in range(20, 40)]
    second.append({**row(40), "n": None, "up": None})
    for ending in ("parquet", "csv"):
        for number, rows in enumerate((first, second)):
            frame = pd.DataFrame(rows)
            path = tmp_path / f"s{number}.{ending}"
            frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
        mapping = {**PAIRS, "where": {"up": [1]}, "twins": {"field": "n"}}
        study: dict[str, Any] = {
            "sources": [{"name": "s", "path": f"s*.{ending}", "format": "pairs", "map": mapping}],
            "split": {"dev": 0.2, "test": 0.2},
            "data_root": str(tmp_path),
        }
        unipref.run(study, out=tmp_path / ending)
        table = pq.read_table(tmp_path / ending / "unified" / "preferences.parquet").to_pylist()
        groups = {int(p["prompt"][0]["content"][1:-1]): p["group"] for p in table}
        assert sorted(groups) == list(range(40))
        assert all(groups[i] == groups[i + 20] for i in range(20))


def test_null_and_the_text_none_are_two_labels() -> None:
    settings: dict[str, Any] = {"prompt": "prompt", "response": "chosen", "label": "up"}
    thumbs = Thumbs(**settings, up=["None"], down=[0])
    assert one(thumbs.read(pair(up="None"))).responses[0].approved is True
    with pytest.raises(Reject, match="the verdict is missing"):
        list(thumbs.read(pair(up=None)))


def test_the_keys_of_codes_stay_the_same_when_they_are_read_again() -> None:
    codes = string_keys({None: "tie", "None": "first", 1: "second"})
    assert len(codes) == 3
    assert string_keys(codes) == codes
    assert codes[to_code(None)] == "tie"


@pytest.mark.parametrize("missing", [None, float("nan"), "", " "])
def test_a_vote_or_grade_that_is_missing_costs_no_other_person(missing: Any) -> None:
    sides = {"prompt": "q", "first": "a", "second": "b"}
    row = {"q": "Q", "a": "A", "b": "B", "v": [missing, "2"]}
    votes = one(Votes(**sides, votes="v", codes={"1": "first", "2": "second"}).read(row))
    assert [(c.better, c.tie) for c in votes.comparisons] == [(1, False)]
    grades = one(GradedPair(**sides, grade="v", scale={"first": 1, "second": 2}).read(row))  # type: ignore[arg-type]
    assert [c.better for c in grades.comparisons] == [1]
    coded = one(Votes(**sides, votes="v", codes={"": "tie", None: "tie", "2": "second"}).read(row))
    assert [c.tie for c in coded.comparisons] == [True, False]
