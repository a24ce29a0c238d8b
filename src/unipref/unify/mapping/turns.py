"""Converts dialogues to messages: lists of turns and lists of strings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unipref.core.display import describe_value
from unipref.core.messages import is_empty
from unipref.core.records import Message, Messages, Reason, Reject
from unipref.unify.mapping.codes import to_code
from unipref.unify.mapping.fields import read_answer, read_text
from unipref.unify.mapping.message_parts import (
    CALL_KINDS,
    IMAGE_KINDS,
    REASONING_KINDS,
    RESULT_KINDS,
    TEXT_KINDS,
    are_blocks,
    list_hidden_blocks,
    list_read_keys,
    make_turn,
    read_call,
    read_calls,
    read_turn,
)
from unipref.unify.mapping.paths import describe_fields
from unipref.unify.mapping.unread_fields import WEIGHT, is_zero, note_unread_fields

KNOWN_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
"""Common role names -> user, assistant, system or tool; `roles:` in the mapping adds to them."""
CALL_ROLE = "function_call"
"""The role of a turn whose text is a tool call of the assistant, as JSON."""
ASKING = ("user", "tool")
"""Roles of the turns that the assistant answers."""
ANSWER_KINDS = frozenset({*TEXT_KINDS, *REASONING_KINDS, *IMAGE_KINDS, "tool_use", "tool-call"})
"""Types of the content blocks of an answer."""
TYPE_KEYS = ("type", "content")
"""Keys of role and content in a turn whose type is the speaker, as LangChain writes it."""


def parse_turns(value: Any, field: str, roles: Mapping[str, str], ends_with_answer: bool = False) -> Messages:
    """Converts a list of turns to messages.

    Turns are mappings with role/content, from/value, or a known role and one other text under any keys. Or they are
    strings whose speakers alternate, the user first. Or each turn holds a question and its answer under the speakers'
    names, as in {human: ..., assistant: ...}. Other fields of turns are counted (`count_unread_fields`). Reasoning,
    tool calls, their results and images become parts of the messages (`message_parts`).

    Args:
        value: the raw turns.
        field: their path, for errors.
        roles: further role names.
        ends_with_answer: whether a last turn of the assistant is the answer to learn.

    Raises:
        Reject: not a list of turns, an unknown role, content that no message can hold, or the answer has weight 0.
    """
    if not isinstance(value, list) or not value:
        raise Reject(Reason.WRONG_TYPE, f"expected a list of turns, found {describe_value(value)}", field)
    if all(isinstance(turn, str) for turn in value):
        return [make_turn(("user", "assistant")[i % 2], turn.strip()) for i, turn in enumerate(value)]
    if all(exchanges := [_parse_exchange(turn, f"{field}.{i}", roles) for i, turn in enumerate(value)]):
        return [turn for exchange in exchanges for turn in exchange]
    keys = find_turn_keys(value, roles)
    messages: Messages = []
    for i, turn in enumerate(value):
        _append_turn(messages, turn, f"{field}.{i}", roles, keys)
    if not messages:
        raise Reject(Reason.NO_ANSWER, "the dialogue has no turn with a text", field)
    if ends_with_answer and messages[-1]["role"] == "assistant" and is_zero(value[-1].get(WEIGHT)):
        detail = "the answer has weight 0: its source says not to learn it"
        raise Reject(Reason.NOT_TO_LEARN, detail, f"{field}.{len(value) - 1}.{WEIGHT}")
    return messages


def parse_message(turn: Any, field: str, roles: Mapping[str, str], keys: tuple[str, str] | None) -> Messages:
    """Converts one raw turn, or one exchange, to messages; `keys` as `find_turn_keys` returns them for all turns.

    Raises:
        Reject: as `parse_turns`.
    """
    if exchange := _parse_exchange(turn, field, roles):
        return exchange
    messages: Messages = []
    _append_turn(messages, turn, field, roles, keys)
    if not messages:
        raise Reject(Reason.NO_ANSWER, "the message holds only reasoning that its source hides", field)
    return messages


def _parse_exchange(turn: Any, field: str, roles: Mapping[str, str]) -> Messages:
    """Converts a mapping with a question and its answer under the speakers' names; empty for anything else."""
    keys = _find_exchange_keys(turn, roles)
    if keys is None:
        return []
    note_unread_fields(turn, keys)
    roles_and_keys = zip(("user", "assistant"), keys, strict=True)
    return [make_turn(role, read_text(turn[key], f"{field}.{key}")) for role, key in roles_and_keys]


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
    known_roles = [_find_role(name, roles) for name in names]
    return ["tool" if _holds_results(turn) else role for turn, role in zip(turns, known_roles, strict=True)]


def _holds_results(turn: Any) -> bool:
    """Whether a turn holds only results of tools, which Anthropic's API takes as turns of the user."""
    content = turn.get("content") if isinstance(turn, dict) else None
    return isinstance(content, list) and are_blocks(content) and all(b["type"] in RESULT_KINDS for b in content)


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


