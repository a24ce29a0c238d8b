"""Reads the parts of a turn besides plain text: reasoning, tool calls, tool results and images.

Content blocks of OpenAI (`image_url`, `output_text`), Anthropic (`thinking`, `tool_use`, `tool_result`) and the Vercel
AI SDK (`tool-call`, `tool-result`) are read. What has no place in a message (audio, files) is a reject.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unipref.core.display import describe_value
from unipref.core.messages import REASONING_KEYS, is_empty, parse_json, split_reasoning
from unipref.core.records import CalledFunction, Image, Message, Messages, Reason, Reject, ToolCall
from unipref.unify.mapping.fields import read_text

TEXT_KINDS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Type of a block that holds text -> the key of the text."""
REASONING_KINDS = frozenset({"thinking", "think", "reasoning"})
HIDDEN_REASONING = frozenset({"redacted_thinking"})
"""Types of blocks whose reasoning is encrypted."""
CALL_KINDS = frozenset({"tool_use", "tool-call", "tool_call", "function_call"})
RESULT_KINDS = frozenset({"tool_result", "tool-result", "function_call_output"})
IMAGE_KINDS = frozenset({"image", "image_url", "input_image"})
CALL_IDS = ("tool_call_id", "tool_use_id", "toolCallId", "call_id")
IMAGE_MARK = "<image>"
"""Text that stands for an image if the images are in a field of the row."""


def make_turn(role: str, content: str) -> Message:
    """Makes a message of a role and a text; an assistant's reasoning is kept apart from its answer."""
    if role == "assistant":
        reasoning, content = split_reasoning(content)
        if reasoning:
            return Message(role=role, content=content, reasoning=reasoning)
    return Message(role=role, content=content)


def are_blocks(value: Any) -> bool:
    """Whether a value is a list of content blocks, each with a type and without a role."""
    return isinstance(value, list) and bool(value) and all(_is_block(block) for block in value)


def _is_block(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str) and "role" not in value


@dataclass
class _Blocks:
    """What the content blocks of one turn hold; results of tools are messages of their own."""

    text: str = ""
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    results: Messages = field(default_factory=list)


def read_turn(role: str, turn: Mapping[str, Any], content: Any, place: str) -> Messages:
    """Reads a turn whose content is text, null or a list of content blocks.

    Args:
        role: normalised.
        turn: the raw turn, for its further fields: reasoning, tool calls.
        content: the value of its content.
        place: path of the content, for errors.

    Returns:
        The message; before it, the results of tools that the turn holds.

    Raises:
        Reject: the turn holds something that no message can hold.
    """
    if role == "tool":
        if are_blocks(content) and all(block["type"] in RESULT_KINDS for block in content):
            return [result for at, block in enumerate(content) for result in _read_result(block, f"{place}.{at}")]
        return [_make_result(turn, content, place)]
    calls = read_calls(turn, f"{place.rpartition('.')[0]}.tool_calls") if role == "assistant" else []
    reasoning = _read_reasoning(turn) if role == "assistant" else ""
    blocks = _Blocks()
    if are_blocks(content):
        _read_blocks(content, place, blocks)
    elif content is None and isinstance(turn.get("refusal"), str):
        blocks.text = read_text(turn["refusal"], f"{place}.refusal")
    elif content is not None or not (calls or reasoning):
        blocks.text = read_text(content, place)
    if reasoning:
        blocks.reasoning.insert(0, reasoning)
    blocks.calls += calls
    return [*blocks.results, *_make_message(role, blocks, place)]


def _make_message(role: str, blocks: _Blocks, place: str) -> Messages:
    """Makes the message of a turn's blocks; none if they hold only results of tools."""
    message = make_turn(role, blocks.text.strip())
    if role == "assistant":
        parts = [*blocks.reasoning, message.get("reasoning")]
        if reasoning := "\n\n".join(part for part in parts if part):
            message["reasoning"] = reasoning
        if blocks.calls:
            message["tool_calls"] = blocks.calls
    elif blocks.calls:
        raise Reject(Reason.NOT_TEXT, f"a turn of the {role} calls a tool", place)
    if blocks.images:
        message["images"] = blocks.images
    return [] if blocks.results and is_empty(message) and "reasoning" not in message else [message]


