"""Rows inside rows: `records` and `orient` are proposed, and a row that holds lists of answers stays a row."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows
from unipref.sources.likely_layouts import likely_setting
from unipref.unify.detection.nesting import find_inner_rows

ROWS = make_rows({"prompt": QUESTIONS, "chosen": ANSWERS, "rejected": OTHERS}, count=4)


@pytest.mark.parametrize(
    ("outer", "settings"),
    [
        ({f"id{i}": row for i, row in enumerate(ROWS)}, {"records": "."}),
        (dict(zip("pqrs", ROWS, strict=True)), {"records": "."}),
        ({"version": 2, "rows": ROWS}, {"records": "rows"}),
        ({"project": {"name": "p", "items": ROWS}}, {"records": "project.items"}),
        ({key: {str(i): row[key] for i, row in enumerate(ROWS)} for key in ROWS[0]}, {"orient": "columns"}),
        ({key: [row[key] for row in ROWS] for key in ROWS[0]}, {"orient": "columns"}),
        (
            {"columns": [*ROWS[0]], "index": [0, 1, 2, 3], "data": [[*row.values()] for row in ROWS]},
            {"orient": "split"},
        ),
    ],
)
def test_the_setting_that_reads_the_inner_rows_is_found(outer: dict[str, Any], settings: dict[str, str]) -> None:
    found = find_inner_rows([outer])
    assert found is not None
    assert found.settings == settings
    assert [{key: row[key] for key in ROWS[0]} for row in found.rows] == ROWS


@pytest.mark.parametrize(
    "row",
    [
        ROWS[0],
        {"prompt": "What is rain?", "chosen": {"role": "assistant", "content": "Water."},
         "rejected": {"role": "assistant", "content": "Fire."}},
        {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Ho."}]},
    ],
)  # fmt: skip
def test_a_row_without_rows_in_it_is_a_row(row: dict[str, Any]) -> None:
    assert find_inner_rows([row]) is None


def test_many_rows_are_rows() -> None:
    assert find_inner_rows([{"prompt": "What is rain?", "answers": ROWS}] * 4) is None


TEXTS = ["What of the cat?", "Is it late, and if so, how late is it?"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": {"0": "a", "1": "b"}, "stars": {"1": 5, "0": 2}},
        {"prompt": {"0": "a", "1": "b"}, "stars": {"0": 5}, "by": {"0": "ann"}},
        {"prompt": TEXTS, "stars": [5, 2]},
        {"prompt": TEXTS, "scores": [{"a": 1}, {"b": 2}]},
        {"model_a": {"text": "A", "score": 1}, "judge_b": {"text": "B", "score": 2}},
        {"row1": {"text": "A", "score": 1}, "row2": {"text": "B", "score": 2}},
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}], "tags": ["x", "y"]},
        {"messages": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], "id": "7"},
        {"columns": ["a", "b"], "data": [[1, 2]]},
        {"meta": "v1", "data": [{"q": "Q", "a": "A"}, {"q": "R", "a": "B"}]},
    ],
)
def test_the_run_and_inspect_recognise_the_same_tables(row: dict[str, Any]) -> None:
    inner = find_inner_rows([row])
    setting = None if inner is None else ", ".join(f"{key}: {value}" for key, value in inner.settings.items())
    assert setting == likely_setting(row)


def test_cells_of_columns_belong_to_the_same_label() -> None:
    inner = find_inner_rows([{"prompt": {"0": "a", "1": "b"}, "stars": {"1": 5, "0": 2}}])
    assert inner is not None
    assert inner.rows == [{"prompt": "a", "stars": 2}, {"prompt": "b", "stars": 5}]
