"""Converts dialogues to messages: lists of turns, lists of strings and transcripts with speaker marks."""

import contextlib
import contextvars
import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from unipref.core.records import Message, Messages, Reason, Reject
from unipref.core.terminal import show_name
from unipref.unify.mapping.fields import describe, describe_fields, read_text, to_code

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
"""Common role names -> user, assistant or system; `roles:` in the mapping adds to them."""
MAX_NAME, MAX_NAMES, OTHER_FIELDS = 40, 200, "(other fields)"
"""Most characters of a field's name and most names that are counted, and the name under which the rest is counted."""
MAX_FIELDS = 12
"""Most unread fields that one message lists."""
WEIGHT, WEIGHT_ZERO = "weight", "weight 0"
"""Field of a turn that says how much to learn from it, and the name under which turns not to learn from are counted."""
_UNREAD: contextvars.ContextVar[Counter[str] | None] = contextvars.ContextVar("unread", default=None)


@contextlib.contextmanager
def count_unread_fields() -> Iterator[Counter[str]]:
    """Counts the turns read within the context by the fields that they hold besides role and content."""
    counts: Counter[str] = Counter()
    token = _UNREAD.set(counts)
    try:
        yield counts
    finally:
        _UNREAD.reset(token)


def note_unread_fields(turn: Mapping[str, Any], read: Iterable[str]) -> None:
    """Counts a turn's fields that are not read and not empty.

    Args:
        turn: the raw turn.
        read: the fields that are read.
    """
    counts = _UNREAD.get()
    if counts is None:
        return
    read = set(read)
    for name, value in turn.items():
        if name not in read and value not in (None, "", [], {}):
            counts[WEIGHT_ZERO if name == WEIGHT and _is_zero(value) else show_name(str(name)[:MAX_NAME])] += 1


def add_unread_fields(total: Counter[str], counts: Mapping[str, int]) -> None:
    """Adds counts of unread fields to a total, whose number of names is bounded."""
    for name, count in counts.items():
        total[name if name in total or len(total) < MAX_NAMES else OTHER_FIELDS] += count


def describe_unread_fields(counts: Mapping[str, int]) -> str:
    """Lists the fields that turns hold and that are not read, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda field: (-field[1], field[0]))
    fields = [f"{name} ({count} {'turn' if count == 1 else 'turns'})" for name, count in ordered[:MAX_FIELDS]]
    more = [f"{len(ordered) - MAX_FIELDS} more fields"] if len(ordered) > MAX_FIELDS else []
    return ", ".join([*fields, *more])


def _is_zero(weight: Any) -> bool:
    return weight in ("0", "0.0") or (isinstance(weight, int | float) and weight == 0)


def parse_turns(value: Any, field: str, roles: Mapping[str, str], ends_with_answer: bool = False) -> Messages:
    """Converts a list of turns to messages.

    Turns are mappings with role/content, from/value, or a known role and one other text under any keys. Or they are
    strings whose speakers alternate, the user first. Or each turn holds a question and its answer under the speakers'
    names, as in {human: ..., assistant: ...}. Other fields of turns are counted (`count_unread_fields`).

    Args:
        value: the raw turns.
        field: their path, for errors.
        roles: further role names.
        ends_with_answer: whether a last turn of the assistant is the answer to learn.

    Raises:
        Reject: not a list of turns, an unknown role, content that is not text, or the answer has weight 0.
    """
    if not isinstance(value, list) or not value:
        raise Reject(Reason.WRONG_TYPE, f"expected a list of turns, found {describe(value)}", field)
    if all(isinstance(turn, str) for turn in value):
        return [Message(role=("user", "assistant")[i % 2], content=turn.strip()) for i, turn in enumerate(value)]
    if all(exchanges := [_parse_exchange(turn, f"{field}.{i}", roles) for i, turn in enumerate(value)]):
        return [turn for exchange in exchanges for turn in exchange]
    keys = find_turn_keys(value, roles)
    messages = [_parse_turn(turn, f"{field}.{i}", roles, keys) for i, turn in enumerate(value)]
    if ends_with_answer and messages[-1]["role"] == "assistant" and _is_zero(value[-1].get(WEIGHT)):
        detail = "the answer has weight 0: its source says not to learn it"
        raise Reject(Reason.NOT_TO_LEARN, detail, f"{field}.{len(value) - 1}.{WEIGHT}")
    return messages


def parse_message(turn: Any, field: str, roles: Mapping[str, str], keys: tuple[str, str] | None) -> Messages:
    """Converts one raw turn, or one exchange, to messages; `keys` as `find_turn_keys` returns them for all turns.

    Raises:
        Reject: as `parse_turns`.
    """
    return _parse_exchange(turn, field, roles) or [_parse_turn(turn, field, roles, keys)]


def _parse_exchange(turn: Any, field: str, roles: Mapping[str, str]) -> Messages:
    """Converts a mapping with a question and its answer under the speakers' names; empty for anything else."""
    keys = _find_exchange_keys(turn, roles)
    if keys is None:
        return []
    note_unread_fields(turn, keys)
    return [
        Message(role=role, content=read_text(turn[key], f"{field}.{key}"))
        for role, key in zip(("user", "assistant"), keys, strict=True)
    ]


