"""Base classes of formats with dialogues: lists of turns, transcripts with speaker marks, or texts to be split."""

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from unipref.core import patterns
from unipref.core.contracts import Settings
from unipref.core.records import Message, Messages, Reason, Reject, Row
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, Paths, get_path, read_answer
from unipref.unify.mapping.turns import (
    assistant_turn,
    parse_transcript,
    parse_turns,
    read_answer_turns,
    split_dialogue,
    wrap_answer,
)


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

    def parse_dialogue(self, value: Any, path: str) -> Messages:
        """Converts a dialogue in any of the forms above, or an answer alone, to messages.

        Raises:
            Reject: the value is neither text nor a list of turns, is empty, or does not match `cut`.
        """
        if not isinstance(value, str):
            return parse_turns(wrap_answer(value), path, self.roles, ends_with_answer=True)
        if self.cut is not None:
            match = patterns.search(self.cut, value, path)
            if match is None:
                raise Reject(Reason.PROMPTS_DIFFER, f"{value[:60]!r} does not match 'cut'", path)
            prompt, answer = (group.strip() for group in match.groups(default=""))
            return [Message(role="user", content=prompt), *assistant_turn(read_answer(answer, path), path)]
        dialogue = parse_transcript(value, self.marks.user, self.marks.assistant)
        return dialogue if dialogue is not None else assistant_turn(read_answer(value, path), path)


class OneAnswer(Dialogues):
    """The settings of formats whose row is one dialogue: a whole one, or a prompt and an answer."""

    messages: Path | None = None
    """Path of the whole dialogue, which ends with the answer."""
    prompt: Paths | None = None
    """Where the prompt is, if `messages` is not set; empty parts are skipped."""
    response: Path | None = None
    """Path of the answer, if `messages` is not set."""

    @model_validator(mode="after")
    def _one_way_to_the_answer(self) -> "OneAnswer":
        names = {name for name in ("messages", "prompt", "response") if getattr(self, name) is not None}
        if names not in ({"messages"}, {"prompt", "response"}):
            raise ValueError("give either 'messages', or 'prompt' and 'response'")
        return self

    def read_dialogue(self, row: Row) -> tuple[Messages, Messages]:
        """Returns the prompt and the answer.

        Raises:
            Reject: the answer is missing or empty, or the prompt is empty.
        """
        if self.messages is not None:
            prompt, answer = split_dialogue(
                self.parse_dialogue(get_path(row, self.messages), self.messages), self.messages
            )
            return [*self.leading_turns(row), *prompt], answer
        if self.prompt is None or self.response is None:
            raise AssertionError("the validator requires a prompt and a response without messages")
        answer = read_answer_turns(get_path(row, self.response), self.response, self.roles)
        return self.read_prompt(row, self.prompt), answer
