"""Where each turn lies in a dialogue that the chat template rendered.

To find the turns, the template renders a dialogue of the same roles with placeholders for texts. The text between two
placeholders is the template's own. The real dialogue must then consist of these texts and its contents in turn. If it
does not (a template that rewrites contents), the turns cannot be told apart.
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unipref.core.chat_models import RefusedDialogue, render
from unipref.core.messages import have_parts
from unipref.core.records import Message, Messages, ToolCall
from unipref.core.special_tokens import protect, protect_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]
"""Beginning and end of a part of a text, in characters, or of a sequence, in tokens."""

MOST_COMPARED = 8
"""Most characters of a turn's ending that are compared with the dialogue."""
PLACEHOLDER = re.compile("\ue000([0-9]+)\ue001")
"""A private character on each side of a turn's number: no template looks for it."""


class TurnFinder:
    """Finds the turns in dialogues that one tokenizer's chat template rendered.

    Args:
        tokenizer: with a chat template.
        with_images: whether the images of a dialogue are passed to the model.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", with_images: bool = False) -> None:
        self.tokenizer, self.with_images = tokenizer, with_images
        self._texts: dict[tuple[tuple[str, ...], bool], list[str] | None] = {}

    def render(self, messages: Messages, is_prompt: bool = False) -> str:
        """Renders a dialogue, as the model sees it; a prompt goes up to where the assistant starts to write."""
        return render(self.tokenizer, messages, to_answer=is_prompt, with_images=self.with_images)

    def find_contents(
        self, messages: Messages, rendered: str, add_generation_prompt: bool = False
    ) -> list[Span] | None:
        """Finds each turn's content in the rendered dialogue, in characters; None if the template changes contents."""
        texts = self._texts_between([message["role"] for message in messages], add_generation_prompt)
        if texts is None:
            return None
        spans: list[Span] = []
        end = 0
        for text, message in zip(texts, protect(self.tokenizer, list(messages)), strict=False):
            start = end + len(text)
            length = _find_length(rendered, start, message["content"])
            if length is None or not rendered.startswith(text, end):
                return None
            end = start + length
            spans.append((start, end))
        return spans if rendered[end:] == texts[-1] else None

    def find_other_speakers(self, prompt: Messages, answer: Messages, rendered: str) -> list[Span] | None:
        """Finds the parts of the answer that others wrote, with the template's marks around them, in characters.

        A part begins after the token that ends the assistant's turn, as the template ends a dialogue. It ends where
        the assistant starts to write, as in a generation prompt.

        Args:
            prompt: the turns to answer.
            answer: the turns after them.
            rendered: the whole dialogue.

        Returns:
            The parts in order; none if only the assistant speaks. None if the turns cannot be told apart.
        """
        roles = [message["role"] for message in (*prompt, *answer)]
        others = [at for at in range(len(prompt), len(roles)) if roles[at] != "assistant"]
        if not others:
            return []
        if have_parts(prompt) or have_parts(answer) or "tool" in roles:
            return self._find_others_by_rendering(prompt, answer, rendered)
        contents = self.find_contents([*prompt, *answer], rendered)
        if contents is None:
            return None
        parts: list[Span] = []
        for at in others:
            before, (start, end) = contents[at - 1][1] if at else 0, contents[at]
            if roles[at - 1] == "assistant" and at > len(prompt):
                ending = self._texts_between(roles[:at], False)
                if ending is None:
                    return None
                parts.append((before + common_length(rendered[before:start], ending[-1]), len(rendered)))
            elif at == len(prompt):
                parts.append((before, len(rendered)))
            if at + 1 < len(roles) and roles[at + 1] == "assistant":
                opening = self._texts_between(roles[: at + 1], True)
                if opening is None:
                    return None
                after = rendered[end : contents[at + 1][0]]
                parts[-1] = (parts[-1][0], end + common_length(after, opening[-1]))
        return parts

    def _find_others_by_rendering(self, prompt: Messages, answer: Messages, rendered: str) -> list[Span] | None:
        """As `find_other_speakers`, for dialogues with tool calls, whose texts lie outside of the contents.

        The dialogue is rendered again with placeholders for the contents of other speakers, and the turn before each
        part is rendered with two endings, which shows what the template writes after it.
        """
        messages = [*prompt, *answer]
        others = [at for at in range(len(prompt), len(messages)) if messages[at]["role"] != "assistant"]
        contents = self._find_some_contents(messages, others, rendered)
        if contents is None:
            return None
        parts: list[Span] = []
        for at in others:
            if at - 1 not in contents:
                begin = 0 if at == len(prompt) else self._find_turn_end(messages, at, contents[at][0], rendered)
                if begin is None:
                    return None
                parts.append((begin, len(rendered)))
            if at + 1 < len(messages) and messages[at + 1]["role"] == "assistant":
                opening = self._split_at(messages[: at + 1], at, is_prompt=True)
                if opening is None:
                    return None
                end = contents[at][1]
                parts[-1] = (parts[-1][0], end + common_length(rendered[end:], opening[1]))
        return parts

    def _find_some_contents(self, messages: Messages, places: list[int], rendered: str) -> dict[int, Span] | None:
        """Finds the contents of some turns in the rendered dialogue: place -> span; None if they have no places."""
        marked: Messages = [{**message} for message in messages]
        for at in places:
            marked[at]["content"] = f"\ue000{at}\ue001"
        try:
            pieces = PLACEHOLDER.split(self.render(marked))
        except RefusedDialogue:
            return None
        if pieces[1::2] != [str(at) for at in places]:
            return None
        spans: dict[int, Span] = {}
        end = 0
        for text, at in zip(pieces[::2], places, strict=False):
            start = end + len(text)
            content = protect_text(self.tokenizer, messages[at]["content"])
            length = _find_length(rendered, start, content)
            if not content or length is None or not rendered.startswith(text, end):
                return None
            end = start + length
            spans[at] = (start, end)
        return spans if rendered[end:] == pieces[-1] else None

    def _find_turn_end(self, messages: Messages, at: int, start: int, rendered: str) -> int | None:
        """Finds where the assistant's turn before a turn ends, with the token that ends it, in characters.

        Args:
            messages: the dialogue.
            at: the turn after the assistant's.
            start: where its content starts.
            rendered: the whole dialogue.
        """
        for variants in _vary_ending(messages[at - 1]):
            dialogues = [[*messages[: at - 1], variant] for variant in variants]
            splits = [self._split_at([*turns, messages[at]], at) for turns in dialogues]
            try:
                endings = [self.render(turns) for turns in dialogues]
            except RefusedDialogue:
                continue
            first, second = splits
            if first is None or second is None or endings[0] == endings[1]:
                continue
            ending, header = _common_end(*endings), _common_end(first[0], second[0])
            shared = common_length(header, ending)
            # The header is what follows the ending; a variant that changes the header too shows another ending.
            if 2 * shared >= len(ending) and rendered[:start].endswith(header[max(0, shared - MOST_COMPARED) :]):
                return start - len(header) + shared
        return None

    def _split_at(self, messages: Messages, at: int, is_prompt: bool = False) -> tuple[str, str] | None:
        """Renders turns with a placeholder for one content, and splits the text there; None if that fails."""
        marked: Messages = [*messages[:at], {**messages[at], "content": f"\ue000{at}\ue001"}, *messages[at + 1 :]]
        try:
            pieces = PLACEHOLDER.split(self.render(marked, is_prompt))
        except RefusedDialogue:
            return None
        return (pieces[0], pieces[2]) if len(pieces) == 3 else None

    def _texts_between(self, roles: Sequence[str], is_prompt: bool) -> list[str] | None:
        """The template's own texts before, between and after the contents of such turns; None if they have no places.

        None too if the template refuses the roles.
        """
        key = (tuple(roles), is_prompt)
        if key not in self._texts:
            self._texts[key] = self._render_placeholders(roles, is_prompt)
        return self._texts[key]

    def _render_placeholders(self, roles: Sequence[str], is_prompt: bool) -> list[str] | None:
        turns = [Message(role=role, content=f"\ue000{at}\ue001") for at, role in enumerate(roles)]
        try:
            pieces = PLACEHOLDER.split(self.render(turns, is_prompt))
        except RefusedDialogue:
            return None
        return pieces[::2] if pieces[1::2] == [str(at) for at in range(len(roles))] else None


