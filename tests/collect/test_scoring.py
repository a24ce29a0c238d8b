"""Judges that compare two scores."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from unipref.collect.scoring import Scored, ScoringJudge
from unipref.core.contracts import JudgeJob, PairToJudge, Vote
from unipref.core.records import Message


class Given(ScoringJudge):
    """Scores an answer with the number that it is."""

    def score(self, answers: Sequence[Scored], job: JudgeJob) -> list[float | None]:
        return [float(text) for _, text, _ in answers]


@pytest.mark.parametrize(
    ("first", "second", "vote"),
    [
        ("-inf", "-inf", "tie"),
        ("inf", "+inf", "tie"),
        ("-inf", "inf", "second"),
        ("inf", "3", "first"),
        ("-inf", "3", "second"),
        ("2", "2.0", "tie"),
        ("2", "1", "first"),
        ("nan", "1", None),
        ("-inf", "nan", None),
    ],
)
@pytest.mark.parametrize("tie_within", [0.0, 0.5])
def test_equal_scores_are_a_tie_also_if_they_are_infinite(
    first: str, second: str, vote: Vote | None, tie_within: float, tmp_path: Path
) -> None:
    pair = PairToJudge("p", [Message(role="user", content="?")], first, second)
    opinion = next(iter(Given(tie_within=tie_within).judge([pair], JudgeJob(tmp_path, tmp_path))))[0]
    assert opinion.vote == vote
    assert opinion.scores == (None if vote is None else (float(first), float(second)))