def _append_turn(
    messages: Messages, turn: Any, field: str, roles: Mapping[str, str], keys: tuple[str, str] | None
) -> None:
    """Adds the messages of one turn or item to those before; reasoning and calls that are items of their own join the
    assistant's turn.
    """
    item = _read_item(turn, field)
    read = _parse_turn(turn, field, roles, keys) if item is None else [item]
    if item is not None and set(item) == {"role", "content"} and item["role"] == "assistant":
        return  # reasoning that its source hides
    last = messages[-1] if messages else None
    if last and last["role"] == read[0]["role"] == "assistant" and not last["content"]:
        only_reasoning = set(last) == {"role", "content", "reasoning"}
        if only_reasoning or (item is not None and last.get("tool_calls") and "tool_calls" in item):
            read[0] = _join_turns(last, read[0])
            messages.pop()
    messages += read


def _join_turns(first: Message, second: Message) -> Message:
    """Joins two turns of the assistant that are parts of one, the first without text."""
    joined = Message(role="assistant", content=second["content"])
    if reasoning := "\n\n".join(part for turn in (first, second) if (part := turn.get("reasoning"))):
        joined["reasoning"] = reasoning
    if calls := [*(first.get("tool_calls") or ()), *(second.get("tool_calls") or ())]:
        joined["tool_calls"] = calls
    if images := second.get("images"):
        joined["images"] = images
    return joined


def _read_item(turn: Any, field: str) -> Message | None:
    """Reads an item of OpenAI's Responses API that is no message: a call, its result or reasoning; None for others."""
    if not isinstance(turn, dict) or {"role", "from"} & turn.keys():
        return None
    kind = turn.get("type")
    if not isinstance(kind, str):
        return None
    if kind in CALL_KINDS:
        return Message(role="assistant", content="", tool_calls=[read_call(turn, field)])
    if kind in RESULT_KINDS or kind in REASONING_KINDS:
        content = [{"text": "", **turn}] if kind in RESULT_KINDS else [turn]
        (message,) = read_turn("assistant", {}, content, field)
        return message
    return None


