"""JSON that is not written as its ending says, and keys that one object holds twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.study_files import manifest_of

from unipref.core.records import Reason
from unipref.pipeline import api
from unipref.sources import parts, read
from unipref.sources.reading_notes import MAX_NOTES, RowNotes, collect_notes

ROWS: list[Any] = [{"p": f"q{i}\n{{}}", "c": {"x": [1, {"y": i}]}} for i in range(4)]
LINES = [json.dumps(row) for row in ROWS]
INDENTED = [json.dumps(row, indent=2) for row in ROWS]


def rows_of(path: Path, content: str, **settings: Any) -> tuple[list[tuple[Any, Any]], list[str]]:
    path.write_bytes(content.encode())
    with collect_notes() as notes:
        return [entry for part in parts([str(path)], path.parent, "s", **settings) for entry in read(part)], notes


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
@pytest.mark.parametrize(
    "content",
    [
        "\n".join(INDENTED),
        ",\n".join(INDENTED),
        "\r\n\r\n".join(row.replace("\n", "\r\n") for row in INDENTED),
        "\ufeff" + "".join(INDENTED),
        "\n".join([LINES[0], *INDENTED[1:3], LINES[3]]),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=1),
    ],
)
def test_indented_rows_and_arrays(tmp_path: Path, name: str, content: str) -> None:
    found, notes = rows_of(tmp_path / name, content)
    assert found == list(enumerate(ROWS, 1))
    assert notes == []


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_rows_that_share_a_line_or_end_with_a_comma(tmp_path: Path, name: str) -> None:
    found, notes = rows_of(tmp_path / name, "\n".join([LINES[0] + LINES[1], LINES[2], LINES[3] + ","]))
    assert [number for number, _ in found] == ["1.1", "1.2", 2, 3]
    assert [row for _, row in found] == ROWS
    assert len(notes) == 3


def test_one_long_line_of_rows(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path / "a.jsonl", "".join(LINES))
    assert [row for _, row in found] == ROWS
    one = [row for _, row in rows_of(tmp_path / "a.json", "".join(LINES))[0]]
    assert one == ROWS


def test_a_large_indented_file_is_not_cut_at_its_lines(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path / "a.jsonl", "\n".join(INDENTED * 50), cut_bytes=500)
    assert [row for _, row in found] == ROWS * 50


def test_bad_lines_cost_themselves_alone(tmp_path: Path) -> None:
    bad = ['{"p": "q', "{]", '{"p": 1}{"p"', LINES[0] + "x"]
    found, _ = rows_of(tmp_path / "a.jsonl", "\n".join([LINES[0], *bad, LINES[1]]))
    assert [row if isinstance(row, dict) else row.reason for _, row in found] == [
        ROWS[0],
        *[Reason.NOT_JSON] * len(bad),
        ROWS[1],
    ]


def test_indented_rows_with_a_fault_are_read_up_to_it(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path / "a.jsonl", "\n".join(INDENTED).replace('"q2', '"q2"'))
    assert [row for _, row in found[:2]] == ROWS[:2]
    assert found[2][1].reason is Reason.UNREADABLE
    assert len(found) == 3


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("wrap", ["{}", "[{}]", " {}\n\n"])
def test_a_key_that_comes_twice_is_noted(tmp_path: Path, name: str, wrap: str) -> None:
    row = '{"p" : "a \\" b", "c": {"x": 1, "y": {"x": 2}, "x":3}, "p": "\\u0022:"}'
    ((_, read_row),), notes = rows_of(tmp_path / name, wrap.replace("{}", row))
    assert read_row == {"p": '":', "c": {"x": 3, "y": {"x": 2}}}
    assert notes == [
        "the key 'x' stands in one object twice; the last value is read",
        "the key 'p' stands in one object twice; the last value is read",
    ]


@pytest.mark.parametrize(
    "row", ['{"a": "\\u0022:", "b" :1}', '{"a": "\\"b\\": \\"c\\":"}', '{"a": {"a": [{"a": NaN}]}}']
)
def test_a_key_in_several_objects_is_not_noted(tmp_path: Path, row: str) -> None:
    for content in (row, f"[{row}, {row}]"):
        assert rows_of(tmp_path / "a.json", content)[1] == []


def test_a_study_counts_them(tmp_path: Path) -> None:
    lines = [f'{{"prompt": "q{i}", "chosen": "a", "chosen": "b", "rejected": "c"}}' for i in range(3)]
    (tmp_path / "a.jsonl").write_text(
        '{"prompt": "q", "chosen": "a", "rejected": "c"}\n' + "\n".join(lines), encoding="utf-8"
    )
    source = {"name": "s", "path": "a.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    for workers in (1, 2):
        study = {"data_root": str(tmp_path), "sources": [source], "workers": workers}
        api.unify_feedback(study, tmp_path / f"run{workers}")
        assert manifest_of(tmp_path / f"run{workers}")["sources"]["s"]["notes"] == [
            "3 rows: the key 'chosen' stands in one object twice; the last value is read; the first: a.jsonl:2"
        ]


def test_notes_are_bounded_and_add_up() -> None:
    one, other = RowNotes(), RowNotes()
    for number in range(MAX_NOTES + 5):
        one.add([f"note {number}"] * 2, f"f:{number}")
    other.add(["note 1"], "g:1")
    both = one + other
    assert len(both.counts) == MAX_NOTES + 1
    assert sum(both.counts.values()) == MAX_NOTES + 6
    assert both.as_texts()[1] == "2 rows: note 1; the first: f:1"
    assert one.counts["note 1"] == 1
