"""The table of judgements: reading, writing, canonical order and errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unipref.core.errors import UserError
from unipref.core.judgements import Judgements, judgement_schema, read_judgements, to_table, write_judgements

ROWS: list[dict[str, Any]] = [
    {
        "group": "q",
        "answers": ["b", "a"],
        "kind": "pair",
        "value": 2.0,
        "source": "s",
        "annotator": "x",
        "shown": [0, 1],
    },
    {"group": "q", "answers": ["a"], "kind": "rating", "value": 3.0, "source": "t", "axis": "help"},
    {"group": "p", "answers": ["c", "a", "b"], "kind": "ranking", "places": [1, 2, 2], "source": "t", "annotator": "y"},
    {"group": "p", "answers": ["c", "a"], "kind": "split", "places": [1, 2], "source": "t", "count": 3},
    {"group": "p", "answers": ["c"], "kind": "thumb", "value": 1.0, "source": "t", "annotator": "x"},
]
FIELDS = [field for field in vars(Judgements.from_rows(ROWS)) if field != "row"]


def complete(row: dict[str, Any]) -> dict[str, Any]:
    empty = dict.fromkeys(judgement_schema().names)
    return {**empty, "count": 1, "origin": "f:1", **row}


def test_a_pair_is_turned_to_the_order_of_its_answers() -> None:
    table = Judgements.from_rows(ROWS[:1])
    assert table.answers[table.judged].tolist() == ["a", "b"]
    assert table.value.tolist() == [-2.0]
    assert table.shown.tolist() == [1, 0]
    assert table.block_name(0) == ("q", None)


def test_the_order_of_the_rows_changes_nothing() -> None:
    first = Judgements.from_rows(ROWS)
    rng = np.random.default_rng(0)
    for _ in range(5):
        order = rng.permutation(len(ROWS))
        other = Judgements.from_rows([ROWS[at] for at in order])
        for field in FIELDS:
            one, two = (getattr(table, field) for table in (first, other))
            if isinstance(one, tuple):
                assert one == two, field
            elif one.dtype == object:
                assert one.tolist() == two.tolist(), field
            else:
                np.testing.assert_array_equal(one, two, field)
        assert [ROWS[at] for at in first.row] == [ROWS[order[at]] for at in other.row]


def test_answers_of_two_axes_are_two_answers() -> None:
    table = Judgements.from_rows([{**ROWS[1], "axis": axis} for axis in ("help", None)])
    assert table.answers.tolist() == ["a", "a"]
    assert [table.block_name(block) for block in range(2)] == [("q", None), ("q", "help")]


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = to_table([complete(row) for row in ROWS])
    write_judgements(tmp_path / "one.parquet", table)
    write_judgements(tmp_path / "two.parquet", table)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    again = read_judgements(tmp_path / "one.parquet")
    assert again.judged.tolist() == Judgements.from_rows(ROWS).judged.tolist()
    assert again.value.tolist() == pytest.approx(Judgements.from_rows(ROWS).value.tolist(), nan_ok=True)


def test_an_empty_table_is_a_table() -> None:
    table = Judgements.from_rows([])
    assert len(table) == 0
    assert table.block_starts.tolist() == [0]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": "guess"}, "unknown kind of judgement"),
        ({"kind": "rating"}, "judges one answer"),
        ({"answers": ["a", "a"]}, "occurs twice"),
        ({"value": None}, "not a number"),
        ({"value": float("inf")}, "not a number"),
        ({"kind": "ranking"}, "has a place"),
        ({"kind": "ranking", "places": [1, 0]}, "has a place"),
        ({"shown": [1]}, "2 answers, but 1 places"),
        ({"count": 0}, "below 1"),
        ({"kind": "thumb", "answers": ["a"], "shown": None, "value": 0.4}, "a thumb is 0 or 1"),
    ],
)
def test_a_row_that_is_no_judgement_is_an_error(change: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        Judgements.from_rows([ROWS[1], {**ROWS[0], **change}])
