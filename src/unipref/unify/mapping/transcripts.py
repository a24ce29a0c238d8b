"""Converts transcripts with speaker marks to messages."""

import functools
import re
from typing import Any

from unipref.core.records import Message, Messages
from unipref.unify.mapping.message_parts import make_turn


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
        make_turn("user" if mark == user else "assistant", content.strip())
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
