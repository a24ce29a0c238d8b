"""The file of verdicts: one line for each, written to the disk at once; an undone one is cut off again."""

import collections
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from unipref.collect.review.queue import Item, Side
from unipref.core.errors import UserError, report_missing_resources

VOTES = "votes.jsonl"
Verdict = Literal["first", "second", "tie", "both_bad"]


class GivenVerdict(msgspec.Struct, frozen=True):
    """A line of the file without its texts.

    Attributes:
        pair, prompt_key: key of the prompt with both answers, and of the prompt.
        vote: the better answer, a tie, or that both are bad; None if the reviewer skipped the pair.
        reviewer: who judged.
        shown_first: the answer that was on the left, or above.
        preference, source, objective, reasons: as of the item.
        data: the answer that the data calls better.
        confidence: of the data in it; None if it is not known.
    """

    pair: str
    prompt_key: str
    vote: Verdict | None
    reviewer: str
    shown_first: Side
    preference: str
    source: str
    objective: str
    reasons: list[str]
    data: Side
    confidence: float | None = None


class VotesFile:
    """The file of a folder. Only the process that holds the folder's lock writes it.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[GivenVerdict]:
        """Returns all verdicts in the order in which they were given; a last line without an end is not one yet.

        Raises:
            UserError: a line is no verdict.
        """
        return [verdict for _, verdict in self._read_lines()]

    def _read_lines(self) -> Iterator[tuple[int, GivenVerdict]]:
        """Yields where each line begins, and its verdict."""
        if not self.path.is_file():
            return
        start = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield start, msgspec.json.decode(line, type=GivenVerdict)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    raise UserError(
                        f"the line is no verdict that unipref wrote: {error}.",
                        where=f"{self.path}:{number}",
                        mend="Remove the line, or restore the file.",
                    ) from error
                start += len(line)

    def append(self, item: Item, vote: Verdict | None, reviewer: str, shown_first: Side, at: str) -> None:
        """Adds a verdict, which is on the disk when this returns.

        Args:
            item: what was judged.
            vote: the verdict; None: skipped.
            reviewer: who judged.
            shown_first: the answer that was on the left.
            at: when, as text.

        Raises:
            ResourceError: the disk is full, or the file cannot be written; it stays as it was.
        """
        row: dict[str, Any] = {
            "pair": item.pair,
            "prompt": item.prompt,
            "first": item.first,
            "second": item.second,
            "vote": vote,
            "reviewer": reviewer,
            "shown_first": shown_first,
            "data": item.data,
            "confidence": item.confidence,
            "reasons": item.reasons,
            "source": item.source,
            "objective": item.objective,
            "preference": item.preference,
            "prompt_key": item.prompt_key,
            "at": at,
        }
        with report_missing_resources(str(self.path)):
            is_new = not self.path.exists()
            with self.path.open("ab") as file:
                end = file.tell()
                try:
                    file.write(msgspec.json.encode(row) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.ftruncate(file.fileno(), end)
                    raise
            if is_new:
                _sync_folder(self.path.parent)

    def undo(self, reviewer: str) -> GivenVerdict | None:
        """Cuts off the last verdict; None, and nothing happens, if it is not one of this reviewer."""
        last = collections.deque(self._read_lines(), maxlen=1)
        if not last or last[0][1].reviewer != reviewer:
            return None
        start, verdict = last[0]
        self._cut(start)
        return verdict

    def repair(self) -> None:
        """Cuts off a last line without an end, which a killed process left."""
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            self._cut(content.rfind(b"\n") + 1)

    def _cut(self, end: int) -> None:
        with report_missing_resources(str(self.path)), self.path.open("r+b") as file:
            file.truncate(end)
            file.flush()
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Writes the name of a new file to the disk, where the system can do so."""
    with contextlib.suppress(OSError):
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
