"""The choice of fast tests, and the file that it reads."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support import cpu_seconds

A, B, C = "tests/a.py::test_a", "tests/a.py::test_b", "tests/c.py::test_c"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "seconds.json"
    path.write_text(json.dumps({A: cpu_seconds.LONGEST + 0.1, B: cpu_seconds.LONGEST, C: 3.0}), encoding="utf-8")
    monkeypatch.setattr(cpu_seconds, "FILE", path)
    return path


@pytest.mark.parametrize("is_fast", [True, False])
def test_functions_that_take_long_are_left_out_where_it_is_wanted(file: Path, is_fast: bool) -> None:
    left_out: list[Any] = []
    hook = SimpleNamespace(pytest_deselected=lambda items: left_out.extend(items))
    items: list[Any] = [
        SimpleNamespace(nodeid=name) for name in (f"{A}[1]", f"{A}[2]", B, f"{C}[x]", "tests/new.py::n")
    ]
    every = [item.nodeid for item in items]
    cpu_seconds.leave_out_long_functions(SimpleNamespace(getoption=lambda _: is_fast, hook=hook), items)  # type: ignore[arg-type]
    kept = [B, "tests/new.py::n"] if is_fast else every
    assert [item.nodeid for item in items] == kept
    assert [item.nodeid for item in left_out] == [name for name in every if name not in kept]


def test_the_seconds_of_all_cases_are_added_and_other_files_keep_theirs(file: Path) -> None:
    recorder = cpu_seconds.Recorder()
    for name, seconds in ((f"{B}[1]", 0.31), (f"{B}[2]", 0.5), ("tests/a.py::test_short", 0.1)):
        properties = [(cpu_seconds.PROPERTY, seconds)]
        recorder.pytest_runtest_logreport(SimpleNamespace(nodeid=name, user_properties=properties))  # type: ignore[arg-type]
    recorder.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace()))  # type: ignore[arg-type]
    assert json.loads(file.read_text(encoding="utf-8")) == {B: 0.8, C: 3.0}
