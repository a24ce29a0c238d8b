"""Mapping as data: where in a raw row the prompt, the answers and the labels are.

A *path* names a field (`question`), a field inside another (`scores.overall`), an item of a list
(`conversations.0.value`) or every item (`answers.*.text`). A key that holds a dot is taken whole when the row has it.
"""

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from unipref.contracts import Settings
from unipref.records import Axis, Message, Messages, Reason, Reject, Row

Path = Annotated[str, Field(min_length=1)]
Paths = Path | Annotated[list[Path], Field(min_length=1)]

LARGEST = 1e100
"""A score beyond it is taken for a fault; sums of and gaps between smaller ones stay finite."""
DEEPEST = 100
"""Levels of nesting in a value that is kept."""

KNOWN_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
"""Role names in common use -> ours; `roles:` in the mapping adds to them."""


def pluck(row: Any, path: str) -> Any:
    """The value at a path.

    Raises:
        Reject: `missing_field` when there is none; a null is a value.
    """
    value = row
    if isinstance(row, dict) and path in row:
        return row[path]
    parts = path.split(".")
    for depth, part in enumerate(parts):
        if part == "*" and isinstance(value, list):
            rest = ".".join(parts[depth + 1 :])
            return [pluck(item, rest) if rest else item for item in value]
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", part) and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        else:
            raise Reject(Reason.MISSING_FIELD, f"not in the row, which has {_keys(value)}", path)
    return value


def _keys(value: Any) -> str:
    if isinstance(value, dict):
        return "the fields " + ", ".join(str(k) for k in list(value)[:12]) if value else "no fields"
    return f"a list of {len(value)}" if isinstance(value, list) else f"a {type(value).__name__}"


def text(value: Any, field: str) -> str:
    """A value that must be text, outer white space removed.

    Raises:
        Reject: `not_text` for lists of content parts that are not text, `wrong_type` for anything else.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and all(isinstance(part, dict) and "type" in part for part in value):
        kinds = {str(part["type"]) for part in value}
        if kinds == {"text"} and all(isinstance(part.get("text"), str) for part in value):
            return "".join(part["text"] for part in value).strip()
        found = ", ".join(sorted(kinds - {"text"})) or "a part of type text without text"
        raise Reject(Reason.NOT_TEXT, f"holds {found[:80]}; only text is used", field)
    raise Reject(Reason.WRONG_TYPE, f"expected text, found {_shown(value)}", field)


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:60]!r}"


def answer_text(value: Any, field: str) -> str:
    """Text of an answer, which may not be empty."""
    answer = text(value, field)
    if not answer:
        raise Reject(Reason.EMPTY_RESPONSE, "the answer is empty", field)
    return answer


def joined(row: Row, paths: Paths) -> str:
    """The texts at one or several paths, empty or null ones skipped, with a blank line between."""
    names = [paths] if isinstance(paths, str) else paths
    parts = [text(value, path) for path in names if (value := pluck(row, path)) is not None]
    return "\n\n".join(part for part in parts if part)


def number(value: Any, field: str) -> float | None:
    """A score; None for null or an empty CSV cell.

    Raises:
        Reject: `wrong_type` for booleans and text that is no number, `bad_score` for NaN, infinities and the like.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {_shown(value)}", field)
    try:
        score = float(value)
    except (ValueError, OverflowError) as error:
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {_shown(value)}", field) from error
    if not abs(score) <= LARGEST:
        raise Reject(Reason.BAD_SCORE, f"expected a finite number, found {score:g}", field)
    return score


