"""Conversion accuracy against a gold file: what a person who read the raw rows says they prefer."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash
from pydantic import Field, model_validator

from unipref.analysis.audit.findings import GoldVerdict, WrongEntry
from unipref.analysis.audit.unified_run import Judged
from unipref.core import registry, yaml_files
from unipref.core.contracts import Settings
from unipref.core.errors import UserError
from unipref.core.records import Messages, Reason
from unipref.core.stats.wilson import wilson

BEGINNING = 20
"""Most characters of an answer that an entry may quote."""
SHOWN = 20


class Side(Settings):
    """How an entry names an answer."""

    begins: str | None = None
    xxh: str | None = None

    def fits(self, turns: Messages | None) -> bool:
        """Whether this is the answer meant; an entry that names none wants none."""
        if self.begins is None and self.xxh is None:
            return turns is None
        if turns is None:
            return False
        said = answer(turns)
        begins = self.begins is None or said.startswith(" ".join(self.begins.split()))
        return begins and (self.xxh is None or answer_hash(turns) == self.xxh)

    def shown(self) -> str:
        """The answer meant, for the list of wrong entries."""
        return "none" if self.begins is self.xxh is None else repr(self.begins) if self.begins else f"xxh {self.xxh}"


class GoldEntry(Settings):
    """One judgement of a person: what a raw row says. A side that is left out must be missing in the preference."""

    origin: str
    """`file:row` of the raw row, as in the column `origin`."""
    prompt: str | None = None
    """Beginning of a user turn of the prompt, where the row holds several."""
    chosen_begins: str | None = Field(default=None, min_length=1, max_length=BEGINNING)
    """First characters of the better answer."""
    rejected_begins: str | None = Field(default=None, min_length=1, max_length=BEGINNING)
    """First characters of the worse answer."""
    chosen_xxh: str | None = Field(default=None, pattern="^[0-9a-f]{16}$")
    """Instead, or besides: the xxh3-64 hash of the better answer, blanks and line ends made one blank."""
    rejected_xxh: str | None = Field(default=None, pattern="^[0-9a-f]{16}$")
    """The same of the worse answer."""
    reject: Reason | None = None
    """Instead of answers: nothing can be told from this row, for this reason."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> "GoldEntry":
        answers = any((self.chosen_begins, self.rejected_begins, self.chosen_xxh, self.rejected_xxh))
        if answers == (self.reject is not None):
            raise ValueError("give either answers (chosen_begins, rejected_begins, ..._xxh) or 'reject'")
        return self

    @property
    def chosen(self) -> Side:
        """How the better answer is named."""
        return Side(begins=self.chosen_begins, xxh=self.chosen_xxh)

    @property
    def rejected(self) -> Side:
        """How the worse answer is named."""
        return Side(begins=self.rejected_begins, xxh=self.rejected_xxh)

    def expected(self) -> str:
        """What it says, in words."""
        if self.reject is not None:
            return f"reject: {self.reject.value}"
        return f"chosen {self.chosen.shown()}, rejected {self.rejected.shown()}"


def answer(turns: Messages) -> str:
    """The last turn of a side, with blanks and line ends made one blank."""
    return " ".join(turns[-1]["content"].split())


def answer_hash(turns: Messages) -> str:
    """The xxh3-64 hash of `answer`, 16 hexadecimal digits."""
    return str(xxhash.xxh3_64_hexdigest(answer(turns).encode("utf-8", "surrogatepass")))


