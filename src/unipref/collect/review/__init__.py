"""People review the preferences of a run: a page or a sheet shows those that most need eyes, and keeps the votes.

The file of votes is a source of the next run (`dataset: unipref_review`). This package reads only the run folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.collect.review.queue import Queue, open_queue
from unipref.collect.review.summary import ReviewSummary, summarise
from unipref.collect.review.votes_file import VOTES, VotesFile
from unipref.core.errors import UserError
from unipref.core.folder_lock import use_alone
from unipref.models.missing_folders import suggest_folder

FOLDER = "review"
__all__ = ["FOLDER", "OpenReview", "find_votes", "format_source", "open_review", "read_summary"]


@dataclass(frozen=True)
class OpenReview:
    """A review that this process alone writes: its list and its file of votes."""

    folder: Path
    queue: Queue
    votes: VotesFile


def _ignore(label: str, done: int, total: int, figures: dict[str, Any] | None = None) -> None:
    """Shows no progress."""


@contextmanager
def open_review(
    run: Path, folder: Path | None = None, most: int | None = None, progress: Callable[[str, int, int], None] = _ignore
) -> Iterator[OpenReview]:
    """Opens the review of a run; it goes on where it stopped.

    Args:
        run: the run folder.
        folder: for the list and the votes; None: `review` in the run folder.
        most: number of preferences in the list; None: that of the last time, or 100.
        progress: is told what is read, and how much of it.

    Raises:
        UserError: the run has no preferences, another process reviews, or a file is damaged.
    """
    place = folder or run / FOLDER
    if not run.is_dir():
        mend = suggest_folder(str(run)) or "Give the folder of a run."
        raise UserError("this folder does not exist.", where=str(run), mend=mend)
    with use_alone(place):
        votes = VotesFile(place / VOTES)
        votes.repair()
        votes.read()
        yield OpenReview(place, open_queue(run, place, most, progress), votes)


def find_votes(run: Path, folder: Path | None = None) -> Path:
    """Returns the file of the votes of a review.

    Args:
        run: the run folder.
        folder: of the review; None: `review` in the run folder.

    Raises:
        UserError: there is no such file yet.
    """
    path = (folder or run / FOLDER) / VOTES
    if not path.is_file():
        mend = f"Review first: unipref review {run}"
        raise UserError("nobody has judged anything yet.", where=str(path), mend=mend)
    return path


def read_summary(votes: Path) -> ReviewSummary:
    """Summarises a file of votes; another process may write it.

    Raises:
        UserError: a line of the file is damaged.
    """
    return summarise(VotesFile(votes).read())


def format_source(votes: Path) -> str:
    """Returns the lines that make a file of votes a source of a study."""
    import json

    # A text of JSON is one of YAML, whatever the path holds.
    path = json.dumps(str(votes.resolve()), ensure_ascii=False)
    return f"  - name: review\n    dataset: unipref_review\n    path: {path}"
