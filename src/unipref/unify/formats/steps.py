"""Reasoning in steps: the first wrong one marked, or each step (and its alternatives) rated."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from unipref.core.contracts import Gives
from unipref.core.records import Axis, Feedback, Message, Messages, Reason, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Column, Columns, Guess, asked_in, paths
from unipref.unify.format_bases.dialogue import TwoGroups
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import (
    Path,
    Paths,
    answer_text,
    code_of,
    get_path,
    number,
    quoting_hint,
    string_keys,
    text,
)
from unipref.unify.mapping.turns import assistant_turn

Verdict = Literal["right", "wrong", "neutral"]
TARGET = "target"
"""The axis of the final answer: 1 where it is right."""


WRONG = ("mistake", "error", "wrong", "incorrect")
"""Words in the name of a number that say: this is the first wrong step."""
REACHED, RIGHT = ("answer", "prediction", "final_answer"), ("target", "gold", "expected", "correct_answer")
"""Names of the final answer that a solution comes to, and of the right one."""
RATINGS = {-1.0, 0.0, 1.0}


def _marked(columns: Columns, prompt: list[str]) -> Guess | None:
    """Steps, and the number of one of them in each row."""
    for steps in columns.of("texts"):
        lengths = dict(zip(steps.rows, map(len, steps.values), strict=True))
        if len({*lengths.values()}) < 3 and not steps.called("steps", "step", "solution"):
            continue  # lists of one length are options
        for mark in columns.of("code", "number"):
            within = [
                0 <= n <= lengths.get(i, -1) and n == int(n) for i, n in zip(mark.rows, mark.numbers, strict=False)
            ]
            if mark.distinct < 2 or not within or not all(within) or mark.is_identifier:
                continue
            named = mark.called(*WRONG)
            ahead = min(mark.numbers) >= 1 and any(
                n == lengths[i] for i, n in zip(mark.rows, mark.numbers, strict=True)
            )
            start = 0 if min(mark.numbers) == 0 else 1 if ahead else ASK
            mapping: dict[str, Any] = {"prompt": paths(prompt), "steps": steps.path}
            mapping |= {"first_wrong": mark.path if named else ASK, **({} if start == 0 else {"counted_from": start})}
            doubts = [] if named else [f"whether '{mark.path}' is the number of the first wrong step"]
            doubts += [] if start != ASK else [f"whether '{mark.path}' counts from 0 or from 1"]
            if mark.share < 1:
                doubts.append(f"no '{mark.path}' is taken for: no step is wrong")
            why = [f"'{mark.path}' is always the number of one of the '{steps.path}'"]
            if ends := _ends(columns):
                mapping |= ends
                checked = f"the '{ends['answer']}' is at times the '{ends['target']}', so that one checks the other"
                why.append(checked)
                doubts.append(f"{checked}: solutions that have no wrong step and miss it are left out")
            return Guess(mapping, 0.93 if named else 0.82, why, doubts)
    return None


def _ends(columns: Columns) -> dict[str, str]:
    """Paths of the final answer and of the right one; empty where the names do not say so or no two are the same."""
    # A name for the right one may hold one for that reached, as 'correct_answer' does.
    target = next((c for c in columns.all if c.called(*RIGHT)), None)
    answer = next((c for c in columns.all if c.called(*REACHED) and not c.called(*RIGHT)), None)
    if answer is None or target is None:
        return {}
    right = dict(zip(target.rows, map(str, target.values), strict=True))
    same = any(right.get(i) == str(v) for i, v in zip(answer.rows, answer.values, strict=True))
    return {"answer": answer.path, "target": target.path} if same else {}


def _rated_beside(columns: Columns, prompt: list[str]) -> Guess | None:
    """Steps, and a list of ratings as long."""
    for steps in columns.of("texts"):
        lengths = dict(zip(steps.rows, map(len, steps.values), strict=True))
        for rating in columns.of("flags", "numbers"):
            beside = [lengths.get(i) == len(v) for i, v in zip(rating.rows, rating.values, strict=True)]
            values = sorted({value for v in rating.values for value in v})
            if sum(beside) > 0.9 * len(beside) and {float(v) for v in values} <= RATINGS:
                mapping = {"prompt": paths(prompt), "steps": steps.path, "rating": rating.path}
                why = [f"'{rating.path}' has one of {values} for each of the '{steps.path}'"]
                return Guess({**mapping, "codes": dict.fromkeys(values, ASK)}, 0.85, why, [_doubt(values, rating.path)])
    return None


def _rated_inside(columns: Columns, prompt: list[str]) -> Guess | None:
    """Steps that are mappings with a rating, or with versions that have one."""
    for steps in columns.of("items"):
        inner, versions = steps.inner(), None
        if (listed := next(iter(inner.of("items")), None)) is not None:
            inner, versions = listed.inner(), listed.path
        text = max(inner.prose, key=lambda c: c.mean_length, default=None)
        rating = next((c for c in inner.of("flag", "code") if c.distinct > 1 and _is_rating(c)), None)
        wider = [c for c in inner.of("number", "code") if c.numbers and not _is_rating(c) and not c.is_identifier]
        if text is None or rating is None or wider:
            continue
        values = sorted({*rating.values})
        mapping = {"prompt": paths(prompt), "steps": steps.path, "step": text.path, "rating": rating.path}
        mapping |= {"versions": versions} if versions else {}
        why = [f"each of the '{steps.path}' has a '{rating.path}' of {values}"]
        return Guess({**mapping, "codes": dict.fromkeys(values, ASK)}, 0.8, why, [_doubt(values, rating.path)])
    return None


def _is_rating(column: Column) -> bool:
    return all(isinstance(v, bool) for v in column.values) or (bool(column.numbers) and {*column.numbers} <= RATINGS)


def _doubt(values: list[Any], path: str) -> str:
    return f"what each of {values} in '{path}' says: right, wrong or neutral"


class Steps(Mapped):
    """A problem and a solution in steps. The steps that are right so far end the prompt; of the next step's versions
    the right ones are better than the wrong ones. With one version per step only what is known is said: a wrong step
    is a one-sided preference (rejected), and a solution without a mistake is a whole good answer.
    """

    prompt: Paths
    """The problem."""
    steps: Path
    """Path of the list of steps: texts, or mappings; with `marked` the path of one text."""
    step: Path | None = None
    """Path of the text inside a step that is a mapping."""
    versions: Path | None = None
    """Path of the list of alternatives inside a step that is a mapping; `step` and `rating` are then inside each."""
    taken: Path | None = None
    """Path, inside a step with versions, of the place (from 0) of the version with which the solution goes on; null: it
    ends there. Not given: the first right one."""
    first_wrong: Path | None = None
    """Path of the number of the first wrong step; null: no step is wrong."""
    counted_from: Literal[0, 1] = 0
    """What the first step's number is."""
    rating: Path | None = None
    """Path of a step's rating: inside a step that is a mapping, or in the row as a list, one for each step."""
    marked: TwoGroups | None = None
    """Where the steps are one text: a regular expression that finds them, with two groups: a step and its rating."""
    codes: Annotated[dict[str, Verdict], BeforeValidator(string_keys)] = {}
    """What a rating says -> right, wrong or neutral."""
    answer: Path | None = None
    """Path of the final answer the solution comes to, to be checked against `target`."""
    target: Path | None = None
    """Path of the right final answer. A solution without a marked mistake that misses it contradicts itself: it is
    rejected, and speaks against the labels; one that comes to it speaks for them."""

    gives: ClassVar[Gives] = "single"
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "problem", "steps": "steps", "first_wrong": "mistake"},
        "rows": [{"problem": "What is 2 + 3 * 4?", "steps": ["3 * 4 = 12.", "2 + 12 = 15."], "mistake": 1}],
    }

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Whether a step has other versions to be compared with."""
        return "versions" in settings

    @model_validator(mode="after")
    def _judgement_is_declared(self) -> "Steps":
        if sum(given is not None for given in (self.first_wrong, self.rating, self.marked)) != 1:
            raise ValueError("give either 'first_wrong', or 'rating' (or 'marked') and 'codes'")
        if self.taken is not None and self.versions is None:
            raise ValueError("'taken' goes with 'versions'")
        if self.first_wrong is None and not self.codes:
            raise ValueError("spell out what a rating says, as in codes: {-1: wrong, 0: neutral, 1: right}")
        if (self.answer is None) != (self.target is None):
            raise ValueError("'answer' and 'target' go together")
        return self

    def axes(self) -> dict[str, Axis]:
        """Whether the final answer is right: it does not decide, it checks."""
        return {} if self.target is None else {TARGET: Axis(better="high", low=0.0, high=1.0)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A list of steps with the number of the first wrong one, or with a rating for each."""
        prompt, _ = asked_in(columns, [])
        if not prompt:
            return None
        return _marked(columns, prompt) or _rated_beside(columns, prompt) or _rated_inside(columns, prompt)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback for each step that is judged after right ones; the whole solution where nothing is wrong."""
        steps = self._steps(row)
        judged = self._until_first_wrong(row, steps) if self.first_wrong is not None else self._rated(row, steps)
        prompt = self.ask(row, self.prompt)
        so_far: list[str] = []
        for place, versions in enumerate(judged):
            verdicts = {verdict for _, verdict in versions}
            if "wrong" in verdicts:
                told = [v for v in versions if v[1] != "neutral"]
                yield Feedback(
                    prompt=continued(prompt, so_far),
                    responses=[
                        Response(messages=assistant_turn(content), approved=verdict == "right")
                        for content, verdict in told
                    ],
                )
            if (step := self._goes_on(steps[place], versions)) is None:
                return
            so_far.append(step)
        if all(len(versions) == 1 for versions in judged):
            whole = Response(messages=assistant_turn("\n".join(so_far)), scores=self._checked(row), approved=True)
            yield Feedback(prompt=prompt, responses=[whole])

    def _steps(self, row: Row) -> list[Any]:
        steps = get_path(row, self.steps)
        if self.marked is not None:
            steps = re.findall(self.marked, text(steps, self.steps))
            if not steps:
                raise Reject(Reason.BAD_LABEL, "the pattern 'marked' finds no step", self.steps)
        if steps == []:
            raise Reject(Reason.WRONG_TYPE, "the list of steps is empty", self.steps)
        if not isinstance(steps, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of steps, found {type(steps).__name__}", self.steps)
        return steps

    def _goes_on(self, step: Any, versions: list[tuple[str, Verdict]]) -> str | None:
        """The version with which the solution goes on; None where it ends, or goes on wrongly."""
        if self.taken is None:
            return next((content for content, verdict in versions if verdict == "right"), None)
        place = number(get_path(step, self.taken), self.taken)
        if place is None:
            return None
        if place not in range(len(versions)):
            raise Reject(Reason.BAD_LABEL, f"{place:g} is none of {len(versions)} versions", self.taken)
        content, verdict = versions[int(place)]
        return None if verdict == "wrong" else content

    def _until_first_wrong(self, row: Row, steps: list[Any]) -> list[list[tuple[str, Verdict]]]:
        texts = [self._text(step, f"{self.steps}.{i}") for i, step in enumerate(steps)]
        place = number(get_path(row, self.first_wrong or ""), self.first_wrong or "")
        if place is None:
            return [[(content, "right")] for content in texts]
        wrong = place - self.counted_from
        if wrong != int(wrong) or not 0 <= wrong < len(texts):
            detail = f"step {place:g} of {len(texts)}, counted from {self.counted_from}, is none"
            raise Reject(Reason.BAD_LABEL, detail, self.first_wrong)
        return [[(content, "right" if i < wrong else "wrong")] for i, content in enumerate(texts[: int(wrong) + 1])]

    def _rated(self, row: Row, steps: list[Any]) -> list[list[tuple[str, Verdict]]]:
        if self.marked is not None:
            return [[self._judged(step, mark, i)] for i, (step, mark) in enumerate(steps)]
        rating = self.rating or ""
        if self.versions is not None:
            table = [get_path(step, self.versions) for step in steps]
            if not all(isinstance(versions, list) and versions for versions in table):
                raise Reject(Reason.WRONG_TYPE, "expected a list of versions in each step", self.versions)
            return [[self._judged(v, get_path(v, rating), i) for v in versions] for i, versions in enumerate(table)]
        if self.step is not None:
            return [[self._judged(step, get_path(step, rating), i)] for i, step in enumerate(steps)]
        ratings = get_path(row, rating)
        if not isinstance(ratings, list) or len(ratings) != len(steps):
            found = len(ratings) if isinstance(ratings, list) else type(ratings).__name__
            raise Reject(Reason.WRONG_TYPE, f"expected {len(steps)} ratings, one for each step, found {found}", rating)
        return [[self._judged(step, value, i)] for i, (step, value) in enumerate(zip(steps, ratings, strict=True))]

    def _judged(self, step: Any, value: Any, place: int) -> tuple[str, Verdict]:
        code, field = code_of(value), f"{self.steps}.{place}"
        if code not in self.codes:
            known = ", ".join(f"{key!r}: {verdict}" for key, verdict in self.codes.items())
            detail = f"rating {code[:40]!r} is not in codes ({known}){quoting_hint(value, self.codes)}"
            raise Reject(Reason.BAD_LABEL, detail, field)
        return self._text(step, field), self.codes[code]

    def _text(self, step: Any, field: str) -> str:
        return answer_text(step if self.step is None else get_path(step, self.step), field)

    def _checked(self, row: Row) -> dict[str, float]:
        """What the final answer says of a solution in which no step is marked wrong."""
        if self.answer is None or self.target is None:
            return {}
        answer, target = (str(get_path(row, path)).strip() for path in (self.answer, self.target))
        if answer != target:
            detail = f"no step is marked wrong, yet the answer {answer[:40]!r} is not the target {target[:40]!r}"
            raise Reject(Reason.CONTRADICTION, detail, self.target)
        return {TARGET: 1.0}


def continued(prompt: Messages, so_far: list[str]) -> Messages:
    """The prompt with the steps that are right so far at the end of its last turn."""
    if not so_far:
        return prompt
    last = prompt[-1]
    return [*prompt[:-1], Message(role=last["role"], content="\n".join([last["content"], "", *so_far]))]
