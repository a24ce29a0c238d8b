"""One reviewer's way through the list: which pair is next, in which order its answers are shown, and the verdicts."""

import datetime
from collections.abc import Sequence
from typing import Literal, NamedTuple

from unipref.collect.review.queue import Item, Side
from unipref.collect.review.votes_file import GivenVerdict, Verdict, VotesFile
from unipref.core.errors import UserError
from unipref.core.text_keys import digest

Answer = Literal["left", "right", "tie", "both_bad", "skip"]
"""What a reviewer says of a pair."""
LONGEST_NAME = 80


class Progress(NamedTuple):
    """How far a reviewer is: pairs with a verdict, skipped ones, and all."""

    judged: int
    skipped: int
    total: int


def check_name(name: str) -> str:
    """Returns the name of a reviewer without outer white space.

    Raises:
        UserError: it is empty, too long, or has characters that cannot be shown.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(
            f"the name of a reviewer has 1 to {LONGEST_NAME} letters that can be shown.",
            where="--reviewer",
            mend="Give the name that the votes should have, as in --reviewer ann.",
        )
    return name


def choose_order(item: Item, reviewer: str) -> Side:
    """Returns the answer that a reviewer sees on the left: a coin by a hash, so that it stays when a page is loaded
    again, and differs between reviewers.
    """
    return "first" if int(digest(item.pair, reviewer, "order")[0], 16) % 2 else "second"


class Session:
    """What one reviewer has judged of the list.

    Args:
        items: the list.
        votes: the file, which only this process writes.
        reviewer: the name; see `check_name`.
    """

    def __init__(self, items: Sequence[Item], votes: VotesFile, reviewer: str) -> None:
        self.items, self.reviewer = list(items), reviewer
        self._votes = votes
        self._given: dict[str, Verdict | None] = {}
        self._again: list[str] = []
        self._reread()

    def _reread(self) -> None:
        """Takes what the file says; the last verdict on a pair counts."""
        given = self._votes.read()
        self._given = {one.pair: one.vote for one in given if one.reviewer == self.reviewer}
        self.can_undo = bool(given) and given[-1].reviewer == self.reviewer

    @property
    def progress(self) -> Progress:
        """How far the reviewer is."""
        given = [self._given[item.pair] for item in self.items if item.pair in self._given]
        skipped = given.count(None)
        return Progress(len(given) - skipped, skipped, len(self.items))

    @property
    def current(self) -> Item | None:
        """The next pair; None if all have a verdict or were skipped."""
        for item in self.items:
            if item.pair not in self._given:
                return item
        return next((item for item in self.items if item.pair in self._again), None)

    def show_skipped(self) -> None:
        """Shows the skipped pairs again, once there are no others."""
        self._again = [item.pair for item in self.items if self._given.get(item.pair, "tie") is None]

    def record(self, pair: str, answer: Answer) -> bool:
        """Records what the reviewer says of the current pair.

        Args:
            pair: key of the pair that the reviewer saw.
            answer: what the reviewer says.

        Returns:
            False, and nothing is recorded, if the pair is not the current one: a key was pressed twice, or the page is
            an old one.

        Raises:
            ResourceError: it cannot be written; nothing changes.
        """
        item = self.current
        if item is None or item.pair != pair:
            return False
        left = choose_order(item, self.reviewer)
        right: Side = "second" if left == "first" else "first"
        votes: dict[Answer, Verdict | None] = {"left": left, "right": right, "tie": "tie", "both_bad": "both_bad"}
        vote = votes.get(answer)
        if vote is None and item.pair in self._given:
            self._again.remove(pair)  # skipped again
            return True
        self._votes.append(item, vote, self.reviewer, left, now())
        self._given[item.pair] = vote
        self._again = [one for one in self._again if one != pair]
        self.can_undo = True
        return True

    def undo(self) -> GivenVerdict | None:
        """Takes back the last verdict, which may be one of an earlier day; None if there is none of this reviewer."""
        undone = self._votes.undo(self.reviewer)
        self._reread()
        if undone is not None and undone.pair in self._given:
            self._again.insert(0, undone.pair)  # skipped before the verdict that is undone
        return undone


def now() -> str:
    """Returns the time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
