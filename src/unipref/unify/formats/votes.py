"""Several people's votes on one pair of answers. The majority decides, and its share is the confidence."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from unipref.core.records import Comparison, Feedback, Reason, Reject, Row
from unipref.unify.detection.guess import Columns, Guess
from unipref.unify.detection.judgements import ask_for_sides, combine_confidence, find_judgement
from unipref.unify.detection.two_answers import find_two_answers
from unipref.unify.format_bases.two_answers import LabelledAnswers, make_comparison, read_label
from unipref.unify.mapping.fields import Path, PathList, Place, read_number
from unipref.unify.mapping.paths import get_path


class Votes(LabelledAnswers):
    """Two answers and the votes of one or several people: one field per person, a list, or counts. Null means that the
    person did not vote. Equal votes for both answers are a tie; so are more tie votes than votes for the better
    answer.
    """

    first: Place
    """Path of the first answer or dialogue; or a part, as in {field: text, pattern: REGEX}."""
    second: Place
    """Path of the second answer or dialogue; or a part."""
    votes: Path | PathList | None = None
    """Paths of the votes, one per person; or one path of a single vote or of a list of votes, as in `people.*.vote`."""
    counts: dict[Literal["first", "second", "tie"], Path] = {}
    """Replaces `votes`: first, second or tie -> path of the number of people who voted for it; true is one vote."""

    has_annotator_per_vote: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a second answer", "a code that says which is better")
    example: ClassVar[dict[str, Any]] = {
        "settings": {
            "prompt": "question",
            "first": "a",
            "second": "b",
            "votes": ["ann", "bob", "eve"],
            "codes": {0: "tie", 1: "first", 2: "second"},
        },
        "rows": [{"question": "Is it late?", "a": "Yes.", "b": "I like trains.", "ann": 1, "bob": 1, "eve": 0}],
    }

    @model_validator(mode="after")
    def _can_be_counted(self) -> "Votes":
        if bool(self.votes) == bool(self.counts):
            raise ValueError("give either 'votes' with 'codes', or 'counts'")
        if self.votes and not (self.codes or self.names):
            raise ValueError("set what each vote means, as in codes: {0: tie, 1: first, 2: second}")
        return self

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises two answers and the votes of several people, or of one person who could vote for a tie."""
        if (sides := find_two_answers(columns)) is None or (judgement := find_judgement(columns, sides)) is None:
            return None
        if judgement.kind not in ("votes", "counts"):
            return None
        return Guess(
            {**ask_for_sides(sides, judgement), **judgement.map},
            combine_confidence(sides, judgement),
            [sides.why, judgement.why],
            [*sides.doubts, *judgement.doubts],
        )

    def fields_of_people(self) -> dict[str, Path | PathList]:
        """The votes."""
        return {"votes": self.votes or []}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with two answers and one comparison per vote."""
        prompt, endings = self.read_sides(row, (self.first, self.second))
        comparisons = self._read_counts(row) if self.counts else self._read_votes(row)
        if not comparisons:
            raise Reject(Reason.UNSCORED, "nobody voted", str(self.votes or self.counts))
        responses = self.make_responses(row, endings)
        yield Feedback(prompt=prompt, responses=responses, comparisons=comparisons)

    def _read_votes(self, row: Row) -> list[Comparison]:
        names = self.read_names(row)
        return [
            make_comparison(read_label(vote.value, self.codes, vote.field, names), vote)
            for vote in self.read_votes(row, self.votes or [])
            if vote.is_cast(self.codes)
        ]

    def _read_counts(self, row: Row) -> list[Comparison]:
        comparisons = []
        for side, path in self.counts.items():
            value = get_path(row, path)
            count = float(value) if isinstance(value, bool) else read_number(value, path) or 0.0
            if count < 0 or count != int(count) or count > MOST_VOTES:
                raise Reject(Reason.BAD_SCORE, f"expected a number of votes, found {count:g}", path)
            comparisons += [make_comparison(side)] * int(count)
        return comparisons


MOST_VOTES = 100_000
"""Most votes on one pair; a higher count is rejected as a mistake."""
