"""Measures conversion accuracy against a gold file, in which a person wrote down what raw rows prefer.

A file of true labels has the same form. Its entries say which answer is better, whatever the row says.
"""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash
from pydantic import Field, model_validator

from unipref.analysis.audit.findings import GoldAccuracy, TruthCheck, WrongEntry
from unipref.analysis.audit.unified_run import AuditedPreference
from unipref.core import registry, yaml_files
from unipref.core.contracts import Settings
from unipref.core.errors import UserError
from unipref.core.messages import message_text
from unipref.core.records import Messages, Reason
from unipref.core.stats.calibration import measure_calibration
from unipref.core.stats.wilson import wilson

BEGINNING = 20
"""Maximum number of characters of an answer that an entry may quote."""
SHOWN = 20
"""Number of characters of an answer in messages."""


class Side(Settings):
    """How an entry identifies an answer."""

    begins: str | None = None
    xxh: str | None = None

    def matches(self, turns: Messages | None) -> bool:
        """Whether the entry means this answer; an entry without an answer matches a missing one."""
        if self.begins is None and self.xxh is None:
            return turns is None
        if turns is None:
            return False
        text = last_turn_text(turns)
        begins = self.begins is None or text.startswith(" ".join(self.begins.split()))
        return begins and (self.xxh is None or answer_hash(turns) == self.xxh)

    def describe(self) -> str:
        """Describes the answer, for the list of wrong entries."""
        return "none" if self.begins is self.xxh is None else repr(self.begins) if self.begins else f"xxh {self.xxh}"


class GoldEntry(Settings):
    """One judgement of a raw row by a person. A side left out here must be missing in the preference."""

    origin: str
    """`file:row` of the raw row, as in the column `origin`."""
    prompt: str | None = None
    """Beginning of a user turn of the prompt, if the row holds several prompts."""
    chosen_begins: str | None = Field(default=None, min_length=1, max_length=BEGINNING)
    """First characters of the better answer."""
    rejected_begins: str | None = Field(default=None, min_length=1, max_length=BEGINNING)
    """First characters of the worse answer."""
    chosen_xxh: str | None = Field(default=None, pattern="^[0-9a-f]{16}$")
    """Instead, or in addition: the xxh3-64 hash of the better answer, each run of white space replaced by one space."""
    rejected_xxh: str | None = Field(default=None, pattern="^[0-9a-f]{16}$")
    """The same for the worse answer."""
    reject: Reason | None = None
    """Instead of answers: the reason why this row yields no preference."""

    @model_validator(mode="after")
    def _check_answers_or_reject(self) -> "GoldEntry":
        answers = any((self.chosen_begins, self.rejected_begins, self.chosen_xxh, self.rejected_xxh))
        if answers == (self.reject is not None):
            raise ValueError("give either answers (chosen_begins, rejected_begins, ..._xxh) or 'reject'")
        return self

    @property
    def chosen(self) -> Side:
        """The better answer."""
        return Side(begins=self.chosen_begins, xxh=self.chosen_xxh)

    @property
    def rejected(self) -> Side:
        """The worse answer."""
        return Side(begins=self.rejected_begins, xxh=self.rejected_xxh)

    def describe(self) -> str:
        """Describes what the entry expects."""
        if self.reject is not None:
            return f"reject: {self.reject.value}"
        return f"chosen {self.chosen.describe()}, rejected {self.rejected.describe()}"


def last_turn_text(turns: Messages) -> str:
    """The text of a side's last turn, each run of white space replaced by one space."""
    return " ".join(message_text(turns[-1]).split())


def answer_hash(turns: Messages) -> str:
    """The xxh3-64 hash of `last_turn_text`, 16 hexadecimal digits."""
    return str(xxhash.xxh3_64_hexdigest(last_turn_text(turns).encode("utf-8", "surrogatepass")))


