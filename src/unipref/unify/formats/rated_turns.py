"""A dialogue in which several answers carry a verdict of their own, as in the exports of chat tools."""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from pydantic import model_validator

from unipref.core.contracts import FeedbackKind, Grouping
from unipref.core.display import describe_value
from unipref.core.records import Feedback, Messages, Reason, Reject, Row
from unipref.core.values import is_missing
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess
from unipref.unify.detection.speakers import find_speaker
from unipref.unify.detection.verdict_codes import guess_thumbs
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path
from unipref.unify.mapping.message_links import (
    LinkedMessage,
    LinkedMessages,
    TurnFields,
    find_ancestors,
    first_keys,
    is_empty_node,
    link_messages,
    link_replies,
    measure_depths,
    prepare_message,
)
from unipref.unify.mapping.paths import collect_values, get_path
from unipref.unify.mapping.turns import check_answer, check_prompt, find_prompt_end, find_turn_keys, parse_message
from unipref.unify.mapping.unread_fields import WEIGHT
from unipref.unify.mapping.verdicts import Tally, Verdicts

MAX_TURNS = 1000
"""Most messages before a judged answer; each answer's prompt repeats them."""

VERDICT_NAMES = {
    *("feedback", "rating", "vote", "thumb", "thumbs", "liked", "label", "reaction", "score", "stars", "grade"),
    "verdict",
}
"""Names of fields of a turn that can hold a verdict."""
MAX_CODES = 10
"""Most different verdicts of a turn."""
MIN_TEXTS = 0.9
"""Least share of the messages that have a text."""


def _has_verdict_name(column: Column) -> bool:
    """Whether a part of the path of a field is the name of a verdict: `feedback.value`."""
    return any(part in VERDICT_NAMES for part in column.path.split("."))


def _find_label(inner: Columns) -> Column | None:
    """Returns the field of some turns that holds a verdict; None if there is none."""
    turns = len(inner.rows)
    for label in sorted(inner.all, key=lambda c: not _has_verdict_name(c)):
        if label.kind not in ("code", "flag") or len(label.values) == turns or not label.values:
            continue
        if "." in label.path and inner.role(label) in ("metadata", "critique"):
            continue
        is_judging = inner.role(label) in ("judgement", "score") and label.n_distinct > 1
        if (_has_verdict_name(label) or is_judging) and label.n_distinct <= MAX_CODES:
            return label
    return None


def _describe_label(dialogue: Column, label: Column) -> str:
    codes = ", ".join(label.distinct_values)
    return f"'{dialogue.path}' is a dialogue, and '{label.path}' of some turns is one of {codes}"


def _recognise_messages(columns: Columns) -> Guess | None:
    """Recognises a list of messages with other keys than the usual ones, some of which have a verdict."""
    for listed in columns.of_kind("items"):
        inner = columns.inner(listed)
        texts = [c for c in inner.prose if c.share > MIN_TEXTS and not c.has_name("name", "title")]
        if len(texts) != 1 or (speaker := find_speaker(inner)) is None or (label := _find_label(inner)) is None:
            continue
        found, doubts = guess_thumbs(label)
        if asked := [value for value, role in speaker.roles.items() if role == PLACEHOLDER]:
            doubts.append(f"who speaks in messages whose '{speaker.column.path}' is one of {', '.join(asked)}")
        turns = {"role": speaker.column.path, "content": texts[0].path}
        mapping = {"messages": listed.path, "turns": turns, "label": label.path, **found}
        mapping |= {"roles": speaker.roles} if speaker.roles else {}
        why = [_describe_label(listed, label), f"'{speaker.column.path}' names the speaker of each message"]
        return Guess(mapping, 0.85, why, doubts)
    return None


def _ask_about_turns(columns: Columns, path: str) -> Guess | None:
    """Asks about a judgement inside the turns of a dialogue that no rule reads: no condition on rows can look there."""
    inside = [p for c, p, role in columns.inside if p.startswith(f"{path}.*.") and role in ("judgement", "score")]
    if not inside:
        return None
    asked: dict[str, Any] = {"label": PLACEHOLDER, "up": PLACEHOLDER, "down": PLACEHOLDER}
    doubt = f"whether '{inside[0]}' judges the answers in '{path}', and which of its values is thumbs up"
    return Guess({"messages": path, **asked}, 0.62, [f"'{path}' is a dialogue with '{inside[0]}' inside"], [doubt])


