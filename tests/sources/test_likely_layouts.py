"""One JSON object that may be a table is read as a row, but not without a word."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.support.study_files import manifest_of

from unipref.pipeline import api
from unipref.sources.likely_layouts import likely_setting

PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}
FRAME = pd.DataFrame([PAIR, PAIR])


@pytest.mark.parametrize(
    ("row", "setting"),
    [
        ({"id0": PAIR, "id1": PAIR}, "records: ."),
        ({"tea": PAIR, "milk": {**PAIR, "note": "x"}, "soup": PAIR}, "records: ."),
        (json.loads(FRAME.to_json(orient="index")), "records: ."),
        (json.loads(FRAME.to_json()), "orient: columns"),
        (FRAME.to_dict("list"), "orient: columns"),
        (json.loads(FRAME.to_json(orient="split")), "orient: split"),
        (PAIR, None),
        ({"chosen": {"text": "a", "score": 1}, "rejected": {"text": "b", "score": 0}}, None),
        ({"prompt": [{"role": "user", "content": "q"}] * 2, "answers": [{"role": "user", "content": "q"}] * 2}, None),
        ({"m1": {"role": "user", "content": "q"}, "m2": {"role": "user", "content": "q"}}, None),
        ({"prompt": "q", "answers": ["a", "b"], "scores": [1, 2]}, None),
        ({"version": "1.0", "data": [PAIR, PAIR]}, "records: data"),
        ({"prompt": "What is the colour of tea?", "answers": [{"t": "a", "n": 1}, {"t": "b", "n": 2}]}, None),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, None),
        ({"a": {"x": 1}, "b": {"y": 2}, "c": {"z": 3}}, None),
        ({}, None),
        ({"only": [1, 2]}, None),
    ],
)
def test_the_setting_that_a_single_object_may_need(row: Any, setting: str | None) -> None:
    assert likely_setting(row) == setting


def test_a_run_names_it_unless_the_setting_is_there(tmp_path: Path) -> None:
    rows = {f"id{i}": {**PAIR, "prompt": f"q{i}"} for i in range(4)}
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    wrong = {"prompt": "id0.prompt", "chosen": "id0.chosen", "rejected": "id0.rejected"}
    source: dict[str, Any] = {"name": "s", "path": "a.json", "format": "pairs", "map": wrong}
    api.unify_feedback({"data_root": str(tmp_path), "sources": [source]}, tmp_path / "one")
    record = manifest_of(tmp_path / "one")["sources"]["s"]
    assert record["rows"] == 1
    assert record["notes"] == [
        "1 row: 'a.json' is one object and read as one row; if it is a table of rows, set 'records: .'; the first: "
        "the end of a.json"
    ]
    source |= {"records": ".", "map": {"prompt": "prompt"}}
    api.unify_feedback({"data_root": str(tmp_path), "sources": [source]}, tmp_path / "four")
    record = manifest_of(tmp_path / "four")["sources"]["s"]
    assert (record["rows"], record["notes"]) == (4, [])