def list_read_keys(role: str, turn: Mapping[str, Any]) -> list[str]:
    """Returns the fields of a turn that `read_turn` reads besides role and content."""
    if role == "tool":
        return [*CALL_IDS, "name", "tool_name"]
    if role != "assistant":
        return []
    return [
        "tool_calls",
        "function_call",
        "refusal",
        *(key for key in REASONING_KEYS if isinstance(turn.get(key), str)),
    ]


def list_hidden_blocks(content: Any) -> dict[str, bool]:
    """Returns what `read_turn` skips in the content of a turn: encrypted reasoning, and that a tool failed."""
    blocks = content if isinstance(content, list) and are_blocks(content) else []
    hidden = {block["type"]: True for block in blocks if block["type"] in HIDDEN_REASONING}
    return hidden | ({"is_error": True} if any(block.get("is_error") for block in blocks) else {})


def _read_reasoning(turn: Mapping[str, Any]) -> str:
    """The reasoning in a field of a turn; empty if there is none."""
    for key in REASONING_KEYS:
        if isinstance(value := turn.get(key), str) and value.strip():
            return value.strip()
    return ""


def _read_blocks(content: Iterable[Mapping[str, Any]], place: str, blocks: _Blocks) -> None:
    """Reads content blocks in order.

    Raises:
        Reject: a block is of another kind, or text follows a tool call.
    """
    for number, block in enumerate(content):
        kind, where = block["type"], f"{place}.{number}"
        if kind in TEXT_KINDS:
            text = _read_block_text(block, TEXT_KINDS[kind], where)
            if text.strip() and blocks.calls:
                raise Reject(Reason.NOT_TEXT, "text follows a tool call in one turn; the order cannot be kept", where)
            blocks.text = blocks.text + text if blocks.text else text.lstrip()
        elif kind in REASONING_KINDS:
            blocks.reasoning.append(_read_block_reasoning(block, where))
        elif kind in HIDDEN_REASONING:
            continue
        elif kind in CALL_KINDS:
            blocks.calls.append(read_call(block, where))
        elif kind in RESULT_KINDS:
            blocks.results += _read_result(block, where)
        elif kind in IMAGE_KINDS:
            blocks.images.append(Image(ref=_read_image(block, where), sha256=None, at=len(blocks.text)))
        else:
            raise Reject(Reason.NOT_TEXT, f"contains {kind[:80]}, which no message can hold", place)


def _read_block_text(block: Mapping[str, Any], key: str, place: str) -> str:
    value = block.get(key)
    if isinstance(value, dict):
        value = value.get("value")
    if not isinstance(value, str):
        raise Reject(Reason.NOT_TEXT, f"a part of type {block['type']} without text", place)
    read_text(value, place)
    return value


def _read_block_reasoning(block: Mapping[str, Any], place: str) -> str:
    """The reasoning of a block: a text, or the texts of its summary."""
    for key in ("thinking", "think", "reasoning", "text", "summary", "content"):
        value = block.get(key)
        if isinstance(value, str):
            return read_text(value, place)
        if isinstance(value, list) and value:
            texts = [part.get("text") for part in value if isinstance(part, dict)]
            return "\n\n".join(read_text(text, place) for text in texts if isinstance(text, str))
    return ""


def read_calls(turn: Mapping[str, Any], place: str) -> list[ToolCall]:
    """Reads the tool calls in a turn's fields `tool_calls` or `function_call`.

    Raises:
        Reject: a call has no name, or another form.
    """
    value = turn.get("tool_calls") or turn.get("function_call")
    if not value:
        return []
    value = parse_json(value) if isinstance(value, str) else value
    calls = value if isinstance(value, list) else [value]
    return [read_call(call, place) for call in calls]


def read_call(call: Any, place: str) -> ToolCall:
    """Reads one tool call of OpenAI, Anthropic, LangChain or the Vercel AI SDK, or a bare name with arguments.

    Raises:
        Reject: it has no name, or its arguments are neither JSON nor text.
    """
    if not isinstance(call, dict):
        raise Reject(Reason.NOT_TEXT, f"expected a tool call, found {describe_value(call)}", place)
    function = call["function"] if isinstance(call.get("function"), dict) else call
    name = next((function[key] for key in ("name", "toolName") if isinstance(function.get(key), str)), "")
    if not name:
        raise Reject(Reason.NOT_TEXT, "a tool call without the name of a function", place)
    arguments = next((function[key] for key in ("arguments", "args", "input", "parameters") if key in function), None)
    number = next((call[key] for key in ("id", *CALL_IDS) if isinstance(call.get(key), str)), None)
    text = _format_arguments(arguments, place)
    return ToolCall(id=number, type="function", function=CalledFunction(name=read_text(name, place), arguments=text))


