"""Progress for programs: a JSON object per line, rarely more than four a second, with rates that are measured."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from unipref.core.json_progress import JsonProgress
from unipref.core.work_pace import Work
from unipref.core.work_progress import report_work, show_phase, show_work

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


class Clock:
    """The time, which a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("unipref.core.watched_work.time.monotonic", made)
    return made


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_the_line_of_the_page_is_what_is_written(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    listener = JsonProgress()
    listener.stage("unified", False)
    listener.progress("reading", 0, 17, unit="parts", rows=0)
    clock.now += 2
    listener.progress("reading", 5, 17, unit="parts", rows=81_000)
    stage, first, line = read_lines(capsys)
    assert stage == {"event": "stage", "stage": "unified", "cached": False}
    unknown = ["per_second", "seconds_left", "rows_per_second"]
    assert [first[name] for name in unknown] == [None] * 3
    (shown,) = re.findall(r"```json\n(.*)\n```", PAGE.read_text(encoding="utf-8"))
    assert json.dumps(line) == shown
    assert first.keys() == line.keys()


def test_the_first_and_the_last_of_a_label_are_written_and_four_a_second_between(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = JsonProgress()
    for done in range(1001):
        listener.progress("auditing", done, 1000, unit="rows")
        clock.now += 0.001
    lines = read_lines(capsys)
    assert [line["done"] for line in lines] == [0, 250, 500, 750, 1000]
    assert [line["per_second"] for line in lines] == [None, *[pytest.approx(1000, rel=0.01)] * 4]
    assert [line["seconds_left"] for line in lines] == [
        None,
        *(pytest.approx(x, abs=0.01) for x in (0.75, 0.5, 0.25, 0)),
    ]
    assert all(line["rows"] == line["done"] for line in lines)


def test_the_last_of_a_label_that_never_ends_is_written_with_the_next_stage(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = JsonProgress()
    listener.progress("training sft", 1, 9, {"loss": 0.5, "kl": float("nan"), "note": "text"})
    listener.progress("training sft", 2, 9)
    clock.now += 7
    listener.stage("next", True)
    first, last, stage = read_lines(capsys)
    assert first["figures"] == {"loss": 0.5, "kl": None, "note": None}
    assert (last["done"], last["elapsed"]) == (2, 0.0)  # as when it was reported
    assert stage["cached"] is True


def test_jobs_are_outside_a_stage_and_end_one_by_one(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    listener = JsonProgress()
    listener.stage("checked/main/0", False)
    listener.start_jobs(3, 2)
    listener.progress("evaluated/base: reading texts", 0, 9)
    listener.progress("train/main/0/sft: training", 0, 99)
    clock.now += 0.1
    listener.progress("evaluated/base: reading texts", 8, 9)  # too soon for a line
    listener.finish_job("evaluated/base", 1, 3, 0.1234)
    clock.now += 1.9
    listener.progress("train/main/0/sft: training", 10, 99)
    lines = read_lines(capsys)[1:]
    assert [line["event"] for line in lines] == ["jobs", "progress", "progress", "progress", "job", "progress"]
    assert {line["stage"] for line in lines} == {None}
    assert lines[0] == {"event": "jobs", "stage": None, "total": 3, "at_once": 2}
    assert (lines[3]["label"], lines[3]["done"]) == ("evaluated/base: reading texts", 8)
    assert lines[4] == {"event": "job", "stage": None, "job": "evaluated/base", "done": 1, "total": 3, "seconds": 0.123}
    assert (lines[5]["elapsed"], lines[5]["seconds_left"]) == (2.0, 17.8)


def test_a_label_that_begins_again_has_a_rate_of_its_own(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    listener = JsonProgress()
    for _ in range(2):
        for done in (0, 50, 100):
            listener.progress("counting words", done, 100, unit="rows")
            clock.now += 1
    assert [(line["done"], line["per_second"]) for line in read_lines(capsys)] == [
        (0, None),
        (50, 50.0),
        (100, 50.0),
    ] * 2


def test_work_that_goes_on_from_earlier_work_has_the_rate_of_the_new(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = JsonProgress()
    listener.progress("scoring", 900, 1000, unit="rows")
    clock.now += 10
    listener.progress("scoring", 920, 1000, unit="rows")
    assert [(line["per_second"], line["seconds_left"]) for line in read_lines(capsys)] == [(None, None), (2.0, 40.0)]


def test_a_total_that_is_not_known_is_null_and_so_is_the_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_work(JsonProgress().progress):
        report_work("estimating confidence", 0, None)
        clock.now += 1
        report_work("estimating confidence", 3, None)
        clock.now += 1
        report_work("estimating confidence", 5, 5)
    totals = [(line["total"], line["per_second"], line["seconds_left"]) for line in read_lines(capsys)]
    assert totals == [(None, None, None), (None, 3.0, None), (5, 2.5, 0.0)]


def test_work_that_says_nothing_gets_a_line_within_two_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = JsonProgress()
    with show_work(listener.progress), show_phase("clustering"):
        for _ in range(8):
            clock.now += 0.5
            listener.look_now()
    clock.now += 60
    listener.look_now()  # nothing runs
    lines = read_lines(capsys)
    assert [line["elapsed"] for line in lines] == [0.0, 1.5, 3.0, 4.0]
    assert [line["done"] for line in lines] == [0, 0, 0, 1]
    assert all(line["seconds_left"] is None for line in lines[:-1])


def test_the_thread_that_looks_at_the_work_ends_with_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonProgress() as listener:
        listener.progress("clustering", 0, 1)
        thread = listener._thread
        assert thread is not None
        assert thread.is_alive()
    assert not thread.is_alive()
    assert len(read_lines(capsys)) == 1


def test_an_exit_in_the_thread_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.core.watched_work.SECONDS_BETWEEN_LOOKS", 0.0)

    class Closed(JsonProgress):
        def look(self, work: Work, now: float) -> None:
            raise SystemExit(1)

    with Closed() as listener:
        listener.progress("clustering", 0, 1)
        assert listener._thread is not None
        listener._thread.join(10)
        with pytest.raises(SystemExit):
            listener.progress("clustering", 1, 1)


def test_an_error_and_texts_from_data_are_one_line_of_json_each(capsys: pytest.CaptureFixture[str]) -> None:
    token = "hf_" + "a1B2" * 6

    def work() -> None:
        with JsonProgress() as listener:
            listener.note(f"two\nlines\x1b[31m \u202e {token}")
            listener.warn("é")
            raise ValueError("the disk is away")

    with pytest.raises(ValueError, match="away"):
        work()
    note, warning, error = read_lines(capsys)
    assert note["text"].startswith("two\nlines")
    assert token not in note["text"]
    assert warning == {"event": "warn", "stage": None, "text": "é"}
    assert (error["event"], error["text"]) == ("error", "the disk is away")
