"""Reads the progress bars that a library draws on standard error, and reports their numbers instead."""

import contextlib
import io
import re

from unipref.core.terminal import echo, find_error_stream
from unipref.core.work_progress import report_work

DONE = re.compile(r"(\d+)/(\d+) \[")
"""What tqdm writes after its bar: units done, units in all, and the time in brackets."""
BAR = re.compile(r"\[\d+:\d\d(?::\d\d)?[<,\]]")
"""The time in the brackets, which a bar without a number of units has too."""
MOVES = re.compile(r"\x1b\[A")
"""What tqdm writes to move the cursor."""


class BarReader(io.TextIOBase):
    """A stream that stands for standard error while a library draws a bar; it passes other texts on.

    Args:
        label: what the library does, as it is reported.
    """

    def __init__(self, label: str) -> None:
        self.label, self._shown = label, find_error_stream()
        self._is_within_line = False

    def write(self, text: str) -> int:
        """Reports the last numbers of a bar, which tqdm writes by one call; passes a text without a bar on."""
        with contextlib.redirect_stderr(self._shown):  # whoever shows the progress writes there too
            if not BAR.search(text):
                self._pass_on(text)
            elif found := DONE.findall(text):
                done, total = map(int, found[-1])
                report_work(self.label, done, total)
        return len(text)

    def _pass_on(self, text: str) -> None:
        """Writes a text, without the line ends and blanks that belong to a bar."""
        rest = MOVES.sub("", text)
        if rest.strip():
            rest = rest.lstrip("\r")
        elif "\r" in rest or not self._is_within_line:
            return
        self._is_within_line = not rest.endswith("\n")
        echo(rest, err=True, end="")

    def writable(self) -> bool:
        """Returns True."""
        return True
