"""CPU seconds of test functions, measured by `make durations`. `make check` leaves out those that take long.

The seconds include child processes, imports that a test is the first to need, and all cases of a function.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[1] / "cpu_seconds.json"
LONGEST = 0.1
"""Seconds that the cases of a function may take together in `make check`."""
LEAST_WRITTEN = 0.15
"""Functions below are not written: they would make most of the file."""
PROPERTY = "cpu_seconds"


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help=f"leave out test functions of more than {LONGEST} CPU seconds")
    parser.addoption("--write-seconds", action="store_true", help=f"measure the files that run and write {FILE.name}")


def leave_out_long_functions(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the test functions that took more than `LONGEST` seconds when they were measured."""
    if not config.getoption("fast"):
        return
    seconds = json.loads(FILE.read_text(encoding="utf-8"))
    is_long = [seconds.get(_name_function(item.nodeid), 0.0) > LONGEST for item in items]
    config.hook.pytest_deselected(items=[item for item, long in zip(items, is_long, strict=True) if long])
    items[:] = [item for item, long in zip(items, is_long, strict=True) if not long]


class Recorder:
    """Adds up the CPU seconds of each test function; writes those of the files that ran when the session ends."""

    def __init__(self) -> None:
        self._began = 0.0
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logstart(self) -> None:
        self._began = _read_cpu_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Any:
        report = yield
        if report.when == "teardown":
            report.user_properties.append((PROPERTY, _read_cpu_seconds() - self._began))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[_name_function(report.nodeid)] += dict(report.user_properties).get(PROPERTY, 0.0)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):  # the process that started the workers has the sums of both
            return
        before = json.loads(FILE.read_text(encoding="utf-8"))
        measured = {_name_file(name) for name in self._seconds}
        kept = {name: value for name, value in before.items() if _name_file(name) not in measured}
        new = {name: round(value, 1) for name, value in self._seconds.items() if value >= LEAST_WRITTEN}
        FILE.write_text(json.dumps(kept | new, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def _name_function(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def _name_file(name: str) -> str:
    return name.partition("::")[0]


def _read_cpu_seconds() -> float:
    """Returns the CPU seconds of this process and of the children that have ended."""
    return sum(os.times()[:4])
