"""One answer with a thumbs up or a thumbs down, as KTO uses it."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.contracts import FeedbackKind, Grouping
from unipref.core.records import Feedback, Reject, Row
from unipref.unify.detection.guess import MAX_WEAK_CONFIDENCE, PLACEHOLDER, Columns, Guess, quote_names
from unipref.unify.detection.one_answer import find_one_answer, find_thumbs
from unipref.unify.detection.score_bounds import find_score_thumbs
from unipref.unify.detection.verdict_lists import find_listed_thumbs
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.fields import Path, PathList
from unipref.unify.mapping.verdicts import Tally, Verdicts


class Thumbs(Verdicts, OneAnswer):
    """A dialogue, or a prompt and an answer, with one or several verdicts on the answer. A prompt with a liked and a
    disliked answer gives a pair. Any other answer gives a one-sided preference, which SFT (thumbs up) and KTO can use.
    If several people judged an answer, in one row or several, the majority decides, and its share is the confidence.
    """

    label: Path | PathList
    """Path of the verdict, or of a list of verdicts, as in `people.*.verdict`; or one path per person. Null means that
    the person did not judge. The majority decides; equally many verdicts for and against are a contradiction."""

    has_annotator_per_vote: ClassVar[bool] = True
    grouping: ClassVar[Grouping] = "prompt"
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

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises an answer or a dialogue with a verdict of two values, in any spelling."""
        if (answer := find_one_answer(columns)) is None:
            return None
        label = find_thumbs(columns) or find_listed_thumbs(columns)
        is_weak = label is None or not label.is_named or any(codes == PLACEHOLDER for codes in label.map.values())
        scored = find_score_thumbs(columns, answer) if is_weak else None
        if (label := scored or label) is None:
            return None
        if answer.has_rivals(columns):
            return None
        codes = {"label": label.label, **label.map}
        confidence = 0.85 if "messages" in answer.map else 0.25 + 0.6 * answer.confidence
        confidence = 0.9 * (0.25 + 0.7 * answer.confidence) if scored is not None else confidence
        if not label.is_named:
            confidence = min(confidence, MAX_WEAK_CONFIDENCE)
        names = quote_names(label.label) if isinstance(label.label, list) else f"'{label.column.path}'"
        values = label.column.distinct_values
        shown = ", ".join(values) if scored is None else f"a score from {values[0]} to {values[-1]}"
        why = [answer.why, f"{names} is {'one of ' * (scored is None)}{shown} for each answer"]
        return Guess({**answer.map, **codes}, confidence, why, [*answer.doubts, *label.doubts])

    def fields_of_people(self) -> dict[str, Path | PathList]:
        """The verdicts."""
        return {"label": self.label}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one judged answer, or one per named person; and a reject for each verdict that does
        not count.
        """
        tally = self.count_verdicts(row, self.label)
        prompt, answer = self.read_dialogue(row)
        names = self.name_judges(row, tally.labels)
        for name in dict.fromkeys(names):
            mine = [is_up for who, is_up in zip(names, tally.verdicts, strict=True) if who == name]
            given = Tally(mine.count(True), mine.count(False), [])
            if responses := given.to_responses(answer):
                yield Feedback(prompt=prompt, responses=responses, annotator=name)
        yield from tally.others