def storable(value: Any, field: str, depth: int = 0) -> Any:
    """A value of a row as what it can be kept as in JSON and between processes.

    NaN and infinities become null, whole numbers beyond 64 bits text.

    Raises:
        Reject: `wrong_type` when it is nested deeper than `DEEPEST` levels.
    """
    if depth > DEEPEST:
        raise Reject(Reason.WRONG_TYPE, f"nested deeper than {DEEPEST} levels", field)
    if isinstance(value, dict):
        return {str(key): storable(inner, field, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner, field, depth + 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


def conversation(value: Any, field: str, roles: Mapping[str, str]) -> Messages:
    """A list of turns as messages.

    Turns are mappings with role/content or from/value, or bare strings whose speakers alternate, the user first.

    Raises:
        Reject: not a list of turns, an unknown role, content that is not text.
    """
    if not isinstance(value, list) or not value:
        raise Reject(Reason.WRONG_TYPE, f"expected a list of turns, found {_shown(value)}", field)
    if all(isinstance(turn, str) for turn in value):
        return [Message(role=("user", "assistant")[i % 2], content=turn.strip()) for i, turn in enumerate(value)]
    return [_turn(turn, f"{field}.{i}", roles) for i, turn in enumerate(value)]


def _turn(turn: Any, field: str, roles: Mapping[str, str]) -> Message:
    if not isinstance(turn, dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a turn with role and content, found {_shown(turn)}", field)
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Reject(Reason.NOT_TEXT, "the turn calls a tool; only text is used", field)
    for role_key, content_key in (("role", "content"), ("from", "value")):
        if role_key in turn and content_key in turn:
            content = text(turn[content_key], f"{field}.{content_key}")
            return Message(role=role_of(turn[role_key], f"{field}.{role_key}", roles), content=content)
    raise Reject(
        Reason.MISSING_FIELD, f"a turn needs role and content (or from and value); it has {_keys(turn)}", field
    )


def role_of(name: Any, field: str, roles: Mapping[str, str]) -> str:
    """Our name for a role.

    Raises:
        Reject: `bad_role` when neither the mapping's `roles` nor the common names know it.
    """
    known = roles.get(str(name)) or KNOWN_ROLES.get(str(name).lower())
    if known is None:
        detail = f"unknown role {str(name)[:40]!r}; known: {', '.join(sorted({*KNOWN_ROLES, *roles}))}"
        raise Reject(Reason.BAD_ROLE, f"{detail}. Translate it with 'roles:'", field)
    return known


@functools.cache
def _marker_pattern(user: str, assistant: str) -> re.Pattern[str]:
    return re.compile(f"({re.escape(user)}|{re.escape(assistant)})")


def transcript(value: str, user: str, assistant: str) -> Messages | None:
    """A dialogue written as one text with speaker marks as messages; None when it does not begin with a mark.

    Args:
        value: the text; its first mark may lack the line breaks that belong to it.
        user: mark before a user's turn, line breaks included.
        assistant: mark before an assistant's turn.
    """
    lead, *pieces = _marker_pattern(user, assistant).split("\n\n" + value.lstrip())
    if not pieces or lead.strip():
        return None
    return [
        Message(role="user" if mark == user else "assistant", content=content.strip())
        for mark, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def split_dialogue(messages: Messages, field: str) -> tuple[Messages, Messages]:
    """A dialogue as its prompt, up to the last user turn, and what follows it: the final answer.

    Raises:
        Reject: it does not end with an assistant's turn, the answer is empty, or there is no prompt before it.
    """
    if messages[-1]["role"] != "assistant":
        raise Reject(Reason.NO_ANSWER, f"ends with a turn of the {messages[-1]['role']}, not with an answer", field)
    if not messages[-1]["content"]:
        raise Reject(Reason.EMPTY_RESPONSE, "the answer is empty", field)
    cut = last_user_turn(messages)
    check_prompt(messages[:cut], field)
    return messages[:cut], messages[cut:]


def check_prompt(prompt: Messages, field: str) -> None:
    """Refuses a prompt that asks nothing: it must end with a user turn that has text."""
    if not prompt or prompt[-1]["role"] != "user":
        raise Reject(Reason.EMPTY_PROMPT, "the prompt does not end with a user turn", field)
    if not prompt[-1]["content"]:
        raise Reject(Reason.EMPTY_PROMPT, "the user turn before the answer is empty", field)


def asked(prompt_text: str, field: str, system: str = "") -> Messages:
    """A prompt's text (and system text) as messages."""
    if not prompt_text:
        raise Reject(Reason.EMPTY_PROMPT, "the prompt is empty", field)
    lead = [Message(role="system", content=system)] if system else []
    return [*lead, Message(role="user", content=prompt_text)]


def answered(answer: str) -> Messages:
    """An answer's text as messages."""
    return [Message(role="assistant", content=answer)]


class AxisSpec(Settings):
    """Where one axis of scores is, and how to read it. Low, high and direction are declared, never guessed."""

    field: Path
    """Path of the score."""
    better: Literal["high", "low"]
    """Which end of the scale is better."""
    low: float | None = None
    """Lowest possible score; a score below it is a reject."""
    high: float | None = None
    """Highest possible score; a score above it is a reject."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> "AxisSpec":
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self

    def axis(self) -> Axis:
        """The scale as the projection uses it."""
        return Axis(better=self.better, low=self.low, high=self.high)

    def score(self, row: Any) -> float | None:
        """The row's score on this axis; None when the row has none.

        Raises:
            Reject: no number, not finite, or outside the declared scale.
        """
        try:
            value = pluck(row, self.field)
        except Reject:
            return None
        score = number(value, self.field)
        if score is None:
            return None
        if (self.low is not None and score < self.low) or (self.high is not None and score > self.high):
            detail = f"{score:g} is outside the declared scale {_end(self.low)}..{_end(self.high)}"
            raise Reject(Reason.BAD_SCORE, detail, self.field)
        return score


def _end(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}"


def scores_of(row: Any, specs: dict[str, AxisSpec]) -> dict[str, float]:
    """Axis -> score for every axis the row has a score on."""
    return {axis: score for axis, spec in specs.items() if (score := spec.score(row)) is not None}


def _is_pattern(pattern: str) -> str:
    try:
        if re.compile(pattern).groups < 1:
            raise ValueError("the pattern needs one group in parentheses: the part that twins share")
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


class Twins(Settings):
    """What rows that belong together share, such as WinoGrande's twin sentences; they stay on one side of the split."""

    field: Path
    """Path of the field they share."""
    pattern: Annotated[str, AfterValidator(_is_pattern)] = r"(?s)^(.*)$"
    """Regular expression whose first group is the shared part."""

    def of(self, row: Row) -> str:
        """The shared part of one row."""
        value = str(pluck(row, self.field))
        match = re.search(self.pattern, value)
        if match is None:
            raise Reject(Reason.BAD_LABEL, f"{value[:60]!r} does not match the pattern {self.pattern!r}", self.field)
        return match.group(1)


def common_prefix(first: Sequence[Message], second: Sequence[Message]) -> int:
    """How many leading turns two dialogues share."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def last_user_turn(messages: Iterable[Message]) -> int:
    """Index after the last user turn; 0 when there is none."""
    return max((i + 1 for i, m in enumerate(messages) if m["role"] == "user"), default=0)
