"""Open WebUI."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import distinct, have_paths, values_at

CHAT = "snapshot.chat.chat"
MESSAGES = {
    "m1": {"id": "m1", "parentId": None, "childrenIds": ["m2"], "role": "user", "content": "Name a moon of Jupiter."},
    "m2": {"id": "m2", "parentId": "m1", "childrenIds": ["m3"], "role": "assistant", "content": "Io."},
    "m3": {"id": "m3", "parentId": "m2", "childrenIds": ["m4"], "role": "user", "content": "And of Mars?"},
    "m4": {"id": "m4", "parentId": "m3", "childrenIds": [], "role": "assistant", "content": "Also Io."},
}


def _feedback(rating: int, message: str) -> dict[str, Any]:
    return {
        "id": f"f-{message}",
        "user_id": "u1",
        "version": 0,
        "type": "rating",
        "data": {"rating": rating, "model_id": "llama3.1:8b", "sibling_model_ids": None, "reason": "", "comment": ""},
        "meta": {"model_id": "llama3.1:8b", "message_id": message, "message_index": 1, "chat_id": "c1"},
        "snapshot": {"chat": {"id": "c1", "title": "Moons", "chat": {"history": {"messages": MESSAGES}}}},
        "created_at": 1740000000,
        "updated_at": 1740000000,
    }


class OpenWebui(Export):
    """The feedback history: a rating of 1 or -1 for one message of a chat, and a snapshot of the chat. The dialogue
    ends with the rated message, which need not be the last. Chats with ratings inside their messages are read too.
    """

    origin: ClassVar[str] = "Open WebUI 0.5 and later: Admin Panel, Evaluations, Feedbacks, Export; or exported chats"
    seen: ClassVar[str] = "open-webui, backend/open_webui/models/feedbacks.py, and a description of exported files"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    settled: ClassVar[tuple[str, ...]] = ("data.details.rating",)
    people: ClassVar[tuple[str, ...]] = ("user_id",)
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", None), (None, "Also Io.")],
        "rows": [_feedback(1, "m2"), _feedback(-1, "m4")],
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`data.rating`, `meta` and `snapshot` of feedback; or `chat.history.messages` of chats."""
        if have_paths(rows, "type", "data", "meta", "snapshot", "user_id"):
            return _propose_feedback(rows)
        if have_paths(rows, "id", "title", "chat.history.messages") and not any("snapshot" in row for row in rows):
            return _propose_chats(rows)
        return None


def _propose_feedback(rows: Sequence[Row]) -> Proposal:
    messages = f"{CHAT}.history.messages"
    if not have_paths(rows, messages, "meta.message_id"):
        reason = "this is feedback of Open WebUI without snapshots of the chats: export it as an administrator"
        return Proposal(None, {}, 0.0, [reason])
    mapping = {
        "messages": messages,
        "label": "data.rating",
        "up": [1],
        "down": [-1],
        "until": {"message": "meta.message_id", "id": "id", "parent": "parentId"},
        "where": {"type": ["rating"]},
        "keep": ["data.model_id"],
    }
    doubts = []
    if any(values_at(rows, f"{CHAT}.params.system")):
        doubts.append(f"the system text in '{CHAT}.params.system' is not read, because not every chat has one")
    if any(values_at(rows, "meta.arena")):
        doubts.append("in an arena, a rating of -1 also means that a sibling is better, which is not read")
    if any(values_at(rows, "data.details.rating")):
        doubts.append("the score in 'data.details.rating' is not read")
    why = ["'data.rating' is 1 or -1 for the message 'meta.message_id' of the chat in 'snapshot'"]
    return Proposal("thumbs", mapping, 0.96, why, doubts)


def _propose_chats(rows: Sequence[Row]) -> Proposal:
    messages = [
        message
        for value in values_at(rows, "chat.history.messages")
        for message in (value.values() if isinstance(value, dict) else [])
    ]
    ratings = distinct(values_at(messages, "annotation.rating"))
    if not ratings:
        return Proposal(None, {}, 0.0, ["these are chats of Open WebUI without ratings: export the feedback instead"])
    mapping = {
        "messages": "chat.history.messages",
        "label": "annotation.rating",
        "up": [1],
        "down": [-1],
        "parent": "parentId",
    }
    return Proposal("rated_turns", mapping, 0.9, ["'annotation.rating' inside messages is 1 or -1"])
