"""Turns a preference into the items of an export, or says why a target cannot hold it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unipref.core.contracts import Exporter, ExportItem, ExportKind, Part
from unipref.core.messages import parse_json
from unipref.core.records import Image, Message, Messages, Reason, Reject, Row
from unipref.core.text_keys import digest

KEPT_KEYS = ("tool_calls", "tool_call_id", "name", "images")
"""What a message of an item may hold besides role and content."""
SAME = "the answers differ only in what the target does not hold"


class ItemMaker:
    """Makes the items of preferences.

    Args:
        exporter: the target.
        kind: what its rows are.
        root: the folder in which paths of images start.
        has_parts: whether the messages may hold more than text.
    """

    def __init__(self, exporter: Exporter, kind: ExportKind, root: Path, has_parts: bool) -> None:
        self.exporter, self.kind, self.root, self.has_parts = exporter, kind, root, has_parts
        self.holds = exporter.holds[kind]
        self.parts = set[Part]()
        self.stripped: Counter[str] = Counter()
        self._seen = set[str]()

    def make(self, row: Row) -> Iterator[ExportItem | Reject]:
        """Yields the items of a preference, and a reject for each one that the target cannot hold."""
        if self.kind == "everything":
            yield ExportItem(row["prompt"], row=row, has_parts=self.has_parts)
            return
        sides = list(self._list_sides(row))
        if isinstance(sides[0], Reject):
            yield sides[0]
            return
        for answer, rejected, label in sides:  # type: ignore[misc]
            try:
                yield self._make_item(row, answer or [], rejected or [], label)
            except Reject as reject:
                yield reject

    def _list_sides(self, row: Row) -> Iterator[tuple[Messages | None, Messages | None, bool | None] | Reject]:
        """Yields answer, rejected answer and label of each item; a reject if the preference has none."""
        chosen, rejected = row["chosen"], row["rejected"]
        if self.kind == "prompts":
            yield None, None, None
        elif self.kind == "thumbs":
            if chosen and rejected and list(map(_keep_parts, chosen)) == list(map(_keep_parts, rejected)):
                yield Reject(Reason.SAME_RESPONSE, SAME)
                return
            if chosen:
                yield chosen, None, True
            if rejected:
                yield rejected, None, False
        elif not chosen:
            yield Reject(Reason.ONE_SIDED, "it has no chosen answer")
        elif self.kind == "demonstrations":
            yield chosen, None, None
        elif not rejected:
            yield Reject(Reason.ONE_SIDED, "it has no rejected answer")
        else:
            yield chosen, rejected, None

    def _make_item(self, row: Row, answer: Messages, rejected: Messages, label: bool | None) -> ExportItem:
        prompt: Messages = row["prompt"]
        parts = find_parts(prompt, [answer, rejected])
        missing = sorted(part.value for part in parts - self.holds - {Part.REASONING})
        if missing:
            raise Reject(Reason.NOT_HELD, f"{self.exporter.name()} does not hold {', '.join(missing)}")
        if any(message.get("images") for message in [*answer, *rejected]):
            raise Reject(Reason.NOT_HELD, "an answer holds an image")
        self._check_marks([*prompt, *answer, *rejected])
        item = ExportItem(
            prompt=list(map(_keep_parts, prompt)),
            answer=list(map(_keep_parts, answer)),
            rejected=list(map(_keep_parts, rejected)),
            label=label,
            tools=_read_tools(prompt),
            images=[self._find_image(image) for message in prompt for image in message.get("images") or ()],
            row=row,
            has_parts=self.has_parts,
        )
        if any(not _says_something(message) for message in [*item.answer, *item.rejected]):
            raise Reject(Reason.EMPTY_RESPONSE, "an answer has no text besides its reasoning")
        if rejected and item.answer == item.rejected:
            raise Reject(Reason.SAME_RESPONSE, SAME)
        if self.kind == "prompts" and self._is_repeated(item):
            raise Reject(Reason.DUPLICATE, "the prompt is written already")
        if Part.REASONING in parts:
            self.stripped[Part.REASONING.value] += 1
        self.parts |= parts & self.holds
        return item

    def _check_marks(self, messages: Messages) -> None:
        for mark in self.exporter.marks:
            if any(mark in message["content"] for message in messages):
                raise Reject(Reason.NOT_HELD, f"{self.exporter.name()} would read the text '{mark}' as a file")

    def _find_image(self, image: Image) -> str:
        if image["sha256"] is None:
            return image["ref"]
        path = self.root / image["ref"]
        if not path.is_file():
            raise Reject(Reason.MISSING_FILE, f"the image {image['ref']} is missing in {self.root}")
        return str(path)

    def _is_repeated(self, item: ExportItem) -> bool:
        key = digest("export", json.dumps([item.prompt, item.tools, item.images], ensure_ascii=False))
        if key in self._seen:
            return True
        self._seen.add(key)
        return False


def find_parts(prompt: Messages, answers: Iterable[Messages]) -> set[Part]:
    """Finds which parts a dialogue holds besides a question and an answer of text."""
    parts = set[Part]()
    speakers = [message["role"] for message in prompt if message["role"] != "system"]
    if len(speakers) < len(prompt):
        parts.add(Part.SYSTEM)
    if len(speakers) > 1:
        parts.add(Part.TURNS)
    for answer in answers:
        if len(answer) > 1 or (answer and answer[0]["role"] != "assistant"):
            parts.add(Part.LONG)
    for message in [*prompt, *(one for answer in answers for one in answer)]:
        if message["role"] == "tool" or message.get("tools") or message.get("tool_calls"):
            parts.add(Part.TOOLS)
        if message.get("images"):
            parts.add(Part.IMAGES)
        if message.get("reasoning"):
            parts.add(Part.REASONING)
    return parts


def _keep_parts(message: Message) -> Message:
    plain: Message = {"role": message["role"], "content": message["content"]}
    plain.update({key: value for key in KEPT_KEYS if (value := message.get(key))})  # type: ignore[typeddict-item]
    return plain


def _says_something(message: Message) -> bool:
    return bool(message["content"].strip() or message.get("tool_calls"))


def _read_tools(prompt: Messages) -> list[Any]:
    text = prompt[0].get("tools") if prompt else None
    if not text:
        return []
    tools = parse_json(text)
    if not isinstance(tools, list):
        raise Reject(Reason.NOT_HELD, "its tools are not a list", "prompt")
    return tools
