"""Makes one vote of several opinions about a pair of answers."""

from collections.abc import Sequence

from unipref.core.contracts import Opinion, Vote


def decide_vote(opinions: Sequence[Opinion]) -> Vote | None:
    """Returns the most frequent vote, ties included; None if no opinion has a vote.

    It is a tie if as many votes are for either answer. If as many are ties as are for the better one, that one is it.
    """
    votes = [opinion.vote for opinion in opinions if opinion.vote is not None]
    if not votes:
        return None
    first, second, ties = (votes.count(one) for one in ("first", "second", "tie"))
    if first == second or ties > max(first, second):
        return "tie"
    return "first" if first > second else "second"
