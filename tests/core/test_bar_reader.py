"""The bars that a library draws become progress of the run."""

import contextlib
import sys
import warnings

import pytest
from tqdm import tqdm

from unipref.core.bar_reader import BarReader
from unipref.core.work_progress import show_work


def test_the_numbers_of_a_bar_are_shown_and_only_other_texts_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, int, int]] = []

    def show(*work: object, **more: object) -> None:
        seen.append(work)  # type: ignore[arg-type]
        sys.stderr.write(f"{work[1]} of {work[2]}\n")

    with show_work(show):
        reader = BarReader("reference")
        with contextlib.redirect_stderr(reader):
            for number in tqdm(range(2), desc="a bar", mininterval=0):
                if number == 1:
                    sys.stderr.write(warnings.formatwarning("weights are missing", UserWarning, "model.py", 7))
                    print("1/2 [of", "rows]", file=sys.stderr)
            for _ in tqdm(iter("ab"), mininterval=0, leave=False):
                pass  # a bar without a number of units
    assert list(dict.fromkeys(seen)) == [("reference", 0, 2), ("reference", 1, 2), ("reference", 2, 2)]
    shown = list(dict.fromkeys(capsys.readouterr().err.splitlines()))
    warned = ["model.py:7: UserWarning: weights are missing", "1/2 [of rows]"]
    assert shown == ["0 of 2", "1 of 2", *warned, "2 of 2"]


def test_a_secret_in_a_text_beside_a_bar_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    token = "hf_" + "a1B2" * 6
    BarReader("reference").write(f"no access with {token}\n")
    shown = capsys.readouterr().err
    assert shown.startswith("no access with ")
    assert token not in shown
