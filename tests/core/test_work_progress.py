"""Progress of work inside library functions reaches whoever set the receiver, and nobody else."""

import pytest

from unipref.core.console_progress import ConsoleProgress
from unipref.core.work_progress import report_work, show_work


def test_work_is_reported_to_the_receiver_within_the_context_alone() -> None:
    seen: list[tuple[str, int, int]] = []
    report_work("before", 0, 1)
    with show_work(lambda *work, **more: seen.append(work)):
        report_work("reading", 0, 2)
        with show_work(None):
            report_work("hidden", 0, 1)
        report_work("reading", 2, 2)
        report_work("", 0, 2)
        report_work("nothing to do", 0, 0)
    report_work("after", 0, 1)
    assert seen == [("reading", 0, 2), ("reading", 2, 2)]


def test_new_work_gets_a_line_after_two_seconds_and_later_lines_say_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("unipref.core.watched_work.time.monotonic", lambda: now[0])
    with ConsoleProgress() as console, show_work(console.progress):
        for seconds, label, done in (
            (2, "loading", 0),
            (1, "reading texts", 0),  # too soon after the last line
            (2, "generating", 0),  # new work, three seconds after the last line
            (4, "generating", 10),
            (7, "generating", 25),
        ):
            now[0] += seconds
            report_work(label, done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "  loading 0/100",
        "  generating 0/100",
        "  generating 25/100, about 33 s left",
    ]
