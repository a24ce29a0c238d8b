"""Where the part of a dialogue that a row judges ends: at a turn, a place in the list, a message's id, or an answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import model_validator

from unipref.core.contracts import Settings
from unipref.core.display import describe_value
from unipref.core.records import Messages, Reason, Reject, Row
from unipref.core.values import value_key
from unipref.unify.mapping.fields import Path, read_number
from unipref.unify.mapping.message_links import TurnFields, get_inside, link_messages, read_branch
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.turns import are_exchanges, find_roles


class Until(Settings):
    """The answer with which a dialogue ends. Later messages are not read. Give one of `turn`, `index`, `message` and
    `answer`.
    """

    turn: Path | None = None
    """Path of the number of a turn: one turn is the user's messages and the answer to them. A system text does not
    count."""
    index: Path | None = None
    """Path of the answer's place in the list of messages."""
    counted_from: Literal[0, 1] | None = None
    """The number of the first turn or place; default: 1 for `turn`, 0 for `index`."""
    message: Path | None = None
    """Path of the answer's id."""
    answer: Literal["last"] | None = None
    """`last`: the dialogue ends with the last answer of the assistant, if the user's thanks follow it."""
    id: Path | None = None
    """Path of the id inside a message; default: `id`. A mapping id -> message does not need it."""
    parent: Path | None = None
    """Path, inside a message, of the id of the message that it follows. The dialogue is then the answer and all
    messages before it in the tree."""

    @model_validator(mode="after")
    def _names_one_place(self) -> "Until":
        if sum(place is not None for place in (self.turn, self.index, self.message, self.answer)) != 1:
            raise ValueError("give one of 'turn', 'index', 'message' and 'answer'")
        if self.message is None and (self.id is not None or self.parent is not None):
            raise ValueError("'id' and 'parent' go with 'message'")
        if self.turn is None and self.index is None and self.counted_from is not None:
            raise ValueError("'counted_from' goes with 'turn' and 'index'")
        return self

    def cut_raw(self, row: Row, value: Any, field: str, roles: Mapping[str, str], turns: TurnFields | None) -> Any:
        """Returns the raw messages of a dialogue up to its end, with the keys role and content if `turns` is given.

        Args:
            row: the raw row, which holds the number or the id.
            value: a list of raw messages; or a mapping id -> message, if `parent` is set.
            field: its path, for errors.
            roles: further role names.
            turns: where a message holds its speaker and its text; None: under common names.

        Raises:
            Reject: the place is missing, out of range or ambiguous.
        """
        if self.message is not None and self.parent is not None:
            linked = link_messages(value, field, self.id or "id", self.parent)
            key = self._read_id(row, self.message)
            if key not in linked:
                raise Reject(Reason.BAD_LABEL, f"no message of '{field}' has the id {key[:60]!r}", self.message)
            return read_branch(linked, key, turns, {self.id or "id", self.parent})
        if not isinstance(value, list) or not value:
            hint = "; for a tree of messages, set 'parent' in 'until'" if isinstance(value, dict) else ""
            raise Reject(Reason.WRONG_TYPE, f"expected a list of messages, found {describe_value(value)}{hint}", field)
        if self.message is not None:
            value = value[: self._find_message(row, self.message, value, field) + 1]
        elif self.index is not None:
            value = value[: self._read_place(row, self.index, len(value), f"'{field}' has {len(value)} messages") + 1]
        if turns is not None:
            value = [turns.rename(message, f"{field}.{i}") for i, message in enumerate(value)]
        if self.answer is not None:
            return value if are_exchanges(value, roles) else value[: _find_last_answer(find_roles(value, roles), field)]
        if self.turn is not None and are_exchanges(value, roles):
            return value[: self._read_place(row, self.turn, len(value), f"'{field}' has {len(value)} turns") + 1]
        if self.turn is not None:
            return value[: self._find_turn_end(row, self.turn, find_roles(value, roles), field)]
        return value

    def cut_messages(self, row: Row, messages: Messages, field: str) -> Messages:
        """Returns a dialogue without ids, such as a transcript, up to its end.

        Raises:
            Reject: the place is missing or out of range, or `message` is set.
        """
        if self.index is not None:
            shown = f"'{field}' has {len(messages)} messages"
            return messages[: self._read_place(row, self.index, len(messages), shown) + 1]
        if self.turn is not None:
            return messages[: self._find_turn_end(row, self.turn, [m["role"] for m in messages], field)]
        if self.answer is not None:
            return messages[: _find_last_answer([m["role"] for m in messages], field)]
        raise Reject(Reason.WRONG_TYPE, "expected a list of messages with ids, found text", field)

    def _read_place(self, row: Row, path: str, count: int, shown: str) -> int:
        """Reads a number and returns it counted from 0."""
        first = self.counted_from if self.counted_from is not None else 1 if self.turn is not None else 0
        number = read_number(get_path(row, path), path)
        if number is None:
            raise Reject(Reason.BAD_LABEL, "expected the place where the dialogue ends, found nothing", path)
        if number != int(number) or not 0 <= number - first < count:
            raise Reject(Reason.BAD_LABEL, f"{number:g} is out of range: {shown}, counted from {first}", path)
        return int(number) - first

    def _find_turn_end(self, row: Row, path: str, roles: Sequence[str | None], field: str) -> int:
        """Returns the number of messages up to the last answer of a turn."""
        starts = [i for i, role in enumerate(roles) if role == "user" and (i == 0 or roles[i - 1] != "user")]
        turn = self._read_place(row, path, len(starts), f"'{field}' has {len(starts)} turns")
        end = [*starts, len(roles)][turn + 1]
        answers = [i for i in range(starts[turn], end) if roles[i] == "assistant"]
        if not answers:
            raise Reject(Reason.NO_ANSWER, f"the turn that '{path}' names has no answer of the assistant", field)
        return answers[-1] + 1

    def _find_message(self, row: Row, path: str, messages: list[Any], field: str) -> int:
        key, inside = self._read_id(row, path), self.id or "id"
        places = []
        for i, message in enumerate(messages):
            try:
                places += [i] if value_key(get_inside(message, inside, f"{field}.{i}")) == key else []
            except Reject:
                continue
        if len(places) != 1:
            count = f"{len(places)} messages have" if places else "no message has"
            raise Reject(Reason.BAD_LABEL, f"{count} the id {key[:60]!r} in '{inside}' of '{field}'", path)
        return places[0]

    @staticmethod
    def _read_id(row: Row, path: str) -> str:
        key = value_key(get_path(row, path))
        if not key:
            raise Reject(Reason.BAD_LABEL, "expected the id of the answer, found nothing", path)
        return key


def _find_last_answer(roles: Sequence[str | None], field: str) -> int:
    """Returns the number of messages up to the last answer; of all messages if a speaker after it is not known, so that
    the reader names that speaker.
    """
    answers = [i for i, role in enumerate(roles) if role == "assistant"]
    if not answers and None not in roles:
        raise Reject(Reason.NO_ANSWER, "the dialogue has no turn of the assistant", field)
    end = answers[-1] + 1 if answers else 0
    return len(roles) if None in roles[end:] else end
