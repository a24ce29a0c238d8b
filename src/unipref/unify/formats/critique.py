"""A critique of one answer. It gives no order by itself; a scorer function of yours can turn it into a score."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, ClassVar

from unipref.core.contracts import FeedbackKind, Grouping
from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.core.user_functions import Dotted, code_files, load
from unipref.unify.detection.column import MAX_COMPARED_CHARACTERS, MAX_COMPARED_ROWS, Column
from unipref.unify.detection.guess import Columns, Guess, find_prompt, find_scores, path_setting
from unipref.unify.detection.names import ANSWER_NAMES, CRITIQUE_NAMES
from unipref.unify.detection.twins import has_several_answers
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.fields import Path, read_number, read_text
from unipref.unify.mapping.paths import get_path

SCORER_AXIS = "critique"
"""The name of the axis that holds the scorer's scores."""
ABOUT_ANSWER = re.compile(
    r"\b(the (answer|response|output|solution|reply)|incorrect|correct|should (be|have|say)|mistake|error|missing)\b",
    re.IGNORECASE,
)
"""Phrases with which people write about an answer."""


def _share_about_answers(column: Column) -> float:
    """Returns the share of the first texts that use a phrase with which people write about an answer."""
    texts = [str(value)[:MAX_COMPARED_CHARACTERS] for value in column.values[:MAX_COMPARED_ROWS]]
    return sum(bool(ABOUT_ANSWER.search(text)) for text in texts) / max(len(texts), 1)


class Critique(OneAnswer):
    """A prompt, an answer and a written critique of the answer. Free text does not say which of two answers is better.
    So every row is rejected for that reason unless a scorer turns the critique into a number. With a scorer, the
    answers to one prompt are grouped across rows.
    """

    critique: Path
    """Path of the critique."""
    scorer: Dotted | None = None
    """Dotted path of a Python function that takes the row and returns a number, higher for better answers."""

    grouping: ClassVar[Grouping] = "prompt"
    feedback_kind: ClassVar[FeedbackKind] = "demonstrations"
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "response": "answer", "critique": "note", "scorer": "builtins.len"},
        "rows": [
            {"question": "How are you?", "answer": "Fine.", "note": "Short, but it will do.", "praise": "polite"},
            {"question": "How are you?", "answer": "Go away.", "note": "Rude."},
        ],
    }

    def code_files(self) -> list[FilePath]:
        """Returns the files of `function` and `scorer`."""
        return [*super().code_files(), *([] if self.scorer is None else code_files(self.scorer))]

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Whether a scorer turns critiques into numbers, which can be compared."""
        return settings.get("scorer") is not None

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises an answer and a text about it, by the text's name or by the words it uses."""
        texts = [c for c in columns.prose if c.share > 0.9]
        written = next((c for c in columns.of_role("critique") if c.share > 0.5 and c.has_name(*CRITIQUE_NAMES)), None)
        named = written is not None
        if written is None and len(texts) == 3:
            shares = [_share_about_answers(c) for c in texts]
            written = texts[-1] if shares[-1] > max(0.6, 1.25 * shares[0], 1.25 * shares[1]) else None
        if written is None or find_scores(columns) or columns.of_kind("turns", "texts", "items"):
            return None
        if has_several_answers(columns) or [c for c in columns.of_role("judgement") if c is not written]:
            return None
        others = [c for c in texts if c is not written]
        by_name = next((c for word in ANSWER_NAMES for c in others if c.has_name(word)), None)
        answer = by_name or (others[-1] if len(others) == 2 else None)
        if answer is None or not (prompt := find_prompt(columns, [answer, written])[0]):
            return None
        why = [f"'{written.path}' is about the answer '{answer.path}'" + (", according to its name" if named else "")]
        doubts = ["a critique does not say which answer is better: rows are rejected until you set a 'scorer'"]
        mapping = {"prompt": path_setting(prompt), "response": answer.path, "critique": written.path}
        return Guess(mapping, 0.9 if named else 0.6, why, doubts)

    def axes(self) -> dict[str, Axis]:
        """The axis of the scorer's scores; empty without a scorer."""
        return {} if self.scorer is None else {SCORER_AXIS: Axis(better="high")}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one answer and the score of its critique."""
        prompt, answer = self.read_dialogue(row)
        written = read_text(get_path(row, self.critique), self.critique)
        if self.scorer is None:
            raise Reject(
                Reason.NO_ORDER, "a critique does not say which answer is better; set a 'scorer'", self.critique
            )
        score = read_number(load(self.scorer)(row), SCORER_AXIS)
        scores = {} if score is None else {SCORER_AXIS: score}
        responses = [Response(messages=answer, scores=scores, extra={"critique": written})]
        yield Feedback(prompt=prompt, responses=responses)
