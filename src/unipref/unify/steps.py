"""Reasoning in steps: the first wrong one marked, or each step (and its alternatives) rated."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from unipref.records import Feedback, Message, Messages, Reason, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Path, Paths, answer_text, number, pluck
from unipref.unify._turns import answered
from unipref.unify._two_answers import code_of, spelled

Verdict = Literal["right", "wrong", "neutral"]


class Steps(Mapped):
    """A problem and a solution in steps. The steps that are right so far end the prompt; of the next step's versions
    the right ones are better than the wrong ones. With one version per step only what is known is said: a wrong step
    is a one-sided preference (rejected), and a solution without a mistake is a whole good answer.
    """

    prompt: Paths
    """The problem."""
    steps: Path
    """Path of the list of steps: texts, or mappings."""
    step: Path | None = None
    """Path of the text inside a step that is a mapping."""
    versions: Path | None = None
    """Path of the list of alternatives inside a step that is a mapping; `step` and `rating` are then inside each."""
    first_wrong: Path | None = None
    """Path of the number of the first wrong step; null: no step is wrong."""
    counted_from: Literal[0, 1] = 0
    """What the first step's number is."""
    rating: Path | None = None
    """Path of a step's rating: inside a step that is a mapping, or in the row as a list, one for each step."""
    codes: Annotated[dict[str, Verdict], BeforeValidator(spelled)] = {}
    """What a rating says -> right, wrong or neutral."""
    answer: Path | None = None
    """Path of the final answer the solution comes to, to be checked against `target`."""
    target: Path | None = None
    """Path of the right final answer. A solution without a marked mistake that misses it contradicts itself."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "problem", "steps": "steps", "first_wrong": "mistake"},
        "rows": [{"problem": "What is 2 + 3 * 4?", "steps": ["3 * 4 = 12.", "2 + 12 = 15."], "mistake": 1}],
    }

    @model_validator(mode="after")
    def _judgement_is_declared(self) -> "Steps":
        if (self.first_wrong is None) == (self.rating is None):
            raise ValueError("give either 'first_wrong', or 'rating' and 'codes'")
        if self.rating is not None and not self.codes:
            raise ValueError("spell out what a rating says, as in codes: {-1: wrong, 0: neutral, 1: right}")
        if (self.answer is None) != (self.target is None):
            raise ValueError("'answer' and 'target' go together")
        return self

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback for each step that is judged after right ones; the whole solution where nothing is wrong."""
        steps = pluck(row, self.steps)
        if not isinstance(steps, list) or not steps:
            raise Reject(Reason.WRONG_TYPE, f"expected a list of steps, found {type(steps).__name__}", self.steps)
        judged = self._rated(row, steps) if self.rating is not None else self._until_first_wrong(row, steps)
        prompt = self.ask(row, self.prompt)
        so_far: list[str] = []
        for versions in judged:
            verdicts = {verdict for _, verdict in versions}
            if "wrong" in verdicts:
                told = [v for v in versions if v[1] != "neutral"]
                yield Feedback(
                    prompt=continued(prompt, so_far),
                    responses=[
                        Response(messages=answered(text), approved=verdict == "right") for text, verdict in told
                    ],
                )
            if "right" not in verdicts:
                return
            so_far.append(next(text for text, verdict in versions if verdict == "right"))
        if all(len(versions) == 1 for versions in judged):
            self._check_target(row)
            yield Feedback(prompt=prompt, responses=[Response(messages=answered("\n".join(so_far)), approved=True)])

    def _until_first_wrong(self, row: Row, steps: list[Any]) -> list[list[tuple[str, Verdict]]]:
        texts = [self._text(step, f"{self.steps}.{i}") for i, step in enumerate(steps)]
        place = number(pluck(row, self.first_wrong or ""), self.first_wrong or "")
        if place is None:
            return [[(text, "right")] for text in texts]
        wrong = place - self.counted_from
        if wrong != int(wrong) or not 0 <= wrong < len(texts):
            detail = f"step {place:g} of {len(texts)}, counted from {self.counted_from}, is none"
            raise Reject(Reason.BAD_LABEL, detail, self.first_wrong)
        return [[(text, "right" if i < wrong else "wrong")] for i, text in enumerate(texts[: int(wrong) + 1])]

    def _rated(self, row: Row, steps: list[Any]) -> list[list[tuple[str, Verdict]]]:
        rating = self.rating or ""
        if self.versions is not None:
            table = [pluck(step, self.versions) for step in steps]
            if not all(isinstance(versions, list) and versions for versions in table):
                raise Reject(Reason.WRONG_TYPE, "expected a list of versions in each step", self.versions)
            return [[self._judged(v, pluck(v, rating), i) for v in versions] for i, versions in enumerate(table)]
        if self.step is not None:
            return [[self._judged(step, pluck(step, rating), i)] for i, step in enumerate(steps)]
        ratings = pluck(row, rating)
        if not isinstance(ratings, list) or len(ratings) != len(steps):
            found = len(ratings) if isinstance(ratings, list) else type(ratings).__name__
            raise Reject(Reason.WRONG_TYPE, f"expected {len(steps)} ratings, one for each step, found {found}", rating)
        return [[self._judged(step, value, i)] for i, (step, value) in enumerate(zip(steps, ratings, strict=True))]

    def _judged(self, step: Any, value: Any, place: int) -> tuple[str, Verdict]:
        code, field = code_of(value), f"{self.steps}.{place}"
        if code not in self.codes:
            known = ", ".join(f"{key!r}: {verdict}" for key, verdict in self.codes.items())
            raise Reject(Reason.BAD_LABEL, f"rating {code[:40]!r} is not in codes ({known})", field)
        return self._text(step, field), self.codes[code]

    def _text(self, step: Any, field: str) -> str:
        return answer_text(step if self.step is None else pluck(step, self.step), field)

    def _check_target(self, row: Row) -> None:
        if self.answer is None or self.target is None:
            return
        answer, target = (str(pluck(row, path)).strip() for path in (self.answer, self.target))
        if answer != target:
            detail = f"no step is marked wrong, yet the answer {answer[:40]!r} is not the target {target[:40]!r}"
            raise Reject(Reason.CONTRADICTION, detail, self.target)


def continued(prompt: Messages, so_far: list[str]) -> Messages:
    """The prompt with the steps that are right so far at the end of its last turn."""
    if not so_far:
        return prompt
    last = prompt[-1]
    return [*prompt[:-1], Message(role=last["role"], content="\n".join([last["content"], "", *so_far]))]