def _find_exchange_keys(turn: Any, roles: Mapping[str, str]) -> tuple[str, str] | None:
    """Returns the keys of the question and the answer in a mapping that holds both; None for anything else."""
    if not isinstance(turn, dict):
        return None
    key_of = {_find_role(key, roles): key for key in turn}
    if not key_of.keys() >= {"user", "assistant"} or {"role", "from"} & turn.keys():
        return None
    return key_of["user"], key_of["assistant"]


def are_exchanges(turns: Sequence[Any], roles: Mapping[str, str]) -> bool:
    """Whether each item of a list holds a question and its answer under the speakers' names."""
    return all(_find_exchange_keys(turn, roles) for turn in turns)


def find_roles(turns: Sequence[Any], roles: Mapping[str, str]) -> list[str | None]:
    """Returns the role of each raw turn; None if it has no known role. Strings alternate, the user first."""
    if all(isinstance(turn, str) for turn in turns):
        return [("user", "assistant")[i % 2] for i in range(len(turns))]
    keys = find_turn_keys(turns, roles)
    role_keys = ("role", "from", *([keys[0]] if keys else []))
    names = [
        next((turn[key] for key in role_keys if key in turn), None) if isinstance(turn, dict) else None
        for turn in turns
    ]
    return [_find_role(name, roles) for name in names]


def find_turn_keys(turns: Sequence[Any], roles: Mapping[str, str]) -> tuple[str, str] | None:
    """Finds the keys of role and content in turns that use other names. All turns have a known role under the first
    key, and the second holds the only other text. None if that is ambiguous.
    """
    if not turns or not all(isinstance(turn, dict) for turn in turns):
        return None
    texts = [key for key in turns[0] if all(isinstance(turn.get(key), str) for turn in turns)]
    role_keys = [key for key in texts if all(t[key] in roles or t[key].lower() in KNOWN_ROLES for t in turns)]
    others = [key for key in texts if key not in role_keys]
    return (role_keys[0], others[0]) if len(role_keys) == len(others) == 1 else None