def _parse_turn(turn: Any, field: str, roles: Mapping[str, str], keys: tuple[str, str] | None) -> Messages:
    if not isinstance(turn, dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a turn with role and content, found {describe_value(turn)}", field)
    for role_key, content_key in (("role", "content"), ("from", "value"), *([keys] if keys else []), TYPE_KEYS):
        if role_key not in turn or (content_key not in turn and not _can_lack_content(turn, role_key)):
            continue
        if (role_key, content_key) == TYPE_KEYS and str(turn["type"]).lower() not in KNOWN_ROLES:
            continue
        content, place = turn.get(content_key), f"{field}.{content_key}"
        if turn[role_key] == CALL_ROLE and CALL_ROLE not in roles:
            note_unread_fields(turn, [role_key, content_key])
            calls = read_calls({"tool_calls": content}, place)
            if not calls:
                raise Reject(Reason.NOT_TEXT, "expected a tool call as JSON, found none", place)
            return [Message(role="assistant", content="", tool_calls=calls)]
        role = normalise_role(turn[role_key], f"{field}.{role_key}", roles)
        read = read_turn(role, turn, content, place)
        kind = ["type"] if turn.get("type") == "message" else []
        note_unread_fields(turn, [role_key, content_key, *kind, *list_read_keys(role, turn)])
        note_unread_fields(list_hidden_blocks(content), [])
        return read
    raise Reject(
        Reason.MISSING_FIELD,
        f"a turn needs role and content (or from and value); it has {describe_fields(turn)}",
        field,
    )


def _can_lack_content(turn: Mapping[str, Any], role_key: str) -> bool:
    """Whether a turn is the assistant's and calls a tool, so that it needs no content."""
    return role_key == "role" and bool(turn.get("tool_calls") or turn.get("function_call"))


def normalise_role(name: Any, field: str, roles: Mapping[str, str]) -> str:
    """Converts a role name to user, assistant, system or tool.

    Raises:
        Reject: `bad_role` if neither the mapping's `roles` nor the common names contain it.
    """
    role = _find_role(name, roles)
    if role is None:
        detail = f"unknown role {str(name)[:40]!r}; known: {', '.join(sorted({*KNOWN_ROLES, *roles}))}"
        raise Reject(Reason.BAD_ROLE, f"{detail}. Map it with 'roles:'", field)
    return role


def _find_role(name: Any, roles: Mapping[str, str]) -> str | None:
    """Returns user, assistant, system or tool for a role name; None if it is not known."""
    return roles.get(to_code(name)) or KNOWN_ROLES.get(str(name).lower())


def split_dialogue(messages: Messages, field: str) -> tuple[Messages, Messages]:
    """Splits a dialogue into the prompt, up to the last user turn, and the final answer after it.

    Raises:
        Reject: it does not end with an assistant's turn, the answer is empty, or the prompt is missing.
    """
    if messages[-1]["role"] != "assistant":
        raise Reject(
            Reason.NO_ANSWER, f"the dialogue ends with a turn of the {messages[-1]['role']}, not with an answer", field
        )
    check_answer(messages, field)
    cut = find_prompt_end(messages)
    check_prompt(messages[:cut], field)
    return messages[:cut], messages[cut:]


def check_answer(answer: Messages, field: str | None) -> None:
    """Raises a Reject if the last turn of an answer has neither text nor a tool call."""
    if is_empty(answer[-1]):
        detail = (
            "the answer is empty: there is only reasoning" if answer[-1].get("reasoning") else "the answer is empty"
        )
        raise Reject(Reason.EMPTY_RESPONSE, detail, field)


def check_prompt(prompt: Messages, field: str) -> None:
    """Raises a Reject unless the prompt ends with a user turn that is not empty, or with the result of a tool that was
    called for a user.
    """
    has_user = any(message["role"] == "user" for message in prompt)
    if not has_user or prompt[-1]["role"] not in ASKING:
        raise Reject(Reason.EMPTY_PROMPT, "the prompt does not end with a user turn", field)
    if prompt[-1]["role"] == "user" and is_empty(prompt[-1]):
        raise Reject(Reason.EMPTY_PROMPT, "the user turn before the answer is empty", field)


def user_prompt(prompt_text: str, field: str, system: str = "") -> Messages:
    """Converts a prompt's text (and system text) to messages."""
    if not prompt_text:
        raise Reject(Reason.EMPTY_PROMPT, "the prompt is empty", field)
    system_turns = [Message(role="system", content=system)] if system else []
    return [*system_turns, Message(role="user", content=prompt_text)]


def assistant_turn(answer: str, field: str | None = None) -> Messages:
    """Converts an answer's text to messages; its reasoning is kept apart.

    Args:
        answer: the text.
        field: its path, for errors.

    Raises:
        Reject: the answer holds only reasoning.
    """
    message = make_turn("assistant", answer)
    if "reasoning" in message:
        check_answer([message], field)
    return [message]


def read_answer_turns(value: Any, field: str, roles: Mapping[str, str]) -> Messages:
    """Reads an answer: a text, content blocks, a message, a list of messages, or a list of tool calls.

    Raises:
        Reject: the answer is empty, or does not end with the assistant.
    """
    if not isinstance(value, dict) and not (isinstance(value, list) and value and all(map(_is_mapping, value))):
        return assistant_turn(read_answer(value, field), field)
    answer = parse_turns(wrap_answer(value), field, roles, ends_with_answer=True)
    if answer[-1]["role"] != "assistant":
        raise Reject(Reason.NO_ANSWER, f"the answer ends with a turn of the {answer[-1]['role']}", field)
    check_answer(answer, field)
    return answer


def wrap_answer(value: Any) -> Any:
    """Makes a list of turns of an answer that is a message, content blocks or tool calls; others stay as they are."""
    if isinstance(value, dict):
        return [value if {"role", "from"} & value.keys() or not _lacks_role(value) else {"role": "assistant", **value}]
    if are_blocks(value) and all(block["type"] in ANSWER_KINDS for block in value):
        return [{"role": "assistant", "content": value}]
    if isinstance(value, list) and value and all(map(_is_call, value)):
        return [{"role": "assistant", "tool_calls": value}]
    return value


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _lacks_role(value: Mapping[str, Any]) -> bool:
    """Whether a mapping without a role is a message of the assistant: it has content or calls, and no speaker."""
    return str(value.get("type", "")).lower() not in {*KNOWN_ROLES, *CALL_KINDS, *RESULT_KINDS} and bool(
        {"content", "tool_calls", "function_call"} & value.keys()
    )


def _is_call(value: Any) -> bool:
    """Whether a value is a tool call without a turn around it."""
    if not isinstance(value, dict) or {"role", "from", "content", "value"} & value.keys():
        return False
    function = value.get("function", value)
    return isinstance(function, dict) and "name" in function and bool({"function", "arguments", "args"} & value.keys())


def count_shared_turns(first: Sequence[Message], second: Sequence[Message]) -> int:
    """Counts the leading turns that two dialogues share."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def find_shared_prompt_end(messages: Sequence[Message]) -> int:
    """Returns the index after the last turn that the assistant answers: the user's, or the result of a tool."""
    return max((i + 1 for i, m in enumerate(messages) if m["role"] in ASKING), default=0)


def find_prompt_end(messages: Iterable[Message]) -> int:
    """Returns the index after the last user turn; 0 if there is none."""
    return max((i + 1 for i, m in enumerate(messages) if m["role"] == "user"), default=0)
