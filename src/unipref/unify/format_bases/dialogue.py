"""Dialogues as settings: lists of turns, transcripts with speaker marks, texts to be cut; and rows with one answer."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from unipref.core.contracts import Settings
from unipref.core.records import Message, Messages, Reason, Reject, Row
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, Paths, answer_text, get_path
from unipref.unify.mapping.turns import assistant_turn, conversation, split_dialogue, transcript


class Marks(Settings):
    """How speakers are marked inside a transcript."""

    user: str = "\n\nHuman:"
    """Mark before a user's turn."""
    assistant: str = "\n\nAssistant:"
    """Mark before an assistant's turn."""


def _has_two_groups(pattern: str) -> str:
    try:
        if re.compile(pattern).groups != 2:
            raise ValueError("the pattern needs two groups in parentheses")
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


TwoGroups = Annotated[str, AfterValidator(_has_two_groups)]
"""A regular expression with two groups, both of which are taken."""


class Dialogues(Mapped):
    """The settings of formats that read whole dialogues."""

    marks: Marks = Marks()
    """Speaker marks of transcripts."""
    cut: TwoGroups | None = None
    """Regular expression that cuts one text in two groups: the prompt and the answer."""

    def turns(self, value: Any, path: str) -> Messages:
        """A dialogue in any spelling, or an answer alone.

        Raises:
            Reject: neither text nor a list of turns, an empty text, or one that `cut` does not match.
        """
        if not isinstance(value, str):
            return conversation(value, path, self.roles)
        if self.cut is not None:
            match = re.search(self.cut, value)
            if match is None:
                raise Reject(Reason.PROMPTS_DIFFER, f"{value[:60]!r} does not match 'cut'", path)
            prompt, answer = (group.strip() for group in match.groups(default=""))
            return [Message(role="user", content=prompt), *assistant_turn(answer_text(answer, path))]
        dialogue = transcript(value, self.marks.user, self.marks.assistant)
        return dialogue if dialogue is not None else assistant_turn(answer_text(value, path))


class OneAnswer(Dialogues):
    """The settings of formats whose row is one dialogue: whole, or as a prompt and an answer."""

    messages: Path | None = None
    """Path of the whole dialogue, ending with the answer."""
    prompt: Paths | None = None
    """Where the prompt is, where there is no dialogue; empty parts are skipped."""
    response: Path | None = None
    """Path of the answer, where there is no dialogue."""

    @model_validator(mode="after")
    def _one_way_to_the_answer(self) -> "OneAnswer":
        given = {name for name in ("messages", "prompt", "response") if getattr(self, name) is not None}
        if given not in ({"messages"}, {"prompt", "response"}):
            raise ValueError("give either 'messages', or 'prompt' and 'response'")
        return self

    def dialogue(self, row: Row) -> tuple[Messages, Messages]:
        """The prompt and the answer.

        Raises:
            Reject: no answer at the end, an empty one, or nothing asked.
        """
        if self.messages is not None:
            prompt, answer = split_dialogue(self.turns(get_path(row, self.messages), self.messages), self.messages)
            return [*self.lead(row), *prompt], answer
        if self.prompt is None or self.response is None:
            raise AssertionError("the validator demands a prompt and a response where there are no messages")
        return self.ask(row, self.prompt), assistant_turn(answer_text(get_path(row, self.response), self.response))
