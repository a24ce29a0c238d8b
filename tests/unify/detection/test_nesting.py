"""Rows inside rows: `records` and `orient` are proposed, and a row that holds lists of answers stays a row."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows
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
