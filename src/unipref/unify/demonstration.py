"""An answer to imitate, with nothing to compare it to."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.records import Feedback, Reject, Response, Row
from unipref.unify._dialogues import OneAnswer
from unipref.unify._recognise import Columns, Guess


class Demonstration(OneAnswer):
    """A prompt and a good answer, or a dialogue that ends with one. It gives a one-sided preference, used by SFT."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": ["instruction", "input"], "response": "output"},
        "rows": [{"instruction": "Translate to French.", "input": "Good day", "output": "Bonjour"}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A prompt and an answer, or a dialogue, and no label to judge it by."""
        if columns.of("flag", "number"):
            return None
        dialogue = next(iter(columns.of("turns", "texts")), None)
        if dialogue is not None:
            others = [c for c in columns.of("turns", "turn", "texts") if c is not dialogue]
            return None if others else Guess({"messages": dialogue.path}, 0.6, [f"'{dialogue.path}' is one dialogue"])
        if (found := columns.prompt_and_answer()) is None:
            return None
        prompt, response, sure = found
        why = [f"'{prompt[0]}' asks and '{response}' answers", "nothing judges the answer"]
        mapping = {"prompt": prompt if len(prompt) > 1 else prompt[0], "response": response}
        return Guess(mapping, 0.75 * sure, why)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one approved answer."""
        prompt, answer = self.dialogue(row)
        response = Response(messages=answer, approved=True)
        yield Feedback(prompt=prompt, responses=[response])
