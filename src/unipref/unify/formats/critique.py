"""A critique of one answer: no order by itself, a score once a scorer of yours reads it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from unipref.core.contracts import Gives
from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.core.user_functions import Dotted, load
from unipref.unify.detection.guess import ANSWERS, Columns, Guess, asked_in, paths, scores_in
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, Paths, answer_text, get_path, number, text
from unipref.unify.mapping.turns import assistant_turn

SCORER = "critique"
"""The axis of the scorer's scores."""


NAMES = ("feedback", "critique", "comment", "comments", "review", "criticism", "assessment")
ABOUT = re.compile(
    r"\b(the (answer|response|output|solution|reply)|incorrect|correct|should (be|have|say)|mistake|error|missing)\b",
    re.IGNORECASE,
)
"""How people speak of an answer."""


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
    gives: ClassVar[Gives] = "demonstrations"
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "response": "answer", "critique": "note", "scorer": "builtins.len"},
        "rows": [
            {"question": "How are you?", "answer": "Fine.", "note": "Short, but it will do.", "praise": "polite"},
            {"question": "How are you?", "answer": "Go away.", "note": "Rude."},
        ],
    }

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Whether a scorer turns critiques into numbers, which can be compared."""
        return settings.get("scorer") is not None

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """An answer and a text that speaks of it, by its name or by the words it uses."""
        texts = [c for c in columns.prose if c.share > 0.9]
        written = next((c for c in texts if c.called(*NAMES)), None)
        named = written is not None
        if written is None:
            shares = [sum(bool(ABOUT.search(str(v))) for v in c.values) / len(c.values) for c in texts]
            speaks = len(texts) == 3 and shares[-1] > max(0.6, 1.25 * shares[0], 1.25 * shares[1])
            written = texts[-1] if speaks else None
        if written is None or scores_in(columns) or columns.of("turns", "texts", "items"):
            return None
        others = [c for c in texts if c is not written]
        answer = next((c for word in ANSWERS for c in others if c.called(word)), others[-1] if others else None)
        if answer is None or not (prompt := asked_in(columns, [answer, written])[0]):
            return None
        why = [f"'{written.path}' speaks of the answer '{answer.path}'" + (" by its name" if named else "")]
        doubts = ["a critique does not say which answer is better: rows are rejects until a 'scorer' of yours reads it"]
        mapping = {"prompt": paths(prompt), "response": answer.path, "critique": written.path}
        return Guess(mapping, 0.9 if named else 0.6, why, doubts)

    def axes(self) -> dict[str, Axis]:
        """The scorer's scores."""
        return {} if self.scorer is None else {SCORER: Axis(better="high")}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one answer and the score of its critique."""
        prompt = self.ask(row, self.prompt)
        answer = answer_text(get_path(row, self.response), self.response)
        written = text(get_path(row, self.critique), self.critique)
        if self.scorer is None:
            raise Reject(
                Reason.NO_ORDER, "a critique does not say which answer is better; give a 'scorer'", self.critique
            )
        score = number(load(self.scorer)(row), SCORER)
        scores = {} if score is None else {SCORER: score}
        responses = [Response(messages=assistant_turn(answer), scores=scores, extra={"critique": written})]
        yield Feedback(prompt=prompt, responses=responses)
