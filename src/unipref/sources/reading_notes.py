"""Notes about rows that are read, but not as they may be meant: a repeated key, a second header, a formula.

A reader notes what it saw before it yields the row. Whoever reads the rows collects the notes and counts them.
"""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator

import msgspec

from unipref.core.terminal import show_text

MAX_NOTES, OTHER_NOTES = 40, "other remarks on rows"
"""Most different notes that are counted, and the note under which the rest is counted."""
_NOTES: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("notes", default=None)


@contextlib.contextmanager
def collect_notes() -> Iterator[list[str]]:
    """Yields a list that gets the notes on each row just before the row. The caller empties it."""
    notes: list[str] = []
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def note_row(note: str) -> None:
    """Notes something about the row that is yielded next. The text is the same for all rows of a kind."""
    notes = _NOTES.get()
    if notes is not None:
        notes.append(note)


class RowNotes(msgspec.Struct):
    """The notes on the rows of a source: note -> the number of rows, and the place of the first one."""

    counts: dict[str, int] = {}
    first: dict[str, str] = {}

    def add(self, notes: Iterable[str], place: str) -> None:
        """Adds the notes on one row."""
        for note in dict.fromkeys(notes):
            self._add(note, 1, place)

    def __add__(self, later: "RowNotes") -> "RowNotes":
        both = RowNotes(dict(self.counts), dict(self.first))
        for note, count in later.counts.items():
            both._add(note, count, later.first[note])
        return both

    def _add(self, note: str, count: int, place: str) -> None:
        if note not in self.counts and len(self.counts) >= MAX_NOTES:
            note = OTHER_NOTES
        self.counts[note] = self.counts.get(note, 0) + count
        self.first.setdefault(note, place)

    def as_texts(self) -> list[str]:
        """Returns one text for each note."""
        return [
            show_text(f"{count:,} {'row' if count == 1 else 'rows'}: {note}; the first: {self.first[note]}")
            for note, count in self.counts.items()
        ]
