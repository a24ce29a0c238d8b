"""What a run prints to standard error: each note once, progress as bars or lines."""

import io

import pytest
from rich.console import Console

from unipref.core.console_progress import ConsoleProgress, WarningsOnly


def test_a_note_in_the_same_words_is_referred_to_in_later_stages(capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsoleProgress()
    for stage in ("evaluated/base/b", "evaluated/main/0/sft/b"):
        console.stage(stage, False)
        console.note("b: only 60 of 541 items were sampled (limit: 60).")
        console.note("b: prompts are plain text.")
    console.note("b: at chance.")
    assert capsys.readouterr().err.splitlines() == [
        "evaluated/base/b",
        "  b: only 60 of 541 items were sampled (limit: 60).",
        "  b: prompts are plain text.",
        "evaluated/main/0/sft/b",
        "  (and as noted above)",
        "  b: at chance.",
    ]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets."""
    made = [100.0]
    monkeypatch.setattr("unipref.core.watched_work.time.monotonic", lambda: made[0])
    return made


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleProgress()
    now[0] += 11
    for step in range(1, 4):
        console.progress("training sft", step, 3, {"loss": 0.51234, "epoch": 1.0, "dev/bbq": 0.25})
    assert capsys.readouterr().err == "  training sft 1/3  loss 0.5123, dev/bbq 0.25\n"


def test_lines_have_the_rows_the_rate_and_the_time_left_as_far_as_they_are_known(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleProgress()
    now[0] += 2
    console.progress("reading", 0, 17, unit="parts", rows=0)
    now[0] += 11
    console.progress("reading", 5, 17, unit="parts", rows=81_000)
    console.progress("writing", 0, 25_014, unit="rows")
    now[0] += 11
    console.progress("writing", 16_384, 25_014, unit="rows")
    console.progress("embedding", 0, 9_000, unit="texts")
    now[0] += 11
    console.progress("embedding", 11, 9_000, unit="texts")
    console.progress("estimating", 0, None)
    now[0] += 11
    console.progress("estimating", 4, None)
    assert capsys.readouterr().err.splitlines() == [
        "  reading 0/17 parts, 0 rows",
        "  reading 5/17 parts, 81,000 rows, 7,364 rows/s, about 26 s left",
        "  writing 16,384/25,014 rows, 1,489 rows/s, about 6 s left",
        "  embedding 11/9,000 texts, 1 texts/s, about 2.5 h left",
        "  estimating 4, 11 s so far",
    ]


def test_works_that_are_reported_by_turns_each_get_a_line_every_ten_seconds(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleProgress()
    for step in range(25):
        for job in ("train/main/0/sft", "train/main/1/sft"):
            console.progress(f"{job}: training", step, 99)
        now[0] += 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"  train/main/{seed}/sft: training {step}/99" for step in (11, 22) for seed in (0, 1)
    ]


def test_a_job_that_finishes_leaves_the_progress_of_the_others(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleProgress()
    console.start_jobs(3, 2)
    console.progress("evaluated/base: reading texts", 0, 9)
    console.progress("train/main/0/sft: training", 0, 99)
    now[0] += 11
    console.finish_job("evaluated/base", 1, 3, 10.6)
    console.progress("train/main/0/sft: training", 11, 99)
    now[0] += 1
    console.look_now()
    assert capsys.readouterr().err.splitlines() == [
        "3 jobs (training steps and measured models), 2 at a time",
        "evaluated/base (1 of 3, 11 s)",
        "  train/main/0/sft: training 11/99, about 88 s left",
    ]
    assert [work.label for work in console.works] == ["train/main/0/sft: training"]


def test_each_of_several_bars_is_drawn() -> None:
    console = ConsoleProgress(Console(file=io.StringIO(), force_terminal=True, width=100))
    labels = ["a: training", "b: training", "c: training"]
    for step in (0, 5):
        for label in labels:
            console.progress(label, step, 9)
        for label in labels:
            console._last_refreshes[label] -= 1.0
    assert console._bars is not None
    assert [task.completed for task in console._bars.tasks] == [5, 5, 5]
    console.end(None)


def test_work_without_a_line_gets_one_within_two_seconds_and_then_every_ten(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = ConsoleProgress()
    console.stage("clean", False)
    now[0] += 1
    console.progress("clustering", 0, 1)  # too soon after the line of the stage
    for _ in range(40):
        now[0] += 0.5
        console.look_now()
    console.progress("clustering", 1, 1)
    now[0] += 60
    console.look_now()
    assert capsys.readouterr().err.splitlines() == [
        "clean",
        "  clustering 0/1, 1 s so far",
        "  clustering 0/1, 12 s so far",
    ]


def test_only_warnings_are_printed_where_no_progress_is_wanted(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    console = WarningsOnly()
    console.stage("clean", False)
    console.note("few rows")
    now[0] += 60
    console.progress("clustering", 0, 1)
    console.look_now()
    console.warn("no disk")
    assert capsys.readouterr().err == "Warning: no disk\n"


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=100, highlight=False)


def test_progress_is_a_bar_on_a_terminal_and_notes_come_below_it() -> None:
    screen = terminal()
    with ConsoleProgress(screen) as console:
        console.stage("train/main/0/sft", False)
        for step in range(1, 4):
            console.progress("training sft", step, 3, {"loss": 0.51234, "epoch": 1.0})
        console.note("sft: [two] rows are too long.")
    printed = screen.file.getvalue()
    (bar,) = [line for line in printed.split("\n") if "3/3" in line][-1:]
    assert "training sft" in bar
    assert "loss 0.5123" in bar
    assert "epoch" not in printed
    assert printed.index("3/3") < printed.index("  sft: [two] rows are too long.\n")


def test_a_bar_ends_and_the_cursor_is_shown_again_when_the_work_fails() -> None:
    screen = terminal()

    def work() -> None:
        with ConsoleProgress(screen) as console:
            console.progress("unify", 1, 3)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert screen.file.getvalue().endswith("\n\x1b[?25h")