def _parse_turn(turn: Any, field: str, roles: Mapping[str, str], keys: tuple[str, str] | None) -> Message:
    if not isinstance(turn, dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a turn with role and content, found {describe(turn)}", field)
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Reject(Reason.NOT_TEXT, "the turn calls a tool; only text is supported", field)
    for role_key, content_key in (("role", "content"), ("from", "value"), *([keys] if keys else [])):
        if role_key in turn and content_key in turn:
            content = read_text(turn[content_key], f"{field}.{content_key}")
            note_unread_fields(turn, [role_key, content_key])
            return Message(role=normalise_role(turn[role_key], f"{field}.{role_key}", roles), content=content)
    raise Reject(
        Reason.MISSING_FIELD,
        f"a turn needs role and content (or from and value); it has {describe_fields(turn)}",
        field,
    )


def normalise_role(name: Any, field: str, roles: Mapping[str, str]) -> str:
    """Converts a role name to user, assistant or system.

    Raises:
        Reject: `bad_role` if neither the mapping's `roles` nor the common names contain it.
    """
    role = _find_role(name, roles)
    if role is None:
        detail = f"unknown role {str(name)[:40]!r}; known: {', '.join(sorted({*KNOWN_ROLES, *roles}))}"
        raise Reject(Reason.BAD_ROLE, f"{detail}. Map it with 'roles:'", field)
    return role


def _find_role(name: Any, roles: Mapping[str, str]) -> str | None:
    """Returns user, assistant or system for a role name; None if it is not known."""
    return roles.get(to_code(name)) or KNOWN_ROLES.get(str(name).lower())


@functools.cache
def _marker_pattern(user: str, assistant: str) -> re.Pattern[str]:
    return re.compile(f"({re.escape(user)}|{re.escape(assistant)})")


def parse_transcript(value: str, user: str, assistant: str) -> Messages | None:
    """Converts a text with speaker marks to messages; None if it does not begin with a mark.

    Args:
        value: the text; its first mark may lack the line breaks that belong to it.
        user: mark before a user's turn, line breaks included.
        assistant: mark before an assistant's turn.
    """
    before_mark, *pieces = _marker_pattern(user, assistant).split("\n\n" + value.lstrip())
    if not pieces or before_mark.strip():
        return None
    return [
        Message(role="user" if mark == user else "assistant", content=content.strip())
        for mark, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def parse_open_transcript(value: Any, user: str = "\n\nHuman:", assistant: str = "\n\nAssistant:") -> Messages | None:
    """Converts a prompt that is a transcript and ends with the assistant's mark, without an answer, to messages.

    Returns None for any other text: only the mark at the end shows that the marks inside are speakers.
    """
    if not isinstance(value, str) or not value.rstrip().endswith(assistant.strip()):
        return None
    messages = parse_transcript(value.rstrip(), user, assistant)
    if messages is None or messages[-1] != Message(role="assistant", content=""):
        return None
    return messages[:-1]


def split_dialogue(messages: Messages, field: str) -> tuple[Messages, Messages]:
    """Splits a dialogue into the prompt, up to the last user turn, and the final answer after it.

    Raises:
        Reject: it does not end with an assistant's turn, the answer is empty, or the prompt is missing.
    """
    if messages[-1]["role"] != "assistant":
        raise Reject(
            Reason.NO_ANSWER, f"the dialogue ends with a turn of the {messages[-1]['role']}, not with an answer", field
        )
    if not messages[-1]["content"]:
        raise Reject(Reason.EMPTY_RESPONSE, "the answer is empty", field)
    cut = find_prompt_end(messages)
    check_prompt(messages[:cut], field)
    return messages[:cut], messages[cut:]


def check_prompt(prompt: Messages, field: str) -> None:
    """Raises a Reject unless the prompt ends with a user turn that has text."""
    if not prompt or prompt[-1]["role"] != "user":
        raise Reject(Reason.EMPTY_PROMPT, "the prompt does not end with a user turn", field)
    if not prompt[-1]["content"]:
        raise Reject(Reason.EMPTY_PROMPT, "the user turn before the answer is empty", field)


def user_prompt(prompt_text: str, field: str, system: str = "") -> Messages:
    """Converts a prompt's text (and system text) to messages."""
    if not prompt_text:
        raise Reject(Reason.EMPTY_PROMPT, "the prompt is empty", field)
    system_turns = [Message(role="system", content=system)] if system else []
    return [*system_turns, Message(role="user", content=prompt_text)]


def assistant_turn(answer: str) -> Messages:
    """Converts an answer's text to messages."""
    return [Message(role="assistant", content=answer)]


def count_shared_turns(first: Sequence[Message], second: Sequence[Message]) -> int:
    """Counts the leading turns that two dialogues share."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def find_prompt_end(messages: Iterable[Message]) -> int:
    """Returns the index after the last user turn; 0 if there is none."""
    return max((i + 1 for i, m in enumerate(messages) if m["role"] == "user"), default=0)
