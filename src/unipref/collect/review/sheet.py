"""The review as a sheet, for those who prefer a spreadsheet: written, filled in, and read into the file of votes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unipref.collect.review.queue import Item
from unipref.collect.review.session import check_name, now
from unipref.collect.review.votes_file import Verdict, VotesFile
from unipref.collect.vote_sheet import format_sheet, is_as_written, read_sheet
from unipref.core import json_files
from unipref.core.contracts import PairToJudge
from unipref.core.errors import UserError, report_missing_resources
from unipref.core.messages import show_message
from unipref.core.records import Messages

WORDS: Mapping[str, Verdict] = {
    **{"first": "first", "1": "first", "second": "second", "2": "second", "tie": "tie"},
    **{"both bad": "both_bad", "both_bad": "both_bad"},
}
"""What may stand in the column `vote`; case does not count."""


@dataclass
class SheetAccount:
    """What became of the rows of a sheet.

    Attributes:
        recorded: votes that are new in the file.
        known: votes that the file has already.
        opposed: votes on pairs on which the file has another verdict of the same person, which stays.
        notes: rows that count for nothing.
    """

    recorded: int = 0
    known: int = 0
    opposed: int = 0
    notes: list[str] = field(default_factory=list)


def has_votes(path: Path) -> bool:
    """Whether somebody has changed a sheet since it was written, so that it is to be read; False if there is none.

    Raises:
        UserError: there is none, and its name is not that of a CSV file.
    """
    if path.is_file():
        return not is_as_written(path.read_bytes())
    if path.suffix.lower() != ".csv":
        raise UserError(
            "there is no such file, and a sheet is written as CSV.",
            where=str(path),
            mend="Give a name that ends in .csv. A filled in sheet may be .csv, .tsv, .xlsx or .jsonl.",
        )
    return False


def write_review_sheet(path: Path, items: Sequence[Item]) -> None:
    """Writes all pairs as CSV with empty columns for vote and annotator."""
    pairs = [PairToJudge(item.pair, item.prompt, _show(item.first), _show(item.second)) for item in items]
    with report_missing_resources(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        json_files.write_text(path, format_sheet(pairs))


def _show(messages: Messages) -> str:
    return "\n\n".join(map(show_message, messages))


def read_review_sheet(path: Path, items: Sequence[Item], votes: VotesFile, reviewer: str | None) -> SheetAccount:
    """Adds the votes of a sheet to the file; reading a sheet twice adds nothing.

    Args:
        path: the sheet.
        items: the pairs that can be voted on.
        votes: the file, which only this process writes.
        reviewer: who voted in rows without an annotator; None: such rows count for nothing.

    Raises:
        UserError: the sheet or the file cannot be read, or `reviewer` is no name.
    """
    by_pair = {item.pair: item for item in items}
    read, faults = read_sheet(path, set(by_pair), WORDS, "--sheet")
    account = SheetAccount(notes=[fault.describe(path.name) for fault in faults])
    given = {(one.reviewer, one.pair): one.vote for one in votes.read() if one.vote is not None}
    named = None if reviewer is None else check_name(reviewer)
    unnamed: Counter[str] = Counter()
    for one in read:
        try:
            name = check_name(one.annotator) if one.annotator else named
        except UserError:
            name = None
        if name is None:
            unnamed[one.place] += 1
        elif (earlier := given.get((name, one.pair))) is not None:
            account.known += earlier == one.vote
            account.opposed += earlier != one.vote
        else:
            votes.append(by_pair[one.pair], one.vote, name, "first", now())
            given[name, one.pair] = one.vote
            account.recorded += 1
    if unnamed:
        account.notes.append(
            f"{unnamed.total()} votes of {path.name} count for nothing: nobody is named in 'annotator' "
            f"(first: {next(iter(unnamed))}). Give --reviewer NAME for them."
        )
    return account
