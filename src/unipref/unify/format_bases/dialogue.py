"""Base classes of formats with dialogues: lists of turns, transcripts with speaker marks, or texts to be split."""

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from unipref.core import patterns
from unipref.core.contracts import Settings
from unipref.core.records import Message, Messages, Reason, Reject, Row
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.dialogue_end import Until
from unipref.unify.mapping.fields import Paths, Place, extract_part, first_field, get_answer, read_answer
from unipref.unify.mapping.message_links import TurnFields
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.transcripts import parse_transcript
from unipref.unify.mapping.turns import assistant_turn, parse_turns, read_answer_turns, split_dialogue


class Marks(Settings):
    """The marks of the speakers in a transcript."""

    user: str = "\n\nHuman:"
    """Mark before a user's turn."""
    assistant: str = "\n\nAssistant:"
    """Mark before an assistant's turn."""


def _require_two_groups(pattern: str) -> str:
    if patterns.compile_pattern(pattern).groups != 2:
        raise ValueError("the pattern needs two groups in parentheses")
    return pattern


TwoGroups = Annotated[str, AfterValidator(_require_two_groups)]
"""A regular expression with two groups, both of which are used."""


class Dialogues(Mapped):
    """The settings of formats that read whole dialogues."""

    marks: Marks = Marks()
    """Speaker marks of transcripts."""
    cut: TwoGroups | None = None
    """Regular expression that splits one text into two groups: the prompt and the answer."""
    until: Until | None = None
    """The answer with which each dialogue ends, if later messages follow: {turn: PATH}, {index: PATH},
    {message: PATH, id: PATH} or {answer: last}. With `parent`, the messages are a tree."""
    turns: TurnFields | None = None
    """Where a message of a dialogue holds its speaker and its text, as in {role: author.role, content: text}, if not in
    role and content or from and value."""

    @model_validator(mode="after")
    def _is_cut_once(self) -> "Dialogues":
        if self.until is not None and self.cut is not None:
            raise ValueError("give either 'until' or 'cut'")
        return self

    def parse_dialogue(self, value: Any, path: str, row: Row) -> Messages:
        """Converts a dialogue in any of the forms above, or an answer alone, to messages.

        Args:
            value: the raw dialogue.
            path: its path, for errors.
            row: the raw row, which holds what `until` names.

        Raises:
            Reject: the value is neither text nor a list of turns, is empty, does not match `cut`, or `until` names no
                answer in it.
        """
        if not isinstance(value, str):
            if self.until is not None:
                value = self.until.cut_raw(row, value, path, self.roles, self.turns)
            elif self.turns is not None and isinstance(value, list):
                value = [self.turns.rename(message, f"{path}.{i}") for i, message in enumerate(value)]
            elif isinstance(value, dict):
                detail = (
                    "expected a list of turns, found a mapping; for a tree, set 'until' with 'message' and 'parent'"
                )
                raise Reject(Reason.WRONG_TYPE, detail, path)
            return parse_turns(value, path, self.roles, ends_with_answer=True)
        if self.cut is not None:
            match = patterns.search(self.cut, value, path)
            if match is None:
                raise Reject(Reason.PROMPTS_DIFFER, f"{value[:60]!r} does not match 'cut'", path)
            prompt, answer = (group.strip() for group in match.groups(default=""))
            return [Message(role="user", content=prompt), *assistant_turn(read_answer(answer, path), path)]
        dialogue = parse_transcript(value, self.marks.user, self.marks.assistant)
        if self.until is not None:
            return self.until.cut_messages(row, dialogue or [], path)
        return dialogue if dialogue is not None else assistant_turn(read_answer(value, path), path)

    def read_place(self, row: Row, place: Place) -> Messages:
        """Reads the dialogue, or the answer alone, at a path or in a part. A pattern extracts from the whole of a text,
        and of a list of turns from the last turn, if that is the assistant's.

        Raises:
            Reject: as for `parse_dialogue`, or the pattern does not match.
        """
        if isinstance(place, str):
            return self.parse_dialogue(get_path(row, place), place, row)
        if place.field is None:
            return assistant_turn(read_answer(place.text, "text"))
        value = get_path(row, place.field)
        if isinstance(value, str):
            return self.parse_dialogue(extract_part(value.strip(), place), place.field, row)
        *before, last = self.parse_dialogue(value, place.field, row)
        if last["role"] == "assistant":
            last = {**last, "content": extract_part(last["content"], place)}
        return [*before, last]


class OneAnswer(Dialogues):
    """The settings of formats whose row is one dialogue: a whole one, or a prompt and an answer."""

    messages: Place | None = None
    """Path of the whole dialogue, which ends with the answer; or a part, as in {field: messages, pattern: REGEX}, whose
    pattern extracts the answer."""
    prompt: Paths | None = None
    """Where the prompt is, if `messages` is not set; empty parts are skipped."""
    response: Place | None = None
    """Path of the answer, if `messages` is not set; or a part, as in {field: text, pattern: REGEX}."""

    @model_validator(mode="after")
    def _one_way_to_the_answer(self) -> "OneAnswer":
        names = {name for name in ("messages", "prompt", "response") if getattr(self, name) is not None}
        if names not in ({"messages"}, {"prompt", "response"}):
            raise ValueError("give either 'messages', or 'prompt' and 'response'")
        if self.messages is None and self.until is not None:
            raise ValueError("'until' needs 'messages', because a prompt and an answer have no later messages")
        return self

    def read_dialogue(self, row: Row) -> tuple[Messages, Messages]:
        """Returns the prompt and the answer.

        Raises:
            Reject: the answer is missing or empty, or the prompt is empty.
        """
        if self.messages is not None:
            prompt, answer = split_dialogue(self.read_place(row, self.messages), first_field(self.messages))
            return [*self.leading_turns(row), *prompt], answer
        if self.prompt is None or self.response is None:
            raise AssertionError("the validator requires a prompt and a response without messages")
        prompt = self.read_prompt(row, self.prompt)
        if isinstance(self.response, str):
            return prompt, read_answer_turns(get_path(row, self.response), self.response, self.roles)
        return prompt, assistant_turn(get_answer(row, self.response), first_field(self.response))
