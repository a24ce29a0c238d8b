"""A question with options of which one is right, as in WinoGrande: the right one is preferred to each other."""

import re
import string
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.records import Axis, Comparison, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Column, Columns, Guess
from unipref.unify.detection.two_answers import stand_in
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Part, Path, Paths, answer_at, answer_text, code_of, get_path, join_texts
from unipref.unify.mapping.turns import assistant_turn

CHECK = "check"
"""The axis of a second statement of the answer."""
OPTION = re.compile(r"(option|choice|ending|answer|ans|opt|sol)[_ ]?[0-9a-e]")
"""Names of fields that hold one option each."""
LONG = 60
"""Mean length beyond which two texts are answers of their own, in characters."""
NUMBER = re.compile(r"-?[0-9]{1,9}")
LETTER = re.compile(r"[A-Za-z]")


RIGHT = ("answer", "label", "correct", "gold", "target", "solution")
"""Names of fields that say which option is right."""


def _options(columns: Columns, answer: Column) -> tuple[str, str | list[str], int] | None:
    """The question, the options and how many there are; None where there are none that the answer could be of."""
    texts = [c for c in columns.of("text", "code") if c is not answer and c.share > 0.9]
    numbered = [c for c in texts if OPTION.fullmatch(c.name)]
    prose = [c for c in columns.prose if c not in numbered]
    asked = next((c for c in prose if c.called("question", "sentence", "prompt", "query")), None)
    asked = asked or max(prose, key=lambda c: c.mean_length, default=None)
    if asked is None:
        return None
    if len(numbered) < 2:
        numbered = [c for c in columns.of("text") if c is not asked and stand_in([c], asked)]
    if len(numbered) == 2 and not stand_in(numbered, asked) and min(c.mean_length for c in numbered) > LONG:
        return None  # two answers to a prompt rather than options
    if len(numbered) >= 2:
        return asked.path, [c.path for c in numbered], len(numbered)
    for listed in columns.of("texts"):
        count = max(map(len, listed.values))
        counted = bool(answer.numbers) and min(answer.numbers) >= 0 and max(answer.numbers) <= count
        fits = counted or {*answer.different} <= {*string.ascii_uppercase[:count]}
        even = sum(len(v) == count for v in listed.values) > 0.8 * len(listed.values)
        if listed.called("options", "choices", "endings", "answers", "candidates") or (fits and even and count > 1):
            return asked.path, listed.path, count
    return None


class MultipleChoice(Mapped):
    """A prompt, its options and which of them is right. The answer is a number or letter counted from `first`, or,
    with `first: text`, the right option's own text.
    """

    prompt: Paths
    """Path, or paths to be joined, of the question."""
    options: Path | Annotated[list[Path | Part], Field(min_length=2)]
    """Paths of the options, in order, or constants as {text: Yes}; or the one path of a list of them."""
    answer: Path
    """Path of the answer."""
    check: Path | None = None
    """Path of a second statement of the answer, in the same code; it does not decide, it checks."""
    first: int | str | None = None
    """What the answer says when the first option is right: 0, 1, 'A'; or 'text'. Never guessed: sets differ in it."""
    labels: Path | list[bool | int | str | Part] | None = None
    """Instead of `first`: what the answer says for each option, in order, as in [true, false]; where that is in other
    fields, as in [{field: model_a}, {field: model_b}]; or the path of that list."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "a list of answers", "a code that says which is better")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "sentence", "options": ["option1", "option2"], "answer": "answer", "first": 1},
        "rows": [
            {"sentence": "Ann thanked Eve because _ had helped.", "option1": "Ann", "option2": "Eve", "answer": "2"},
        ],
    }

    @model_validator(mode="after")
    def _code_is_declared(self) -> "MultipleChoice":
        if (self.first is None) == (self.labels is None):
            raise ValueError("give either 'first' or 'labels': what the answer says for the options")
        return self

    def axes(self) -> dict[str, Axis]:
        """The second statement: 1 for the option it names, 0 for the others."""
        return {} if self.check is None else {CHECK: Axis(better="high", low=0.0, high=1.0)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A question, its options, and a code for the right one."""
        codes = [c for c in columns.of("code") if c.distinct > 1 and not c.is_identifier]
        named = columns.named(["code"], *RIGHT)
        for answer in [named] if named is not None else codes:
            if (found := _options(columns, answer)) is None:
                continue
            prompt, options, count = found
            seen = sorted({code_of(v) for v in answer.values})
            first: Any = seen[0] if len(seen) == count and named is not None else ASK
            mapping = {
                "prompt": prompt,
                "options": options,
                "answer": answer.path,
                "first": int(first) if str(first).isdigit() else first,
            }
            doubts = (
                [f"what '{answer.path}' says when the first option is right: {seen} are seen"] if first == ASK else []
            )
            why = [f"'{answer.path}' is one of {seen} and there are {count} options"]
            return Guess(mapping, 0.9 if named is not None else 0.75, why, doubts)
        return None

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback: all options as answers, the right one better than each other."""
        options = self._options(row)
        right = self._right(row, get_path(row, self.answer), options)
        checks: list[dict[str, float]] = [{} for _ in options]
        if self.check is not None and (said := get_path(row, self.check)) not in (None, ""):
            told = self._right(row, said, options)
            checks = [{CHECK: float(place == told)} for place in range(len(options))]
        yield Feedback(
            prompt=self.ask(row, self.prompt),
            responses=[
                Response(messages=assistant_turn(option), scores=s) for option, s in zip(options, checks, strict=True)
            ],
            comparisons=[Comparison(better=right, worse=i) for i in range(len(options)) if i != right],
        )

    def _options(self, row: Row) -> list[str]:
        if isinstance(self.options, list):
            return [answer_at(row, option) for option in self.options]
        values = get_path(row, self.options)
        if not isinstance(values, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of options, found {type(values).__name__}", self.options)
        return [answer_text(value, f"{self.options}.{i}") for i, value in enumerate(values)]

    def _right(self, row: Row, answer: Any, options: list[str]) -> int:
        code = code_of(answer)
        if self.first == "text":
            return self._only(code, options)
        if self.labels is not None:
            labels = get_path(row, self.labels) if isinstance(self.labels, str) else self.labels
            if not isinstance(labels, list) or len(labels) != len(options):
                raise Reject(Reason.WRONG_TYPE, f"expected {len(options)} labels, one for each option", "labels")
            return self._only(code, [join_texts(row, one) if isinstance(one, Part) else code_of(one) for one in labels])
        first = str(self.first)
        index = -1
        if NUMBER.fullmatch(first) and NUMBER.fullmatch(code):
            index = int(code) - int(first)
        elif LETTER.fullmatch(first) and LETTER.fullmatch(code):
            index = ord(code.upper()) - ord(first.upper())
        if not 0 <= index < len(options):
            detail = f"found {code[:40]!r}, expected one of {len(options)} codes beginning with {first!r}"
            raise Reject(Reason.BAD_LABEL, detail, self.answer)
        return index

    def _only(self, code: str, said: list[str]) -> int:
        places = [i for i, one in enumerate(said) if one == code]
        if len(places) != 1:
            raise Reject(
                Reason.BAD_LABEL, f"{code[:60]!r} stands for {len(places)} of {len(said)} options", self.answer
            )
        return places[0]