class _Message(NamedTuple):
    """A message as read: its turns, or why it cannot be read; the verdicts on it, or why they cannot be read."""

    turns: Messages | Reject
    verdict: Tally | Reject | None
    is_judged: bool
    place: str

    @property
    def majority(self) -> bool | None:
        """Whether most verdicts are good; None if that is not clear."""
        return self.verdict.majority if isinstance(self.verdict, Tally) else None

    @property
    def others(self) -> list[Reject]:
        """The verdicts that do not count."""
        return self.verdict.others if isinstance(self.verdict, Tally) else []


class RatedTurns(Verdicts, Mapped):
    """A dialogue in which each answer can have a verdict inside its message. Each judged answer gives one-sided
    feedback, with all messages before it as the prompt. Answers without a verdict are context. Answers to the same
    messages, in one row or several, come together: a liked and a disliked one give a pair.
    """

    messages: Path
    """Path of the messages: a list; or, with `parent`, a list or a mapping id -> message."""
    label: Path
    """Path of the verdict inside a message, or of several people's, as in `feedback.*.value`; the majority decides."""
    parent: Path | None = None
    """Path, inside a message, of the id of the message that it follows, if the messages are a tree. If not set, each
    message follows the one before it in the list."""
    replies: Path | None = None
    """Replaces `parent`: path, inside a message, of the list of replies to it, if the messages are nested."""
    id: Path = "id"
    """Path of the id inside a message, for `parent`. A mapping id -> message does not need it."""
    turns: TurnFields | None = None
    """Where a message holds its speaker and its text, as in {role: author.role, content: text}, if not in role and
    content or from and value."""

    grouping: ClassVar[Grouping] = "prompt"
    feedback_kind: ClassVar[FeedbackKind] = "single"
    example: ClassVar[dict[str, Any]] = {
        "settings": {"messages": "chat", "label": "feedback", "up": ["up"], "down": ["down"]},
        "rows": [
            {
                "chat": [
                    {"role": "user", "content": "Name a planet."},
                    {"role": "assistant", "content": "Mars.", "feedback": "up"},
                    {"role": "user", "content": "Another one?"},
                    {"role": "assistant", "content": "The moon.", "feedback": "down"},
                ]
            }
        ],
    }

    @model_validator(mode="after")
    def _is_linked_one_way(self) -> "RatedTurns":
        if self.parent is not None and self.replies is not None:
            raise ValueError("give either 'parent' or 'replies'")
        return self

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a dialogue in which some turns hold one of a few further values."""
        dialogues = columns.of_kind("turns")
        if not dialogues:
            return _recognise_messages(columns)
        if len(dialogues) != 1:
            return None
        if (label := _find_label(columns.inner(dialogues[0]))) is not None:
            found, doubts = guess_thumbs(label)
            why = [_describe_label(dialogues[0], label)]
            return Guess({"messages": dialogues[0].path, "label": label.path, **found}, 0.85, why, doubts)
        return _ask_about_turns(columns, dialogues[0].path)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback per judged answer, and a reject for each message that is not used or only context."""
        linked = self._link(row)
        nodes = {key: node for key, node in linked.items() if not self._is_structure(node)}
        keys = None if self.turns else find_turn_keys([node.message for node in nodes.values()], self.roles)
        read = {key: self._read_message(node, keys) for key, node in nodes.items()}
        if not any(message.is_judged for message in read.values()):
            raise Reject(Reason.UNSCORED, f"no message has a verdict in '{self.label}'", self.messages)
        leading = self.leading_turns(row)
        depths = measure_depths(linked, read)
        for key in (key for key, message in read.items() if message.is_judged):
            try:
                yield self._judge(key, read, linked, depths, leading)
            except Reject as reject:
                yield reject
            else:
                yield from read[key].others
        for message in (message for message in read.values() if not message.is_judged):
            if isinstance(message.turns, Reject):
                yield message.turns
            elif message.turns[-1]["role"] == "assistant":
                detail = "the answer has no verdict, so it is used only as context"
                yield Reject(Reason.UNSCORED, detail, f"{message.place}.{self.label}")

    def _judge(
        self,
        key: str,
        read: dict[str, _Message],
        linked: LinkedMessages,
        depths: dict[str, int | Reject],
        leading: Messages,
    ) -> Feedback:
        """Returns the feedback on one judged message.

        Raises:
            Reject: the verdict, the message or one before it cannot be used.
        """
        message = read[key]
        label_place = f"{message.place}.{self.label}"
        if isinstance(message.turns, Reject):
            raise message.turns
        role = message.turns[-1]["role"]
        if role != "assistant":
            raise Reject(Reason.NO_ANSWER, f"the judged message is of the {role}, not of the assistant", label_place)
        if not isinstance(message.verdict, Tally):
            raise message.verdict or Reject(Reason.UNSCORED, "nobody judged the answer", label_place)
        depth = depths[key]
        if isinstance(depth, Reject):
            raise Reject(depth.reason, depth.detail, depth.field)
        if depth > MAX_TURNS:
            raise Reject(Reason.OVER_LIMIT, f"more than {MAX_TURNS} messages come before the answer", message.place)
        ancestors = [read[ancestor] for ancestor in find_ancestors(linked, key) if ancestor in read]
        dialogue: Messages = []
        opposite: Messages = []
        for before in ancestors:
            if isinstance(before.turns, Reject):
                detail = f"the answer follows {before.place}, which cannot be read: {before.turns.detail}"
                raise Reject(before.turns.reason, detail, message.place)
            dialogue += before.turns
            is_opposite = message.majority is not None and before.majority is (not message.majority)
            opposite += before.turns[-1:] if is_opposite else []
        check_answer(dialogue, message.place)
        cut = find_prompt_end(dialogue)
        check_prompt(dialogue[:cut], message.place)
        if any(answer in dialogue[cut:-1] for answer in opposite):
            detail = "the answer goes on from another answer to the same message, whose verdict is the opposite"
            raise Reject(Reason.CONTRADICTION, detail, label_place)
        return Feedback(prompt=[*leading, *dialogue[:cut]], responses=message.verdict.to_responses(dialogue[cut:]))

    def _link(self, row: Row) -> LinkedMessages:
        """Returns the messages by id; of a list without parents, each follows the one before it."""
        value = get_path(row, self.messages)
        if self.replies is not None:
            return link_replies(value, self.messages, self.replies)
        if self.parent is not None:
            return link_messages(value, self.messages, self.id, self.parent)
        if not isinstance(value, list):
            hint = "; for a tree of messages, set 'parent'" if isinstance(value, dict) else ""
            raise Reject(
                Reason.WRONG_TYPE, f"expected a list of messages, found {describe_value(value)}{hint}", self.messages
            )
        return {
            str(i): LinkedMessage(message, f"{self.messages}.{i}", str(i - 1) if i else None)
            for i, message in enumerate(value)
        }

    @property
    def _links(self) -> set[str]:
        """The fields that link messages."""
        return (
            {self.id, self.parent} if self.parent is not None else {self.replies} if self.replies is not None else set()
        )

    def _is_structure(self, node: LinkedMessage) -> bool:
        return bool(self._links) and is_empty_node(node.message, self.turns, self._links)

    def _read_message(self, node: LinkedMessage, keys: tuple[str, str] | None) -> _Message:
        """Reads one message and its verdict."""
        verdict: Tally | Reject | None = None
        try:
            is_judged = any(not is_missing(value) for _, value in collect_values(node.message, self.label))
            if is_judged:
                tally = self.count_verdicts(node.message, self.label)
                verdict = tally._replace(others=[_at(node.field, reject) for reject in tally.others])
        except Reject as reject:
            is_judged = reject.reason is not Reason.MISSING_FIELD
            verdict = _at(node.field, reject)
        if isinstance(verdict, Reject) and verdict.reason is Reason.UNSCORED:
            is_judged = False
        try:
            raw = prepare_message(node.message, node.field, self.turns, {*self._links, *first_keys(self.label)})
            turns: Messages | Reject = parse_message(raw, node.field, self.roles, keys)
            if is_judged and isinstance(raw, dict) and raw.get(WEIGHT) in (0, "0", "0.0"):
                verdict = Reject(
                    Reason.NOT_TO_LEARN, "the answer has weight 0: its source says not to learn it", node.field
                )
        except Reject as reject:
            turns = reject
        return _Message(turns, verdict, is_judged, node.field)


def _at(place: str, reject: Reject) -> Reject:
    """Returns a reject of a part of a message with its whole path."""
    return Reject(reject.reason, reject.detail, f"{place}.{reject.field}")
