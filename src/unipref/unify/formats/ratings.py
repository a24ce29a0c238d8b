"""One rated answer per row, on one or many axes; the answers to a prompt are brought together across rows."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from unipref.core.records import Axis, Feedback, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Columns, Guess, axes_of, paths, prompt_and_answer, scores_in
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import AxisSpec, Path, Paths, answer_text, get_path, scores_of
from unipref.unify.mapping.turns import assistant_turn


class Ratings(Mapped):
    """A prompt, one answer and its scores. Rows with the same prompt form one group; prompts with one answer are left
    out, as in the paper (A.2). The same answer rated twice counts once, with the mean of its scores.
    """

    prompt: Paths
    """Path, or paths to be joined, of the prompt."""
    response: Path
    """Path of the answer."""
    scores: dict[str, AxisSpec] = Field(min_length=1)
    """Axis name -> where its score is; the first axis decides unless the source's `axis` says otherwise."""

    across_rows: ClassVar[bool] = True
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
        """A prompt, an answer and numbers; surer where prompts come back with other answers."""
        found, scores = prompt_and_answer(columns), scores_in(columns)
        if found is None or not scores or columns.of("texts", "turns", "items"):
            return None
        prompt, response, sure = found
        first, answers = columns.at(prompt[0]), columns.at(response)
        comes_back = first is not None and answers is not None and first.distinct < answers.distinct
        axes, doubts = axes_of(scores)
        judged = any(axis["better"] != ASK for axis in axes.values())
        why = [f"'{response}' has scores: {', '.join(axes)}"]
        why += ["the same prompts come back with other answers"] if comes_back else []
        mapping = {"prompt": paths(prompt), "response": response, "scores": axes}
        return Guess(mapping, (0.25 + 0.7 * sure) * (1.0 if comes_back else 0.9 if judged else 0.6), why, doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one scored answer."""
        response = Response(
            messages=assistant_turn(answer_text(get_path(row, self.response), self.response)),
            scores=scores_of(row, self.scores),
        )
        yield Feedback(prompt=self.ask(row, self.prompt), responses=[response])
