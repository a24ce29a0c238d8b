"""One rated answer per row, on one or many axes; the answers to a prompt are brought together across rows."""

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from unipref.records import Axis, Feedback, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import AxisSpec, Path, Paths, answer_text, pluck, scores_of
from unipref.unify._recognise import ASK, Columns, Guess
from unipref.unify._turns import answered

GOOD_WHEN_HIGH = ("overall", "quality", "score", "scores", "rating", "stars", "helpfulness", "help", "correctness")
GOOD_WHEN_LOW = ("rank", "toxicity", "errors", "harm")
"""Names that say which end of a scale is better; any other is asked for."""


def _numeric(value: object) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(str(value)))
    except ValueError:
        return False


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
        found, scores = columns.prompt_and_answer(), columns.of("number", "code")
        numeric = [c for c in scores if all(_numeric(v) for v in c.values) and not c.called("id", "idx", "index")]
        if found is None or not numeric:
            return None
        prompt, response, sure = found
        first = next(c for c in columns.all if c.path == prompt[0])
        answers = next(c for c in columns.all if c.path == response)
        comes_back = first.distinct < answers.distinct
        numeric.sort(key=lambda c: not c.called("overall", "quality", "score", "rating"))
        axes, doubts = {}, []
        for column in numeric:
            values = [float(v) for v in column.values]
            better = "high" if column.called(*GOOD_WHEN_HIGH) else "low" if column.called(*GOOD_WHEN_LOW) else ASK
            axes[column.name] = {"field": column.path, "better": better}
            seen = f"{min(values):g} to {max(values):g}"
            doubts.append(f"'{column.path}' goes from {seen} in these rows: declare 'low' and 'high'")
            if better == ASK:
                doubts.append(f"the data cannot tell whether a high '{column.path}' is better: say 'high' or 'low'")
        known = {name: spec for name, spec in axes.items() if spec["better"] != ASK}
        if known and len(known) < len(axes):
            unknown = ", ".join(name for name in axes if name not in known)
            doubts.append(f"left out of the entry, their direction being unknown: {unknown}")
        why = [f"'{response}' has scores: {', '.join(axes)}"]
        why += ["the same prompts come back with other answers"] if comes_back else []
        mapping = {"prompt": prompt if len(prompt) > 1 else prompt[0], "response": response, "scores": known or axes}
        return Guess(mapping, sure * (0.95 if comes_back else 0.6), why, doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one scored answer."""
        response = Response(
            messages=answered(answer_text(pluck(row, self.response), self.response)),
            scores=scores_of(row, self.scores),
        )
        yield Feedback(prompt=self.ask(row, self.prompt), responses=[response])
