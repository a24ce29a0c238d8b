"""Messages in the forms that several targets share."""

import json
from collections.abc import Iterable
from typing import Any

from unipref.core.contracts import ExportItem
from unipref.core.messages import parse_json
from unipref.core.records import Message, Messages, Reason, Reject

IMAGE = "<image>"
"""The text that several targets replace by the next image of the row."""
MARKS = ("<image>", "<video>", "<audio>")


def to_plain(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Returns messages with the keys role and content alone."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def to_openai(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Returns messages in the form of OpenAI's chat API; the arguments of tool calls are JSON text."""
    return [{key: value for key, value in message.items() if key != "images"} for message in messages]


def put_image_marks(message: Message) -> str:
    """Returns the text of a message with a mark at the place of each image."""
    text, parts, begin = message["content"], [], 0
    for image in message.get("images") or ():
        parts += [text[begin : image["at"]], IMAGE]
        begin = image["at"]
    return "".join([*parts, text[begin:]])


def describe_calls(message: Message) -> list[dict[str, Any]]:
    """Returns the tool calls of a message as name and arguments, the arguments as data."""
    return [
        {"name": call["function"]["name"], "arguments": parse_json(call["function"]["arguments"])}
        for call in message.get("tool_calls") or ()
    ]


def to_json_text(value: Any) -> str:
    """Returns a value as JSON text; empty for an empty value."""
    return json.dumps(value, ensure_ascii=False) if value else ""


def check_order(messages: Messages) -> None:
    """Checks that a system prompt comes first, that others take turns with the assistant, and that they begin.

    Raises:
        Reject: the order is another one.
    """
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    for place, message in enumerate(turns):
        if (message["role"] == "assistant") != bool(place % 2):
            raise Reject(Reason.BAD_ROLE, f"turn {place + 1} is of the role '{message['role']}', out of order")


def check_last(item: ExportItem) -> None:
    """Checks that a prompt does not end with the assistant.

    Raises:
        Reject: it does.
    """
    if not item.prompt or item.prompt[-1]["role"] == "assistant":
        raise Reject(Reason.BAD_ROLE, "the prompt does not end with a turn to answer")
