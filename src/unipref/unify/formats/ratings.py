"""One rated answer per row, on one or many axes. The answers to one prompt are grouped across rows."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from unipref.core.contracts import Grouping
from unipref.core.records import Axis, Feedback, Reject, Response, Row
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    Columns,
    Guess,
    find_prompt_and_answer,
    find_scores,
    guess_axes,
    path_setting,
)
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.scores import AxisSpec, raters_of, read_ratings, scores_of


class Ratings(OneAnswer):
    """A dialogue, or a prompt and an answer, with scores of the answer. Rows with the same prompt form one group.
    Prompts with a single answer are left out, as in the paper (A.2). An answer that is rated twice counts once, with
    the mean of its scores.
    """

    scores: dict[str, AxisSpec] = Field(min_length=1)
    """Axis name -> where its score is. The first axis decides unless the source sets `axis`."""

    grouping: ClassVar[Grouping] = "prompt"
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a number that scores it")
    example: ClassVar[dict[str, Any]] = {
        "settings": {
            "prompt": "question",
            "response": "answer",
            "scores": {"help": {"field": "stars", "low": 1, "high": 5, "better": "high"}},
        },
        "rows": [
            {"question": "How do I boil an egg?", "answer": "Eight minutes in boiling water.", "stars": 5},
            {"question": "How do I boil an egg?", "answer": "With heat.", "stars": 2},
        ],
    }

    def axes(self) -> dict[str, Axis]:
        """The declared axes, in order."""
        return {name: spec.axis() for name, spec in self.scores.items()}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a prompt, an answer and numbers; repeated prompts with other answers raise the confidence."""
        texts, scores = find_prompt_and_answer(columns), find_scores(columns)
        if texts is None or not scores or columns.of_kind("texts", "turns", "items"):
            return None
        prompt, response, confidence = texts
        first, answers = columns.find(prompt[0]), columns.find(response)
        is_repeated = first is not None and answers is not None and first.n_distinct < answers.n_distinct
        axes, doubts = guess_axes(scores)
        has_direction = any(axis["better"] != PLACEHOLDER for axis in axes.values())
        why = [f"'{response}' has scores: {', '.join(axes)}"]
        why += ["the same prompts are repeated with other answers"] if is_repeated else []
        mapping = {"prompt": path_setting(prompt), "response": response, "scores": axes}
        return Guess(
            mapping, (0.25 + 0.7 * confidence) * (1.0 if is_repeated else 0.9 if has_direction else 0.6), why, doubts
        )

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one scored answer."""
        prompt, answer = self.read_dialogue(row)
        ratings = read_ratings(row, self.scores)
        response = Response(messages=answer, scores=scores_of(ratings), raters=raters_of(ratings))
        yield Feedback(prompt=prompt, responses=[response])
