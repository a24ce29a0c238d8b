"""A question with options of which one is right, as in WinoGrande: the right one is preferred to each other."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field

from unipref.records import Axis, Comparison, Feedback, Reason, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Path, Paths, answer_text, pluck
from unipref.unify._recognise import ASK, Columns, Guess
from unipref.unify._turns import answered

CHECK = "check"
"""The axis of a second statement of the answer."""
OPTION = re.compile(r"(option|choice|ending|answer|ans|opt|sol)[_ ]?[0-9a-e]")
"""Names of fields that hold one option each."""
NUMBER = re.compile(r"-?[0-9]{1,9}")
LETTER = re.compile(r"[A-Za-z]")


class MultipleChoice(Mapped):
    """A prompt, its options and which of them is right. The answer is a number or letter counted from `first`, or,
    with `first: text`, the right option's own text.
    """

    prompt: Paths
    """Path, or paths to be joined, of the question."""
    options: Path | Annotated[list[Path], Field(min_length=2)]
    """Paths of the options, in order; or the one path of a list of them."""
    answer: Path
    """Path of the answer."""
    check: Path | None = None
    """Path of a second statement of the answer, in the same code; it does not decide, it checks."""
    first: int | str
    """What the answer says when the first option is right: 0, 1, 'A'; or 'text'. Never guessed: sets differ in it."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "sentence", "options": ["option1", "option2"], "answer": "answer", "first": 1},
        "rows": [
            {"sentence": "Ann thanked Eve because _ had helped.", "option1": "Ann", "option2": "Eve", "answer": "2"},
        ],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A question, its options, and a code for the right one."""
        answer = columns.named(["code"], "answer", "label", "correct", "gold", "target")
        if answer is None:
            return None
        numbered = [c for c in columns.of("text", "code") if c is not answer and OPTION.fullmatch(c.name)]
        listed = columns.named(["texts"], "options", "choices", "endings", "answers")
        texts = [c for c in columns.of("text") if c not in numbered]
        asked = columns.named(["text"], "question", "sentence", "prompt", "query") or next(iter(texts), None)
        if asked is None or (listed is None and len(numbered) < 2):
            return None
        codes = sorted({str(v) for v in answer.values})
        n_options = max(len(v) for v in listed.values) if listed else len(numbered)
        first = codes[0] if len(codes) == n_options else ASK
        mapping = {
            "prompt": asked.path,
            "options": listed.path if listed else [c.path for c in numbered],
            "answer": answer.path,
            "first": int(first) if first.isdigit() else first,
        }
        doubts = [] if first != ASK else [f"what '{answer.path}' says when the first option is right: {codes} are seen"]
        return Guess(mapping, 0.9, [f"'{answer.path}' is one of {codes} and there are {n_options} options"], doubts)

    def axes(self) -> dict[str, Axis]:
        """The second statement: 1 for the option it names, 0 for the others."""
        return {} if self.check is None else {CHECK: Axis(better="high", low=0.0, high=1.0)}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback: all options as answers, the right one better than each other."""
        options = self._options(row)
        right = self._right(pluck(row, self.answer), options)
        checks: list[dict[str, float]] = [{} for _ in options]
        if self.check is not None and (said := pluck(row, self.check)) not in (None, ""):
            told = self._right(said, options)
            checks = [{CHECK: float(place == told)} for place in range(len(options))]
        yield Feedback(
            prompt=self.ask(row, self.prompt),
            responses=[
                Response(messages=answered(option), scores=s) for option, s in zip(options, checks, strict=True)
            ],
            comparisons=[Comparison(better=right, worse=i) for i in range(len(options)) if i != right],
        )

    def _options(self, row: Row) -> list[str]:
        if isinstance(self.options, list):
            return [answer_text(pluck(row, path), path) for path in self.options]
        values = pluck(row, self.options)
        if not isinstance(values, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of options, found {type(values).__name__}", self.options)
        return [answer_text(value, f"{self.options}.{i}") for i, value in enumerate(values)]

    def _right(self, answer: Any, options: list[str]) -> int:
        # A column of numbers with a gap in it comes as 1.0, 2.0 from many writers.
        code = f"{answer:.0f}" if isinstance(answer, float) and answer.is_integer() else str(answer).strip()
        if self.first == "text":
            places = [i for i, option in enumerate(options) if option == code]
            if len(places) == 1:
                return places[0]
            raise Reject(Reason.BAD_LABEL, f"{code[:60]!r} is the text of {len(places)} options", self.answer)
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
