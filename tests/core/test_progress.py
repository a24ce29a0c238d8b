"""What a run says on standard error: each thing once."""

import pytest

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
