"""Reads the progress bars that a library draws on standard error, and reports their numbers instead."""

import contextlib
import io
import re

from unipref.core.terminal import find_error_stream
from unipref.core.work_progress import report_work

DONE = re.compile(r"(\d+)/(\d+) \[")
"""What tqdm writes after its bar: units done, units in all, and the time in brackets."""


class BarReader(io.TextIOBase):
    """A stream that stands for standard error while a library draws a bar; other texts are dropped.

    Args:
        label: what the library does, as it is reported.
    """

    def __init__(self, label: str) -> None:
        self.label, self._shown = label, find_error_stream()

    def write(self, text: str) -> int:
        """Reports the last numbers of a bar in a text."""
        if found := DONE.findall(text):
            done, total = map(int, found[-1])
            with contextlib.redirect_stderr(self._shown):  # whoever shows the progress writes there
                report_work(self.label, done, total)
        return len(text)

    def writable(self) -> bool:
        """Returns True."""
        return True
