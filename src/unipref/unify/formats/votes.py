"""Several people's votes on one pair of answers; the majority decides and its share is the confidence."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from unipref.core.records import Comparison, Feedback, Reason, Reject, Row
from unipref.unify.detection.guess import Columns, Guess
from unipref.unify.detection.two_answers import judgement, sure, two_answers
from unipref.unify.format_bases.two_answers import Codes, TwoAnswers, judged, side_of
from unipref.unify.mapping.fields import Path, get_path, number


class Votes(TwoAnswers):
    """Two answers and the votes of one or several people, one field per person, a list, or counts. A vote that is null
    was not cast. Equally many votes for both are a tie, and so are more ties than
    votes for the better one.
    """

    first: Path
    """Path of the first answer or dialogue."""
    second: Path
    """Path of the second one."""
    votes: Path | list[Path] | None = None
    """Paths of the votes, one per person; or the one path of a vote or of a list of them."""
    codes: Codes = {}
    """What a vote says -> first, second or tie."""
    counts: dict[Literal["first", "second", "tie"], Path] = {}
    """Instead of votes: paths of how many people voted so; true is one vote."""

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
        if self.votes and not self.codes:
            raise ValueError("spell out what a vote says, as in codes: {0: tie, 1: first, 2: second}")
        return self

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Two answers and what several people, or one who could call it a tie, said of them."""
        if (sides := two_answers(columns)) is None or (told := judgement(columns, sides)) is None:
            return None
        if told.kind not in ("votes", "counts"):
            return None
        return Guess({**sides.map, **told.map}, sure(sides, told), [sides.why, told.why], [*sides.doubts, *told.doubts])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with two answers and a comparison for each vote."""
        prompt, endings = self.two(row, (self.first, self.second))
        comparisons = self._counted(row) if self.counts else self._cast(row)
        if not comparisons:
            raise Reject(Reason.UNSCORED, "nobody voted", str(self.votes or self.counts))
        yield Feedback(prompt=prompt, responses=self.responses(row, endings), comparisons=comparisons)

    def _cast(self, row: Row) -> list[Comparison]:
        if isinstance(self.votes, str):
            found = get_path(row, self.votes)
            several = isinstance(found, list)
            named = [(f"{self.votes}.{i}", vote) for i, vote in enumerate(found)] if several else [(self.votes, found)]
        else:
            named = [(path, get_path(row, path)) for path in self.votes or []]
        cast = [(path, value) for path, value in named if value is not None and value != ""]
        return [judged(side_of(value, self.codes, path), path) for path, value in cast]

    def _counted(self, row: Row) -> list[Comparison]:
        comparisons = []
        for side, path in self.counts.items():
            value = get_path(row, path)
            count = float(value) if isinstance(value, bool) else number(value, path) or 0.0
            if count < 0 or count != int(count) or count > MOST_VOTES:
                raise Reject(Reason.BAD_SCORE, f"{count:g} is no number of votes", path)
            comparisons += [judged(side)] * int(count)
        return comparisons


MOST_VOTES = 100_000
"""Votes on one pair beyond which a count is taken for a mistake."""
