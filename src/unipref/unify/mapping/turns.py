"""Dialogues in their many spellings -> messages: lists of turns, bare strings, transcripts with speaker marks."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unipref.core.records import Message, Messages, Reason, Reject
from unipref.unify.mapping.fields import describe, fields_of, text

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

    Turns are mappings with role/content, from/value or a known role and one other text under any keys, or bare strings
    whose speakers alternate, the user first; or each holds a question and its answer under their speakers' names, as in
    {human: ..., assistant: ...}.

    Raises:
        Reject: not a list of turns, an unknown role, content that is not text.
    """
    if not isinstance(value, list) or not value:
        raise Reject(Reason.WRONG_TYPE, f"expected a list of turns, found {describe(value)}", field)
    if all(isinstance(turn, str) for turn in value):
        return [Message(role=("user", "assistant")[i % 2], content=turn.strip()) for i, turn in enumerate(value)]
    if all(exchanges := [_exchange(turn, f"{field}.{i}", roles) for i, turn in enumerate(value)]):
        return [turn for exchange in exchanges for turn in exchange]
    keys = turn_keys(value, roles)
    return [_turn(turn, f"{field}.{i}", roles, keys) for i, turn in enumerate(value)]


def _exchange(turn: Any, field: str, roles: Mapping[str, str]) -> Messages:
    """A question and its answer in one mapping, under the names of their speakers; empty for anything else."""
    if not isinstance(turn, dict):
        return []
    said = {roles.get(str(key)) or KNOWN_ROLES.get(str(key).lower()): key for key in turn}
    if not said.keys() >= {"user", "assistant"} or {"role", "from"} & turn.keys():
        return []
    return [
        Message(role=role, content=text(turn[said[role]], f"{field}.{said[role]}")) for role in ("user", "assistant")
    ]


def turn_keys(turns: Sequence[Any], roles: Mapping[str, str]) -> tuple[str, str] | None:
    """The keys of role and content of turns that use other names: all turns have a known role under the one, and the
    other is the only other text. None where that does not settle it.
    """
    if not turns or not all(isinstance(turn, dict) for turn in turns):
        return None
    texts = [key for key in turns[0] if all(isinstance(turn.get(key), str) for turn in turns)]
    speaking = [key for key in texts if all(t[key] in roles or t[key].lower() in KNOWN_ROLES for t in turns)]
    others = [key for key in texts if key not in speaking]
    return (speaking[0], others[0]) if len(speaking) == len(others) == 1 else None


def _turn(turn: Any, field: str, roles: Mapping[str, str], keys: tuple[str, str] | None) -> Message:
    if not isinstance(turn, dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a turn with role and content, found {describe(turn)}", field)
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Reject(Reason.NOT_TEXT, "the turn calls a tool; only text is used", field)
    for role_key, content_key in (("role", "content"), ("from", "value"), *([keys] if keys else [])):
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


def open_transcript(value: Any, user: str = "\n\nHuman:", assistant: str = "\n\nAssistant:") -> Messages | None:
    """A prompt written as a transcript that ends with the assistant's mark and no answer yet, as messages.

    None for any other text: only the mark at its end says that the marks inside are speakers.
    """
    if not isinstance(value, str) or not value.rstrip().endswith(assistant.strip()):
        return None
    messages = transcript(value.rstrip(), user, assistant)
    if messages is None or messages[-1] != Message(role="assistant", content=""):
        return None
    return messages[:-1]


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


def user_prompt(prompt_text: str, field: str, system: str = "") -> Messages:
    """A prompt's text (and system text) as messages."""
    if not prompt_text:
        raise Reject(Reason.EMPTY_PROMPT, "the prompt is empty", field)
    lead = [Message(role="system", content=system)] if system else []
    return [*lead, Message(role="user", content=prompt_text)]


def assistant_turn(answer: str) -> Messages:
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
