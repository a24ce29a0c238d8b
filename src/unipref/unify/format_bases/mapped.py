"""What all formats share: how a row is made ready, and the settings that have nothing to do with its shape."""

import abc
import ast
import json
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from unipref.core.contracts import Format, Settings
from unipref.core.records import Feedback, Message, Messages, Reason, Reject, Row
from unipref.core.user_functions import Dotted, load
from unipref.unify.detection.guess import Columns, Guess
from unipref.unify.mapping.fields import (
    Path,
    Paths,
    Pattern,
    describe,
    extract_group,
    get_path,
    join_texts,
    parts_of,
    place_of,
    to_json,
)
from unipref.unify.mapping.turns import check_prompt, conversation, open_transcript, user_prompt


class Twins(Settings):
    """What rows that belong together share, such as WinoGrande's twin sentences; they stay on one side of the split."""

    field: Path
    """Path of the field they share."""
    pattern: Pattern = r"(?s)^(.*)$"
    """Regular expression whose first group is the shared part."""

    def of(self, row: Row) -> str | None:
        """The shared part of one row; None where the field is null."""
        value = get_path(row, self.field)
        return None if value is None else extract_group(str(value), self.pattern, self.field)


class Mapped(Format):
    """The settings that all formats share."""

    roles: dict[str, Literal["user", "assistant", "system"]] = {}
    """Role names of the source -> user, assistant or system, where they are not the common ones."""
    system: Paths | None = None
    """Where a system text is."""
    history: Path | None = None
    """Path of earlier turns: a list of turns, or of [question, answer] pairs."""
    twins: Twins | None = None
    """What rows that must stay on one side of the split share; none: the first user turn decides."""
    objective: Path | None = None
    """Path of this row's objective, where rows differ in it."""
    keep: list[Path] = []
    """Further fields to keep in `extra`."""
    where: dict[Path, list[bool | int | float | str | None]] = {}
    """Path -> the values it may have; other rows are left out, and counted."""
    literals: list[Path] = []
    """Paths of texts that are JSON or Python literals, such as lists in CSV cells; they are read before all else."""
    function: Dotted | None = None
    """Dotted path of a Python function that is given each row and returns the row to be read."""

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """How rows with these columns would be read, when they look like this format's."""
        return None

    @abc.abstractmethod
    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """What a row says, once it is ready; as `Format.read`, less what all formats share."""

    def read(self, row: Row) -> Iterator[Feedback | Reject]:
        """Makes the row ready, reads it, and adds what all formats share."""
        row = self.ready(row)
        twin = None if self.twins is None else self.twins.of(row)
        objective = None if self.objective is None else join_texts(row, self.objective) or None
        kept = self.kept(row)
        for item in self.feedback(row):
            if isinstance(item, Reject):
                yield item
                continue
            if kept and self.across_rows:
                # Each row's own fields stay with its answer when the answers to a prompt are brought together.
                own = [msgspec.structs.replace(r, extra={**kept, **r.extra}) for r in item.responses]
                item = msgspec.structs.replace(item, responses=own)
            elif kept:
                item = msgspec.structs.replace(item, extra={**kept, **item.extra})
            yield msgspec.structs.replace(item, twins=twin, objective=objective)

    def ready(self, row: Row) -> Row:
        """The row after `function`, `literals` and `where`.

        Raises:
            Reject: the function fails or returns no row, a text is no literal, or `where` leaves the row out.
        """
        if self.function is not None:
            row = _called(self.function, row)
        for path in self.literals:
            row = _with_literals(row, path)
        for path, allowed in self.where.items():
            value = get_path(row, path)
            if not any(type(value) is type(one) and value == one for one in allowed):
                raise Reject(Reason.LEFT_OUT, f"{describe(value)} is not among the values of 'where'", path)
        return row

    def ask(self, row: Row, prompt: Paths) -> Messages:
        """The prompt: a text, a list of turns that ends with the user's, or a transcript that waits for the assistant's
        answer; system text and history before it.
        """
        parts, place = parts_of(prompt), place_of(prompt)
        if len(parts) == 1 and parts[0].field is not None and parts[0].pattern is None:
            value = get_path(row, parts[0].field)
            messages = conversation(value, place, self.roles) if isinstance(value, list) else open_transcript(value)
            if messages is not None:
                check_prompt(messages, place)
                return [*self.lead(row), *messages]
        return [*self.lead(row), *user_prompt(join_texts(row, prompt), place)]

    def lead(self, row: Row) -> Messages:
        """What stands before the dialogue or prompt: the system text and the history."""
        return [*self.system_turn(row), *self._earlier(row)]

    def system_turn(self, row: Row) -> Messages:
        """The system text as a turn, when there is one."""
        if self.system is None or not (content := join_texts(row, self.system)):
            return []
        return [Message(role="system", content=content)]

    def _earlier(self, row: Row) -> Messages:
        if self.history is None or not (value := get_path(row, self.history)):
            return []
        if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            value = [turn for pair in value for turn in pair]
        return conversation(value, self.history, self.roles)

    def kept(self, row: Row) -> dict[str, Any]:
        """The further fields to keep, those the row has."""
        found = {}
        for path in self.keep:
            try:
                value = get_path(row, path)
            except Reject:
                continue
            found[path] = to_json(value, path)
        return found


def _called(function: str, row: Row) -> Row:
    """The row that a user's function makes of a row; whatever it raises is that row's reject."""
    try:
        made = load(function)(dict(row))
    except Reject:
        raise
    except (Exception, SystemExit) as error:
        raise Reject(Reason.FUNCTION_FAILED, f"{function} raised {type(error).__name__}{_message(error)}") from error
    if not isinstance(made, dict):
        raise Reject(Reason.FUNCTION_FAILED, f"{function} returned {describe(made)}, not a row")
    return made


def _message(error: BaseException) -> str:
    """What an exception of the user's says, which may itself fail."""
    try:
        return f": {error}"
    except Exception:
        return ", whose message cannot be read"


def _literal(value: Any, path: str) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise Reject(Reason.WRONG_TYPE, f"{value[:60]!r} is neither JSON nor a Python literal", path) from error


def _with_literals(row: Row, path: str) -> Row:
    """The row with the texts at a path read as literals; the row itself stays as it is."""
    get_path(row, path)
    if path in row:
        return {**row, path: _literal(row[path], path)}
    made: Row = _read_below(row, path.split("."), path)
    return made


def _read_below(value: Any, parts: list[str], path: str) -> Any:
    if not parts:
        return _literal(value, path)
    here, *rest = parts
    if isinstance(value, dict):
        return {**value, here: _read_below(value[here], rest, path)}
    if here == "*":
        return [_read_below(item, rest, path) for item in value]
    place = int(here) % len(value)
    return [*value[:place], _read_below(value[place], rest, path), *value[place + 1 :]]
