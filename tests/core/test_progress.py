"""What a run prints to standard error: each note once, progress as bars or lines."""

import io

import pytest
from rich.console import Console

from unipref.core.progress import ConsoleProgress


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


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress() as console:
        for step in range(1, 4):
            console.progress("training sft", step, 3, {"loss": 0.51234, "epoch": 1.0, "dev/bbq": 0.25})
    assert capsys.readouterr().err == "  training sft 1/3  loss 0.5123, dev/bbq 0.25\n"


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
