import datetime
import decimal
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.sources import file_hash, fingerprint, parts, read, spill_rows


def back(path: Path) -> list[Any]:
    return [row for part in parts([str(path)], path.parent, "s") for _, row in read(part)]


def test_rows_come_back_as_they_were_given(tmp_path: Path) -> None:
    rows = [{"q": "Où\n?", "s": {"help": 4.5}, "turns": [{"role": "user", "content": "x"}]}, {"q": None, "n": 3}]
    path = spill_rows(iter(rows), tmp_path / "new" / "folder")
    assert back(path) == rows
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_name_is_the_content(tmp_path: Path) -> None:
    one, again, other = (spill_rows([{"a": n}], tmp_path) for n in (1, 1, 2))
    assert one == again
    assert one != other
    assert one.stem == file_hash(one)


def test_values_of_numpy_and_of_the_calendar(tmp_path: Path) -> None:
    row = {
        "i": np.int64(3),
        "f": np.float32(0.5),
        "d": np.float64(0.25),
        "b": np.bool_(True),
        "s": np.str_("x"),
        "a": np.array([[1, 2], [3, 4]]),
        "when": datetime.datetime(2024, 6, 7, 8, 9),
        "day": datetime.date(2024, 6, 7),
        "np_when": np.datetime64("2024-06-07T08:09:00.123456789"),
        "price": decimal.Decimal("1.5"),
        "set": {"b", "a"},
        "tuple": (1, None),
        "raw": b"bytes",
        "nan": float("nan"),
        "inf": float("inf"),
    }
    [found] = back(spill_rows([row], tmp_path))
    assert math.isnan(found.pop("nan"))
    assert found.pop("inf") == math.inf
    assert found == {
        "i": 3,
        "f": 0.5,
        "d": 0.25,
        "b": True,
        "s": "x",
        "a": [[1, 2], [3, 4]],
        "when": "2024-06-07T08:09:00",
        "day": "2024-06-07",
        "np_when": "2024-06-07T08:09:00.123456",
        "price": 1.5,
        "set": ["a", "b"],
        "tuple": [1, None],
        "raw": "bytes",
    }


def test_a_pandas_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "q": ["a", None],
            "stars": [4.0, float("nan")],
            "n": pd.array([1, None], dtype="Int64"),
            "when": pd.to_datetime(["2024-06-07", "NaT"]),
            "turns": [[{"role": "user", "score": np.float64("nan")}], np.array(["x"])],
        }
    )
    assert back(spill_rows(frame, tmp_path)) == [
        {"q": "a", "stars": 4.0, "n": 1, "when": "2024-06-07T00:00:00", "turns": [{"role": "user", "score": None}]},
        {"q": None, "stars": None, "n": None, "when": None, "turns": ["x"]},
    ]


def test_frames_of_polars_and_arrow(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    rows = [{"q": "a", "s": 1.5, "t": [{"r": "u"}]}, {"q": "b", "s": None, "t": []}]
    frame = pl.DataFrame(rows)
    assert back(spill_rows(frame, tmp_path)) == rows
    assert spill_rows(frame.to_arrow(), tmp_path) == spill_rows(frame, tmp_path) == spill_rows(rows, tmp_path)


def test_what_is_no_row_is_kept_for_its_reject(tmp_path: Path) -> None:
    good, listed, half = back(spill_rows([{"a": 1}, [1, 2], {"a": "\ud83d"}], tmp_path))
    assert good == {"a": 1}
    assert isinstance(listed, Reject)
    assert listed.reason == Reason.NOT_AN_OBJECT
    assert isinstance(half, Reject)
    assert half.reason == Reason.NOT_JSON


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        spill_rows([{"a": 1}, {"a": 1, "model": object()}], tmp_path)
    assert caught.value.lines()[0] == "row 2, field 'model': JSON cannot hold a value of type object."
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="this is a str"):
        spill_rows("a.jsonl", tmp_path)


def test_fingerprint_knows_content_order_and_origin(tmp_path: Path) -> None:
    for name, n in [("a", 1), ("b", 2), ("c", 1)]:
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"n": n}))
    a, b, c = (tmp_path / f"{name}.jsonl" for name in "abc")
    assert fingerprint([a, b]) == fingerprint([c, b])
    assert fingerprint([a, b]) != fingerprint([b, a])
    assert fingerprint(parts(["a.jsonl"], tmp_path, "s")) != fingerprint(parts(["c.jsonl"], tmp_path, "s"))
    before = fingerprint(parts(["a.jsonl"], tmp_path, "s"))
    a.write_text(json.dumps({"n": 9}))
    assert fingerprint(parts(["a.jsonl"], tmp_path, "s")) != before
