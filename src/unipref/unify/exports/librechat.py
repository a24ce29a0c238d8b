"""LibreChat."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import have_paths, items_at, values_at

NO_PARENT = "00000000-0000-0000-0000-000000000000"
_HEAD = {
    "conversationId": "c1",
    "endpoint": "openAI",
    "title": "Moons",
    "exportAt": "10:11:12 GMT, Sat Nov 28 2026",
    "branches": True,
}
"""What the exports of the examples hold besides the messages."""


def _message(
    name: str,
    parent: str,
    text: str,
    rating: str | None = None,
    is_user: bool = False,
    children: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "messageId": name,
        "conversationId": "c1",
        "parentMessageId": parent,
        "sender": "User" if is_user else "GPT-4o",
        "text": text,
        "isCreatedByUser": is_user,
        **({} if rating is None else {"feedback": {"rating": rating, "tag": None}}),
        **({} if children is None else {"children": children}),
    }


class Librechat(Export):
    """A conversation with its messages, of which some have feedback: thumbsUp or thumbsDown. Answers to one message are
    compared with each other.
    """

    origin: ClassVar[str] = (
        "LibreChat 0.7.9 and later: Export conversation, type json, with all branches, recursive or not"
    )
    seen: ClassVar[str] = "danny-avila/LibreChat, packages/data-schemas/src/schema/message.ts"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("user",)
    settled: ClassVar[tuple[str, ...]] = (
        "messages.*.error",
        "messages.*.children.*.feedback.rating",
        "messages.*.children.*.error",
    )
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [
            {
                **_HEAD,
                "recursive": False,
                "messages": [
                    _message("m1", NO_PARENT, "Name a moon of Jupiter.", is_user=True),
                    _message("m2", "m1", "The Sun.", "thumbsDown"),
                    _message("m3", "m1", "Io.", "thumbsUp"),
                    _message("m4", "m3", "Thanks.", is_user=True),
                    _message("m5", "m4", "You are welcome."),
                ],
            }
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "A recursive export": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    **_HEAD,
                    "recursive": True,
                    "messages": [
                        _message(
                            "m1",
                            NO_PARENT,
                            "Name a moon of Jupiter.",
                            is_user=True,
                            children=[
                                _message("m2", "m1", "The Sun.", "thumbsDown", children=[]),
                                _message("m3", "m1", "Io.", "thumbsUp", children=[]),
                            ],
                        )
                    ],
                }
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`messages` with `messageId`, `parentMessageId` and `isCreatedByUser`."""
        if not have_paths(rows, "conversationId", "messages"):
            return None
        messages = [message for message in items_at(rows, "messages") if isinstance(message, dict)]
        if not messages or not all({"messageId", "parentMessageId", "isCreatedByUser"} <= m.keys() for m in messages):
            return None
        is_nested = any(message.get("children") for message in messages)
        if not values_at([*_walk(messages)], "feedback.rating"):
            return Proposal(None, {}, 0.0, ["this is a conversation of LibreChat, but no message has feedback"])
        links = {"replies": "children"} if is_nested else {"id": "messageId", "parent": "parentMessageId"}
        mapping = {
            "messages": "messages",
            "label": "feedback.rating",
            "up": ["thumbsUp"],
            "down": ["thumbsDown"],
            **links,
            # Messages of agents have an empty text and hold their answer in parts.
            "turns": {"role": "isCreatedByUser", "content": ["text", "content"]},
            "roles": {True: "user", False: "assistant"},
        }
        why = ["'feedback.rating' inside messages is thumbsUp or thumbsDown"]
        why += ["'children' of a message holds the messages after it"] if is_nested else []
        return Proposal("rated_turns", mapping, 0.95, why)


def _walk(messages: Iterable[Any]) -> Iterator[Row]:
    """Yields messages and all messages after them, at any depth."""
    stack = list(messages)
    while stack:
        message = stack.pop()
        if isinstance(message, dict):
            yield message
            stack += message["children"] if isinstance(message.get("children"), list) else []
