"""A critique of one answer: no order by itself, a score once a scorer of yours reads it."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify._functions import Dotted, load
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Path, Paths, answer_text, number, pluck, text
from unipref.unify._turns import answered

SCORER = "critique"
"""The axis of the scorer's scores."""


class Critique(Mapped):
    """A prompt, an answer and what somebody wrote about it. Free text does not say which of two answers is better: rows
    are rejects with that reason unless a scorer turns a critique into a number; the answers to a prompt are then
    brought together across rows.
    """

    prompt: Paths
    """The prompt."""
    response: Path
    """Path of the answer."""
    critique: Path
    """Path of the critique."""
    scorer: Dotted | None = None
    """Dotted path of a Python function of the row that gives a number, higher for better answers."""

    across_rows: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "response": "answer", "critique": "note", "scorer": "builtins.len"},
        "rows": [
            {"question": "How are you?", "answer": "Fine.", "note": "Short, but it will do.", "praise": "polite"},
            {"question": "How are you?", "answer": "Go away.", "note": "Rude."},
        ],
    }

    def axes(self) -> dict[str, Axis]:
        """The scorer's scores."""
        return {} if self.scorer is None else {SCORER: Axis(better="high")}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one answer and the score of its critique."""
        prompt = self.ask(row, self.prompt)
        answer = answer_text(pluck(row, self.response), self.response)
        written = text(pluck(row, self.critique), self.critique)
        if self.scorer is None:
            raise Reject(
                Reason.NO_ORDER, "a critique does not say which answer is better; give a 'scorer'", self.critique
            )
        score = number(load(self.scorer)(row), SCORER)
        scores = {} if score is None else {SCORER: score}
        responses = [Response(messages=answered(answer), scores=scores, extra={"critique": written})]
        yield Feedback(prompt=prompt, responses=responses)