@dataclass
class Found:
    """What preferences and rejects say of the entries, by the number of the entry.

    Attributes:
        right: entries that one agrees with.
        contrary: entry -> the last preference that disagrees.
        other: entry -> the first with other answers.
        files: the files that the run read.
        overruled: entries whose preference was overruled.
        decided: number of a preference -> its confidence, and whether entries agree with it.
    """

    right: set[int] = field(default_factory=set)
    contrary: dict[int, str] = field(default_factory=dict)
    other: dict[int, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    overruled: set[int] = field(default_factory=set)
    decided: dict[int, tuple[float, set[bool]]] = field(default_factory=dict)

    def merge(self, later: "Found") -> None:
        """Adds what later preferences say."""
        self.right |= later.right
        self.contrary |= later.contrary
        self.other = later.other | self.other
        self.files |= later.files
        self.overruled |= later.overruled
        self.decided |= later.decided


class GoldCheck:
    """Compares the entries of a gold file with a stream of preferences and rejects.

    Args:
        path: YAML (a list) or JSON Lines (.jsonl).

    Raises:
        UserError: the file is missing or empty, or an entry is invalid.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries = [registry.validate_settings(GoldEntry, raw, where) for where, raw in _read(path)]
        if not self.entries:
            raise UserError("the gold file has no entries.", where=str(path))
        self._entries_of: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            self._entries_of.setdefault(entry.origin, []).append(number)
        self.found = Found()

    def start_again(self) -> "GoldCheck":
        """Returns a check with the same entries that has compared nothing."""
        check = copy.copy(self)
        check.found = Found()
        return check

    def add(self, preference: AuditedPreference) -> None:
        """Compares a preference with the entries about its rows."""
        for origin in preference.origin:
            self.found.files.add(_file(origin))
            for number in self._entries_of.get(origin, ()):
                entry = self.entries[number]
                if entry.prompt is None or any(_begins(turn, entry.prompt) for turn in preference.user_turns):
                    self._compare(number, entry, preference)

    def _compare(self, number: int, entry: GoldEntry, preference: AuditedPreference) -> None:
        chosen, rejected = (_quote(side) for side in (preference.chosen, preference.rejected))
        found = f"chosen {chosen}, rejected {rejected}"
        if entry.reject is not None:
            self.found.contrary[number] = found
            return
        right = entry.chosen.matches(preference.chosen) and entry.rejected.matches(preference.rejected)
        flipped = entry.chosen.matches(preference.rejected) and entry.rejected.matches(preference.chosen)
        if right != flipped and preference.confidence is not None and preference.chosen and preference.rejected:
            self.found.decided.setdefault(preference.number, (preference.confidence, set()))[1].add(right)
        if right and flipped:
            self.found.contrary[number] = f"both answers fit either side ({found}); tell them apart with chosen_xxh"
        elif right:
            self.found.right.add(number)
        elif flipped:
            self.found.contrary[number] = f"the other way round: {found}"
        else:
            self.found.other.setdefault(number, found)

    def add_reject(self, row: dict[str, Any]) -> None:
        """Compares a row of `rejects.parquet` with the entries about its rows."""
        for origin in row["origin"]:
            self.found.files.add(_file(origin))
            for number in self._entries_of.get(origin, ()):
                if self.entries[number].reject == row["reason"]:
                    self.found.right.add(number)
                elif self.entries[number].reject is None and row["reason"] == Reason.OVERRULED.value:
                    self.found.overruled.add(number)
                else:
                    self.found.other.setdefault(number, f"reject: {row['reason']} ({row['detail']})")

    def compute_accuracy(self) -> GoldAccuracy:
        """Computes the accuracy. An entry is right if a preference or a reject of its row agrees and none disagrees.

        Raises:
            UserError: the run read none of the files that the entries name.
        """
        files = self._check_files()
        wrong, by_file = [], {name: Counter[bool]() for name in sorted(files)}
        # Which answers an overruled preference had is not in the run, so its conversion cannot be checked.
        overruled = self.found.overruled - self.found.right - self.found.contrary.keys() - self.found.other.keys()
        for number, entry in enumerate(self.entries):
            if number in overruled:
                continue
            is_right = number in self.found.right and number not in self.found.contrary
            by_file[_file(entry.origin)][is_right] += 1
            if not is_right:
                found = self.found.contrary.get(number) or self.found.other.get(number) or "nothing came from this row"
                wrong.append(WrongEntry(number + 1, entry.origin, entry.describe(), found))
        n = len(self.entries) - len(overruled)
        right = n - len(wrong)
        low, high = wilson(right, n) if n else (0.0, 1.0)
        shares = {name: (count[True], count.total()) for name, count in by_file.items()}
        return GoldAccuracy(right, n, right / n if n else 0.0, low, high, shares, wrong, len(overruled))

    def check_truth(self) -> TruthCheck:
        """Measures how often labels are right, by their confidence.

        Raises:
            UserError: the run read none of the files that the entries name.
        """
        self._check_files()
        # A preference on which entries contradict each other tells nothing.
        decided = [(confidence, labels.pop()) for confidence, labels in self.found.decided.values() if len(labels) == 1]
        calibration = measure_calibration([one for one, _ in decided], [label for _, label in decided])
        return TruthCheck(len(self.entries), calibration)

    def _check_files(self) -> set[str]:
        """Returns the files that the entries name; raises a UserError if the run read none of them."""
        files = {_file(entry.origin) for entry in self.entries}
        if not files & self.found.files:
            raise UserError(
                f"the entries are about {', '.join(sorted(files)[:3])}; the run read "
                f"{', '.join(sorted(self.found.files)[:3]) or 'nothing'}.",
                where=str(self._path),
                mend="Write each origin as in the run: the file relative to data_root, a colon, the row.",
            )
        return files


def _read(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields each entry with its place in the file."""
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
        raise UserError(f"the line is not valid JSON: {error}.", where=where) from None


def _entry(value: Any, where: str) -> tuple[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"expected an entry with 'origin', found {str(value)[:40]!r}.", where=where)
    return where, value


def _file(origin: str) -> str:
    return origin.rpartition(":")[0]


def _begins(turn: str, beginning: str) -> bool:
    return " ".join(turn.split()).startswith(" ".join(beginning.split()))


def _quote(turns: Messages | None) -> str:
    return "none" if turns is None else repr(last_turn_text(turns)[:SHOWN])
