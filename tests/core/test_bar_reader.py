"""The bars that a library draws become progress of the run."""

import contextlib
import sys

import pytest
from tqdm import tqdm

from unipref.core.bar_reader import BarReader
from unipref.core.work_progress import show_work


def test_the_numbers_of_a_bar_are_shown_and_its_text_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, int, int]] = []

    def show(*work: object) -> None:
        seen.append(work)  # type: ignore[arg-type]
        sys.stderr.write(f"{work[1]} of {work[2]}\n")

    with show_work(show):
        reader = BarReader("reference")
        with contextlib.redirect_stderr(reader):
            for _ in tqdm(range(2), desc="a bar", mininterval=0):
                reader.write("a warning of 1/2 rows\n")
    assert list(dict.fromkeys(seen)) == [("reference", 0, 2), ("reference", 1, 2), ("reference", 2, 2)]
    assert list(dict.fromkeys(capsys.readouterr().err.splitlines())) == ["0 of 2", "1 of 2", "2 of 2"]
