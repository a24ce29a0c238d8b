"""One answer with a thumbs up or a thumbs down, as KTO uses it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

from pydantic import model_validator

from unipref.core.contracts import FeedbackKind
from unipref.core.records import Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import MAX_WEAK_CONFIDENCE, PLACEHOLDER, Columns, Guess
from unipref.unify.detection.one_answer import find_one_answer, find_thumbs
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.fields import Path, get_path, label_hint, to_code


class Thumbs(OneAnswer):
    """A dialogue, or a prompt and an answer, with a verdict on the answer. A prompt with a liked and a disliked answer
    gives a pair. Any other answer gives a one-sided preference, which SFT (thumbs up) and KTO can use.
    """

    label: Path
    """Path of the verdict."""
    up: list[bool | int | float | str] = [True]
    """Values of the label that mean thumbs up. 1, 1.0 and "1" are one value, and so are true and "True"; 1 is not
    true."""
    down: list[bool | int | float | str] = [False]
    """Values of the label that mean thumbs down."""

    across_rows: ClassVar[bool] = True
    feedback_kind: ClassVar[FeedbackKind] = "single"
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a true-or-false label")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"messages": "messages", "label": "label"},
        "rows": [
            {
                "messages": [
                    {"role": "user", "content": "Say hello."},
                    {"role": "assistant", "content": "Hello!"},
                ],
                "label": True,
            },
        ],
    }

    @cached_property
    def _verdicts(self) -> dict[str, bool]:
        """Code of a label -> whether it means thumbs up."""
        return {**{to_code(value): True for value in self.up}, **{to_code(value): False for value in self.down}}

    @model_validator(mode="after")
    def _up_is_not_down(self) -> "Thumbs":
        if both := {to_code(value) for value in self.up} & {to_code(value) for value in self.down}:
            raise ValueError(f"the value {min(both)!r} is in both 'up' and 'down'")
        return self

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises an answer or a dialogue with a verdict of two values, in any spelling."""
        if (label := find_thumbs(columns)) is None or (answer := find_one_answer(columns)) is None:
            return None
        if columns.of_role("list") and "messages" not in answer.map:
            return None
        path = label.column.path
        codes = {name: values for name, values in label.map.items() if name in cls.model_fields}
        confidence = 0.85 if "messages" in answer.map else 0.25 + 0.6 * answer.confidence
        if not label.is_named:
            confidence = min(confidence, MAX_WEAK_CONFIDENCE)
            codes = {**codes, "label": PLACEHOLDER}
        why = [answer.why, f"'{path}' is one of {', '.join(label.column.distinct_values)} for each answer"]
        return Guess({**answer.map, "label": path, **codes}, confidence, why, [*answer.doubts, *label.doubts])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one judged answer."""
        approved = self._read_verdict(get_path(row, self.label))
        prompt, answer = self.read_dialogue(row)
        response = Response(messages=answer, approved=approved)
        yield Feedback(prompt=prompt, responses=[response])

    def _read_verdict(self, label: Any) -> bool:
        verdict = self._verdicts.get(to_code(label))
        if verdict is not None:
            return verdict
        shown = "null" if label is None else repr(str(label)[:40])
        detail = f"found {shown}, expected one of {self.up} (up) or {self.down} (down)"
        detail += label_hint(label, [*self.up, *self.down])
        raise Reject(Reason.BAD_LABEL, detail, self.label)
