"""Dialogues in their many spellings -> messages: lists of turns, bare strings, transcripts with speaker marks."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unipref.records import Message, Messages, Reason, Reject
from unipref.unify._mapping import fields_of, shown, text

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


def conversation(value: Any, field: str, roles: Mapping[str, str]) -> Messages:
    """A list of turns as messages.

    Turns are mappings with role/content or from/value, or bare strings whose speakers alternate, the user first.

    Raises:
        Reject: not a list of turns, an unknown role, content that is not text.
    """
    if not isinstance(value, list) or not value:
        raise Reject(Reason.WRONG_TYPE, f"expected a list of turns, found {shown(value)}", field)
    if all(isinstance(turn, str) for turn in value):
        return [Message(role=("user", "assistant")[i % 2], content=turn.strip()) for i, turn in enumerate(value)]
    return [_turn(turn, f"{field}.{i}", roles) for i, turn in enumerate(value)]


def _turn(turn: Any, field: str, roles: Mapping[str, str]) -> Message:
    if not isinstance(turn, dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a turn with role and content, found {shown(turn)}", field)
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Reject(Reason.NOT_TEXT, "the turn calls a tool; only text is used", field)
    for role_key, content_key in (("role", "content"), ("from", "value")):
        if role_key in turn and content_key in turn:
            content = text(turn[content_key], f"{field}.{content_key}")
            return Message(role=role_of(turn[role_key], f"{field}.{role_key}", roles), content=content)
    raise Reject(
        Reason.MISSING_FIELD, f"a turn needs role and content (or from and value); it has {fields_of(turn)}", field
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
