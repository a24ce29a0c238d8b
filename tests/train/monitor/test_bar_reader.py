"""The bars that TRL draws while it asks the reference model become progress of the run."""

import contextlib

from tqdm import tqdm

from unipref.core.work_progress import show_work
from unipref.train.monitor.bar_reader import BarReader


def test_the_numbers_of_a_bar_are_reported_and_its_text_is_dropped() -> None:
    seen: list[tuple[str, int, int]] = []
    reader = BarReader("reference")
    with show_work(lambda *work: seen.append(work)), contextlib.redirect_stderr(reader):
        for _ in tqdm(range(3), desc="a bar", mininterval=0):
            reader.write("a warning of 1/2 rows\n")
    assert list(dict.fromkeys(seen)) == [
        ("reference", 0, 3),
        ("reference", 1, 3),
        ("reference", 2, 3),
        ("reference", 3, 3),
    ]