class Gold:
    """The entries of a gold file, and what became of each as preferences and rejects stream past.

    Args:
        path: YAML (a list) or JSON Lines (.jsonl).

    Raises:
        UserError: no such file, an entry that is wrong, or none at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries = [registry.validate_settings(GoldEntry, raw, where) for where, raw in _read(path)]
        if not self.entries:
            raise UserError("there is no entry in it.", where=str(path))
        self._at: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            self._at.setdefault(entry.origin, []).append(number)
        self._right: set[int] = set()
        self._against: dict[int, str] = {}
        self._other: dict[int, str] = {}
        self._files: set[str] = set()

    def add(self, judged: Judged) -> None:
        """Holds a preference against the entries of its rows."""
        for origin in judged.origin:
            self._files.add(_file(origin))
            for number in self._at.get(origin, ()):
                entry = self.entries[number]
                if entry.prompt is None or any(_begins(turn, entry.prompt) for turn in judged.asked):
                    self._hold(number, entry, judged)

    def _hold(self, number: int, entry: GoldEntry, judged: Judged) -> None:
        chosen, rejected = (_shown(side) for side in (judged.chosen, judged.rejected))
        said = f"chosen {chosen}, rejected {rejected}"
        if entry.reject is not None:
            self._against[number] = said
            return
        right = entry.chosen.fits(judged.chosen) and entry.rejected.fits(judged.rejected)
        flipped = entry.chosen.fits(judged.rejected) and entry.rejected.fits(judged.chosen)
        if right and flipped:
            self._against[number] = f"both answers fit either side ({said}); tell them apart with chosen_xxh"
        elif right:
            self._right.add(number)
        elif flipped:
            self._against[number] = f"the other way round: {said}"
        else:
            self._other.setdefault(number, said)

    def add_reject(self, row: dict[str, Any]) -> None:
        """Holds a row of `rejects.parquet` against the entries of its rows."""
        for origin in row["origin"]:
            self._files.add(_file(origin))
            for number in self._at.get(origin, ()):
                if self.entries[number].reject == row["reason"]:
                    self._right.add(number)
                else:
                    self._other.setdefault(number, f"reject: {row['reason']} ({row['detail']})")

    def verdict(self) -> GoldVerdict:
        """The accuracy. An entry is right when a preference, or a reject, of its row says what it says and none says
        the contrary.

        Raises:
            UserError: the run has read none of the files the entries name.
        """
        wanted = {_file(entry.origin) for entry in self.entries}
        if not wanted & self._files:
            raise UserError(
                f"its entries are about {', '.join(sorted(wanted)[:3])}; the run read "
                f"{', '.join(sorted(self._files)[:3]) or 'nothing'}.",
                where=str(self._path),
                mend="Write each origin as it stands in the run: the file relative to data_root, a colon, the row.",
            )
        wrong, by_file = [], {name: Counter[bool]() for name in sorted(wanted)}
        for number, entry in enumerate(self.entries):
            is_right = number in self._right and number not in self._against
            by_file[_file(entry.origin)][is_right] += 1
            if not is_right:
                found = self._against.get(number) or self._other.get(number) or "nothing came from this row"
                wrong.append(WrongEntry(number + 1, entry.origin, entry.expected(), found))
        n, right = len(self.entries), len(self.entries) - len(wrong)
        low, high = wilson(right, n)
        shares = {name: (count[True], count.total()) for name, count in by_file.items()}
        return GoldVerdict(right, n, right / n, low, high, shares, wrong)


def _read(path: Path) -> Iterator[tuple[str, Any]]:
    """Each entry with its place in the file."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the gold file cannot be read: {error}.", where=str(path)) from error
    if path.suffix in (".jsonl", ".ndjson"):
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                yield _entry(_json(line, f"{path}:{number}"), f"{path}:{number}")
        return
    entries = yaml_files.parse(content, str(path))
    if not isinstance(entries, list):
        raise UserError("expected a list of entries.", where=str(path), mend="Begin each entry with '- origin: '.")
    yield from (_entry(entry, f"{path}: entry {number}") for number, entry in enumerate(entries, 1))


def _json(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UserError(f"the line is no JSON: {error}.", where=where) from None


def _entry(value: Any, where: str) -> tuple[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"expected an entry with 'origin', found {str(value)[:40]!r}.", where=where)
    return where, value


def _file(origin: str) -> str:
    return origin.rpartition(":")[0]


def _begins(turn: str, beginning: str) -> bool:
    return " ".join(turn.split()).startswith(" ".join(beginning.split()))


def _shown(turns: Messages | None) -> str:
    return "none" if turns is None else repr(answer(turns)[:SHOWN])
