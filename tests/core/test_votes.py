"""One vote of several opinions, as `collect` and the benchmarks of judges count it."""

import pytest

from unipref.core.contracts import Opinion, Vote
from unipref.core.votes import decide_vote


@pytest.mark.parametrize(
    ("first", "second", "ties", "expected"),
    [
        (0, 0, 0, None),
        (2, 1, 0, "first"),
        (1, 2, 2, "second"),
        (1, 0, 4, "tie"),
        (2, 2, 1, "tie"),
        (3, 0, 3, "first"),
    ],
)
def test_the_most_frequent_vote_counts_and_ties_are_votes(
    first: int, second: int, ties: int, expected: Vote | None
) -> None:
    opinions = [Opinion("first")] * first + [Opinion("second")] * second + [Opinion("tie")] * ties
    assert decide_vote([Opinion(None), *opinions]) == expected
