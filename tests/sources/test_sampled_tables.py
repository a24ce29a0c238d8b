"""`peek` at a large table in one JSON object shows what the whole of it would, without reading it all."""

import json
from pathlib import Path
from typing import Any

import pytest

from unipref.sources import parts, peek, sampled_tables
from unipref.sources.likely_layouts import likely_setting
from unipref.sources.part import Part
from unipref.sources.sampled_tables import sample_table
from unipref.unify.inspection import inspect

ROWS = [{"prompt": f"Question {n // 2}?", "response": f"Answer {n}.", "stars": n % 5 + 1} for n in range(90)]
TABLES: dict[str, Any] = {
    "rows by key": {f"r{n}": row for n, row in enumerate(ROWS)},
    "a list of rows": {"version": 1, "data": ROWS},
    "columns by label": {name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ROWS[0]},
    "columns": {name: [row[name] for row in ROWS] for name in ROWS[0]},
    "split": {"columns": [*ROWS[0]], "index": [*range(90)], "data": [[*row.values()] for row in ROWS]},
}


def write(folder: Path, value: Any) -> Part:
    file = folder / "table.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    (part,) = parts([str(file)], folder, "path")
    return part


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled_tables, "LEAST_BYTES", 0)


@pytest.mark.parametrize("name", TABLES)
def test_the_sample_shows_the_same_layout(name: str, tmp_path: Path) -> None:
    part = write(tmp_path, TABLES[name])
    sample = sample_table(part, 20)
    assert sample is not None
    assert likely_setting(sample) == likely_setting(TABLES[name])
    assert len(json.dumps(sample)) < len(json.dumps(TABLES[name])) / 3
    assert peek(Path(part.path), 20) == [sample]


@pytest.mark.parametrize("name", TABLES)
def test_inspect_proposes_what_it_proposes_of_the_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unipref.unify.inspection.ROWS_READ", 60)
    part = write(tmp_path, TABLES[name])
    (sampled,) = inspect([part.path])
    monkeypatch.setattr(sampled_tables, "LEAST_BYTES", 1 << 30)
    (whole,) = inspect([part.path])
    assert (sampled.source, sampled.format) == (whole.source, whole.format)
    assert sampled.format == "ratings"


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        "".join(json.dumps(row) + "\n" for row in ROWS),
        '{"a": {"b": 1}, "c": ',
        {"prompt": ["x"] * 90, "response": ["y"] * 89},
        {"title": "No table.", "text": "Some words."},
        '{"a": NaN}',
        "",
    ],
)
def test_other_files_are_read(value: Any, tmp_path: Path) -> None:
    assert sample_table(write(tmp_path, value), 20) is None