def _find_length(rendered: str, start: int, content: str) -> int | None:
    """The length of a content at a place of the rendered dialogue; None if another text is there.

    Many templates strip the contents; some write the results of tools as JSON.
    """
    if rendered.startswith(content, start):
        return len(content)
    forms = (content.strip(), json.dumps(content, ensure_ascii=False)[1:-1])
    return next((len(form) for form in forms if rendered.startswith(form, start)), None)


def _vary_ending(message: Message) -> list[list[Message]]:
    """Makes pairs of versions of an assistant's turn that differ only before what the template writes at its end."""
    pairs: list[list[Message]] = [[{**message, "content": content} for content in ("a", "b")]]
    if calls := message.get("tool_calls"):
        *first, last = calls
        names = [f"{last['function']['name']}{ending}" for ending in ("a", "b")]
        renamed: list[ToolCall] = [{**last, "function": {**last["function"], "name": name}} for name in names]
        pairs.append([{**message, "tool_calls": [*first, call]} for call in renamed])
    return pairs


def _common_end(one: str, other: str) -> str:
    length = common_length(one[::-1], other[::-1])
    return one[len(one) - length :]


def cut_after_first_answer(answer: Messages) -> Messages:
    """Cuts an answer before the first turn of another speaker that follows a turn of the assistant."""
    for at, message in enumerate(answer):
        if at and message["role"] != "assistant" and answer[at - 1]["role"] == "assistant":
            return answer[:at]
    return answer


def common_length(a: Sequence[object], b: Sequence[object]) -> int:
    """Length of the common prefix of two sequences of the same type."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    # Binary search over slices, which are compared in C: many times faster than a loop for long sequences.
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
