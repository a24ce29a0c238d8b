"""What messages hold besides role and content: reasoning, tool calls and images.

A message without such parts has only the two keys. One from a Parquet file whose schema has the parts has all keys,
and null for what it lacks.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from unipref.core.records import Message, Messages, ToolCall

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = ("reasoning", "tool_calls", "tool_call_id", "name", "images", "tools")
"""Keys of a message besides role and content."""
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
"""Keys under which raw turns hold, and templates expect, the assistant's reasoning, the most common first."""

_THINK = re.compile(r"\s*<think>(.*?)</think>", re.DOTALL)
_THINK_END = re.compile(r"^[ \t]*</think>[ \t]*$", re.MULTILINE)
_DETAILS = re.compile(r'\s*<details type="reasoning"[^<>]*>(?:\s*<summary>[^<]*</summary>)?(.*?)</details>', re.DOTALL)


def parts_of(message: Message) -> dict[str, Any]:
    """Returns what a message holds besides role and content; empty for plain text."""
    if len(message) == 2:
        return {}
    return {key: value for key in PARTS if (value := message.get(key))}


def drop_empty_parts(message: Message) -> Message:
    """Returns a message with the keys role, content and those of its parts."""
    if len(message) == 2:
        return message
    plain: Message = {"role": message["role"], "content": message["content"]}
    plain.update(parts_of(message))  # type: ignore[typeddict-item]
    return plain


def have_parts(messages: Iterable[Message] | None) -> bool:
    """Whether a message holds more than role and content."""
    return any(parts_of(message) for message in messages or ())


def schema_has_parts(schema: "pa.Schema") -> bool:
    """Whether the messages of a file of preferences have places for further parts."""
    return len(schema.field("prompt").type.value_type) > 2


def is_empty(message: Message) -> bool:
    """Whether a message says nothing: it has neither text nor tool calls nor images."""
    return not (message["content"] or message.get("tool_calls") or message.get("images"))


def identify_parts(message: Message) -> dict[str, Any]:
    """Returns the parts that make a message another one: ids of calls do not, and an image's content counts, not its
    name, if the hash is there.
    """
    parts = {key: value for key, value in parts_of(message).items() if key != "tool_call_id"}
    if "tool_calls" in parts:
        parts["tool_calls"] = [
            [call["function"]["name"], _sort_keys(call["function"]["arguments"])] for call in parts["tool_calls"]
        ]
    if "images" in parts:
        parts["images"] = [[image["sha256"] or image["ref"], image["at"]] for image in parts["images"]]
    if "tools" in parts:
        parts["tools"] = _sort_keys(parts["tools"])
    return parts


def parse_json(text: str) -> Any:
    """Returns the value of a JSON text; the text itself if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _sort_keys(text: str) -> str:
    value = parse_json(text)
    return text if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def format_call(call: ToolCall) -> str:
    """Formats a tool call for readers: `name(arguments)`."""
    return f"{call['function']['name']}({call['function']['arguments']})"


def message_text(message: Message, with_reasoning: bool = False) -> str:
    """Returns what a message says as one text: its content and its tool calls, one per line.

    Args:
        message: the message; the text of one without parts is its content.
        with_reasoning: whether the reasoning comes first.
    """
    if len(message) == 2:
        return message["content"]
    reasoning = message.get("reasoning") if with_reasoning else None
    calls = [format_call(call) for call in message.get("tool_calls") or ()]
    return "\n".join(part for part in (reasoning, message["content"], *calls) if part)


def show_message(message: Message) -> str:
    """Returns a message as text for readers, each part with its name."""
    if len(message) == 2:
        return message["content"]
    parts = [f"[reasoning] {message['reasoning']}"] if message.get("reasoning") else []
    parts += [f"[image {image['ref']}]" for image in message.get("images") or ()]
    parts += [message["content"]] if message["content"] else []
    parts += [f"[tool call] {format_call(call)}" for call in message.get("tool_calls") or ()]
    return "\n".join(parts)


def texts_of(messages: Iterable[Message]) -> Iterator[str]:
    """Yields each text in the messages that a chat template writes: contents, reasoning, tool calls and tools."""
    for message in messages:
        yield message["content"]
        if len(message) == 2:
            continue
        yield from (text for key in ("reasoning", "tools", "name") if (text := message.get(key)))  # type: ignore[misc]
        for call in message.get("tool_calls") or ():
            yield from call["function"].values()  # type: ignore[misc]


def replace_texts(value: Any, replace: Callable[[str], str]) -> Any:
    """Returns a JSON value in which each text has been replaced; keys stay."""
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, dict):
        return {key: replace_texts(inner, replace) for key, inner in value.items()}
    return [replace_texts(inner, replace) for inner in value] if isinstance(value, list) else value


def add_tools(prompt: Messages, tools: str | None) -> Messages:
    """Returns a prompt whose first turn holds the JSON list of the tools; the prompt itself if there are none."""
    return [{**prompt[0], "tools": tools}, *prompt[1:]] if tools else prompt


def take_tools(prompt: Messages) -> tuple[Messages, str | None]:
    """Splits a prompt into the turns without the tools, and the JSON list of the tools."""
    tools = prompt[0].get("tools") if prompt else None
    return ([{**prompt[0], "tools": None}, *prompt[1:]], tools) if tools else (prompt, None)


def split_reasoning(content: str) -> tuple[str, str]:
    """Splits the text of an assistant's turn into its reasoning and its answer.

    Reasoning stands at the beginning in `<think>...</think>`, or ends with a line `</think>` if the chat template wrote
    the opening mark. Open WebUI's block `<details type="reasoning">` is read too.

    Returns:
        The reasoning, empty if there is none, and the answer.
    """
    if "</think>" not in content:
        if content.lstrip().startswith("<think>"):  # the model was stopped before its answer
            return content.lstrip().removeprefix("<think>").strip(), ""
        if 'type="reasoning"' in content and (match := _DETAILS.match(content)):
            lines = [re.sub(r"^> ?", "", line) for line in match[1].strip().splitlines()]
            return "\n".join(lines).strip(), content[match.end() :].strip()
        return "", content
    parts = []
    while match := _THINK.match(content):
        parts.append(match[1].strip())
        content = content[match.end() :]
    if parts:
        return "\n\n".join(part for part in parts if part), content.strip()
    ends = list(_THINK_END.finditer(content))
    if len(ends) == 1 and content.count("</think>") == 1 and "<think>" not in content:
        return content[: ends[0].start()].strip(), content[ends[0].end() :].strip()
    return "", content
