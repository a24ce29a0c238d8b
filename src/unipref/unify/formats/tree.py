"""Conversation trees with ranked or labelled siblings, as in OASST. Each prompt in the tree gives one feedback."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.display import name_kind
from unipref.core.records import Axis, Feedback, Message, Messages, Reason, Reject, Response, Row
from unipref.unify.detection.guess import PLACEHOLDER, Columns, Guess, are_ranks, find_replies_key
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Part, Path, Place, extract_part, first_field, read_text
from unipref.unify.mapping.message_parts import make_turn
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.scores import AxisSpec, raters_of, read_ratings, scores_of, scores_of_each
from unipref.unify.mapping.turns import KNOWN_ROLES, normalise_role
from unipref.unify.mapping.unread_fields import note_unread_fields

MAX_DEPTH = 500
"""Most turns in one branch; a deeper tree is rejected as broken."""


def _iterate_siblings(roots: list[Any], key: str) -> Iterator[list[dict[str, Any]]]:
    """Yields the replies to each message of some trees."""
    stack = [root for root in roots if isinstance(root, dict)]
    while stack:
        below = stack.pop().get(key)
        children = [child for child in below if isinstance(child, dict)] if isinstance(below, list) else []
        if children:
            yield children
        stack += children


class Tree(Mapped):
    """A tree of messages. Each user message with replies gives a prompt: all messages from the root to it. Its answers
    are the assistant's replies, with their scores. Rankings among user messages are not preferences and are not used.
    """

    root: Path | None = "prompt"
    """Path of the root message; null: the row itself is the root message."""
    text: Place = "text"
    """Field of a message that holds its text; or a part, as in {field: text, pattern: REGEX}, whose pattern extracts
    the answer from a message of the assistant."""
    role: Path = "role"
    """Field of a message that names the speaker."""
    replies: Path = "replies"
    """Field of a message that holds the replies to it."""
    deleted: Path | None = "deleted"
    """Field that marks a message as deleted; the message and all replies below it are left out."""
    scores: dict[str, AxisSpec] = {"rank": AxisSpec(field="rank", better="low", low=0)}
    """Axis name -> where a message holds its score. By default rank 0 is the best of the siblings."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "rows": [
            {
                "prompt": {
                    "text": "Name a planet.",
                    "role": "prompter",
                    "replies": [
                        {"text": "Mars.", "role": "assistant", "rank": 0, "replies": []},
                        {"text": "The moon.", "role": "assistant", "rank": 1, "replies": []},
                    ],
                }
            }
        ],
    }

    def axes(self) -> dict[str, Axis]:
        """The declared axes, in order."""
        return {name: spec.axis() for name, spec in self.scores.items()}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a message that holds its replies, which hold theirs."""
        roots: list[tuple[str | None, list[Any]]] = [(c.path, c.values) for c in columns.of_kind("messages_tree")]
        roots.append((None, columns.rows))
        for path, values in roots:
            first = next((value for value in values if find_replies_key(value) is not None), None)
            if first is None:
                continue
            key = find_replies_key(first) or ""
            families = list(_iterate_siblings(values, key))
            child = first[key][0]
            texts = sorted((k for k, v in child.items() if isinstance(v, str)), key=lambda k: -len(child[k]))
            role = next((k for k in texts if child[k].lower() in KNOWN_ROLES), None)
            if role is None:
                continue
            rank = next((k for k in child if are_ranks([c.get(k) for c in family] for family in families)), None)
            named = rank is not None and "rank" in rank.lower()
            guess: dict[str, Any] = {"root": path, "replies": key, "text": texts[0], "role": role}
            axis = {"field": rank or PLACEHOLDER, "better": "low" if named else PLACEHOLDER}
            guess["scores"] = {"rank": {**axis, "low": 0} if named else axis}
            why = [f"'{path or 'the row'}' is a message with replies in '{key}'"]
            why += [f"'{rank}' ranks the siblings"] if rank else []
            doubts = ["rank 0 counts as the best, because of the field's name"] if named else []
            doubts += [f"whether a high or a low '{rank}' is better"] if rank and not named else []
            doubts += [] if rank else ["no rank was found among the replies: set where their scores are"]
            return Guess(guess, 0.95 if named else 0.85, why, doubts)
        return None

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback per user message with answers, and a reject for each message that cannot be used."""
        root = row if self.root is None else get_path(row, self.root)
        if not isinstance(root, dict):
            raise Reject(Reason.WRONG_TYPE, f"expected a message, found {name_kind(root)}", self.root)
        system = self.system_turn(row)
        rejects: list[Feedback | Reject] = []
        # An explicit stack, because hostile input can be nested deeper than Python's recursion limit.
        stack: list[tuple[dict[str, Any], Messages, str]] = [(root, system, self.root or "root")]
        while stack:
            node, path, place = stack.pop()
            try:
                turns = [*path, self._read_message(node, place)]
                note_unread_fields(node, self._list_read_fields())
                children = self._children(node, place)
                if len(turns) > MAX_DEPTH:
                    raise Reject(Reason.WRONG_TYPE, f"the tree is deeper than {MAX_DEPTH} turns", self.root)
            except Reject as reject:
                if node is root:
                    raise
                rejects.append(reject)
                continue
            if turns[-1]["role"] == "user":
                yield from self._read_answers(children, turns, place, row)
            for index, child in reversed(list(enumerate(children))):
                stack.append((child, turns, f"{place}.{self.replies}.{index}"))
        yield from rejects

    def _children(self, node: dict[str, Any], place: str) -> list[dict[str, Any]]:
        replies = node.get(self.replies) or []
        if not isinstance(replies, list) or not all(isinstance(child, dict) for child in replies):
            raise Reject(Reason.WRONG_TYPE, "expected a list of messages", f"{place}.{self.replies}")
        return replies

    def _read_message(self, node: dict[str, Any], place: str) -> Message:
        if self.deleted is not None and node.get(self.deleted) is True:
            raise Reject(Reason.DELETED, "the message is marked as deleted", place)
        field = first_field(self.text)
        content = read_text(get_path(node, field), f"{place}.{field}")
        role = normalise_role(get_path(node, self.role), f"{place}.{self.role}", self.roles)
        if isinstance(self.text, Part) and role == "assistant":
            content = extract_part(content, self.text)
        message = make_turn(role, content)
        if not message["content"]:
            raise Reject(
                Reason.EMPTY_RESPONSE if role == "assistant" else Reason.EMPTY_PROMPT, "the message is empty", place
            )
        return message

    def _list_read_fields(self) -> list[str]:
        """The fields of a message that are read or kept."""
        fields = [spec.field for spec in self.scores.values()]
        paths = [path for field in fields for path in ([field] if isinstance(field, str) else field)] + list(self.keep)
        named = [first_field(self.text), self.role, self.replies, *([self.deleted] if self.deleted else []), *paths]
        return [*named, *(path.split(".")[0] for path in named)]

    def _read_answers(
        self, children: list[dict[str, Any]], prompt: Messages, place: str, row: Row
    ) -> Iterator[Feedback | Reject]:
        responses = []
        for index, child in enumerate(children):
            try:
                message = self._read_message(child, f"{place}.{self.replies}.{index}")
            except Reject:
                continue  # reported once, when the loop in `feedback` reaches the child itself
            if message["role"] != "assistant":
                continue
            try:
                ratings = read_ratings(child, self.scores)
            except Reject as reject:
                yield reject
                continue
            responses.append(
                Response(
                    messages=[message],
                    scores=scores_of(ratings),
                    raters=raters_of(ratings),
                    each=scores_of_each(ratings),
                    extra=self.kept_fields(child),
                )
            )
        if responses:
            yield Feedback(prompt=prompt, responses=responses)