def _format_arguments(arguments: Any, place: str) -> str:
    """Arguments as JSON; text that is not JSON stays as the model wrote it."""
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return "{}"
    value = parse_json(arguments) if isinstance(arguments, str) else arguments
    if isinstance(value, str):
        return read_text(arguments if isinstance(arguments, str) else value, place)
    return _to_json(value, place)


def _to_json(value: Any, place: str) -> str:
    try:
        return read_text(json.dumps(value, ensure_ascii=False), place)
    except (TypeError, ValueError, RecursionError) as error:
        raise Reject(Reason.WRONG_TYPE, f"cannot be written as JSON: {error}", place) from error


def _read_result(block: Mapping[str, Any], place: str) -> Messages:
    """Reads a content block that is a tool's result."""
    value = next((block[key] for key in ("content", "output", "result") if key in block), None)
    return [_make_result(block, value, place)]


def _make_result(turn: Mapping[str, Any], content: Any, place: str) -> Message:
    """Makes the message of a tool's result; a result that is data becomes JSON."""
    if are_blocks(content):
        blocks = _Blocks()
        _read_blocks(content, place, blocks)
        text, images = blocks.text.strip(), blocks.images
        if blocks.calls or blocks.results or blocks.reasoning:
            raise Reject(Reason.NOT_TEXT, "the result of a tool holds other than text and images", place)
    else:
        images = []
        plain = content is None or isinstance(content, str)
        text = read_text(content or "", place) if plain else _to_json(content, place)
    message = Message(role="tool", content=text)
    for key, names in (("tool_call_id", CALL_IDS), ("name", ("name", "tool_name", "toolName"))):
        if value := next((turn[name] for name in names if isinstance(turn.get(name), str)), None):
            message[key] = value  # type: ignore[literal-required]
    if images:
        message["images"] = images
    return message


def _read_image(block: Mapping[str, Any], place: str) -> str:
    """The path or URL of an image; empty for a mark whose image is in a field of the row.

    Raises:
        Reject: the image is inside the row.
    """
    value: Any = next((block[key] for key in ("image_url", "image", "url", "path", "source") if block.get(key)), None)
    if isinstance(value, dict):
        if value.get("data") or value.get("bytes"):
            raise _image_inside(place)
        value = next((value[key] for key in ("url", "path") if value.get(key)), None)
    if value is None and block["type"] == "image" and not block.get("file_id"):
        return ""
    return check_image(value, place)


def check_image(value: Any, place: str) -> str:
    """Returns the path or URL of an image.

    Raises:
        Reject: the value is something else, such as the image itself.
    """
    if isinstance(value, dict) and not value.get("bytes"):
        value = value.get("path") or value.get("url")
    if not isinstance(value, str) or not value.strip() or value.startswith("data:"):
        raise _image_inside(place)
    return read_text(value, place)


def _image_inside(place: str) -> Reject:
    detail = "an image inside the row, or one without a path; only the path or URL of an image is carried"
    return Reject(Reason.NOT_TEXT, detail, place)


def read_tools(value: Any, place: str) -> str | None:
    """Reads the tools that the assistant may call, as a JSON list in OpenAI's form; None if there are none.

    Args:
        value: a list of definitions in the form of OpenAI or Anthropic, or JSON text of one.
        place: their path, for errors.

    Raises:
        Reject: it is not such a list, or a tool has no name.
    """
    value = parse_json(value) if isinstance(value, str) and value.strip() else value
    if not value:
        return None
    tools = value if isinstance(value, list) else [value]
    return _to_json([_read_tool(tool, place) for tool in tools], place)


def _read_tool(tool: Any, place: str) -> dict[str, Any]:
    tool = parse_json(tool) if isinstance(tool, str) else tool
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Reject(
            Reason.WRONG_TYPE, f"expected the definition of a tool with a name, found {describe_value(tool)}", place
        )
    renamed = {"input_schema": "parameters", "inputSchema": "parameters"}
    # A tool that comes from a table has null for the keys of other tools.
    definition = {renamed.get(key, key): part for key, part in function.items() if key != "type" and part is not None}
    return {"type": "function", "function": definition}
