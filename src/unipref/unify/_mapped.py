"""The settings that several formats share, and what they read."""

from typing import Any, Literal

from pydantic import model_validator

from unipref.contracts import Format
from unipref.records import Message, Messages, Reject, Row
from unipref.unify._mapping import (
    Path,
    Paths,
    Twins,
    answer_text,
    answered,
    asked,
    check_prompt,
    conversation,
    joined,
    pluck,
    split_dialogue,
    storable,
)
from unipref.unify._recognise import Columns, Guess


class Mapped(Format):
    """The settings that all formats share."""

    roles: dict[str, Literal["user", "assistant", "system"]] = {}
    """Role names of the source -> user, assistant or system, where they are not the common ones."""
    system: Path | None = None
    """Path of a system text."""
    twins: Twins | None = None
    """What rows that must stay on one side of the split share; none: the first user turn decides."""
    keep: list[Path] = []
    """Further fields to keep in `extra`."""

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """How rows with these columns would be read, when they look like this format's."""
        return None

    def ask(self, row: Row, prompt: Paths) -> Messages:
        """The prompt at one or several paths: text, or a list of turns that ends with the user's."""
        first = prompt if isinstance(prompt, str) else prompt[0]
        value = pluck(row, first)
        if isinstance(value, list) and len([prompt] if isinstance(prompt, str) else prompt) == 1:
            messages = conversation(value, first, self.roles)
            check_prompt(messages, first)
            return [*self.system_turn(row), *messages]
        return [*self.system_turn(row), *asked(joined(row, prompt), first)]

    def system_turn(self, row: Row) -> Messages:
        """The system text as a turn, when there is one."""
        if self.system is None or not (content := joined(row, self.system)):
            return []
        return [Message(role="system", content=content)]

    def twin_of(self, row: Row) -> str | None:
        """What this row shares with its twins."""
        return None if self.twins is None else self.twins.of(row)

    def kept(self, row: Row) -> dict[str, Any]:
        """The further fields to keep, those the row has."""
        found = {}
        for path in self.keep:
            try:
                value = pluck(row, path)
            except Reject:
                continue
            found[path] = storable(value, path)
        return found


class OneAnswer(Mapped):
    """The settings of formats whose row is one dialogue: in one list of turns, or as a prompt and an answer."""

    messages: Path | None = None
    """Path of the whole dialogue, ending with the answer."""
    prompt: Paths | None = None
    """Path, or paths to be joined, of the prompt, where there is no dialogue; empty parts are skipped."""
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
            turns = conversation(pluck(row, self.messages), self.messages, self.roles)
            prompt, answer = split_dialogue(turns, self.messages)
            return [*self.system_turn(row), *prompt], answer
        if self.prompt is None or self.response is None:
            raise AssertionError("the validator demands a prompt and a response where there are no messages")
        return self.ask(row, self.prompt), answered(answer_text(pluck(row, self.response), self.response))
