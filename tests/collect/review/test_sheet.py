"""The review as a sheet: the same pairs, read into the same file."""

import csv
from pathlib import Path

import pytest

from support.exported_run import RICH
from support.review_run import make_rows, write_run
from unipref.collect.review import OpenReview, open_review
from unipref.collect.review.sheet import has_votes, read_review_sheet, write_review_sheet
from unipref.core.errors import UserError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", [*make_rows(5), RICH[2]])


def fill_in(sheet: Path, votes: dict[int, tuple[str, str]]) -> None:
    """Writes votes and annotators into rows by number."""
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    for number, cells in votes.items():
        rows[number + 1][-2:] = cells
    with sheet.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def read(opened: OpenReview, sheet: Path, reviewer: str | None = None) -> tuple[int, int, int, list[str]]:
    account = read_review_sheet(sheet, opened.queue.items, opened.votes, reviewer)
    return account.recorded, account.known, account.opposed, account.notes


def test_a_sheet_is_written_filled_in_and_read(run: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    with open_review(run) as opened:
        assert not has_votes(sheet)
        write_review_sheet(sheet, opened.queue.items)
        assert not has_votes(sheet)
        with sheet.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["pair"] for row in rows] == [item.pair for item in opened.queue.items]
        # Whichever is the better one, both columns have some.
        columns = {item.data for item in opened.queue.items}
        assert columns == {"first", "second"}
        fill_in(
            sheet, {0: ("First", "ann"), 1: ("2", "ann"), 2: ("both bad", "bob"), 3: ("better", "ann"), 4: ("tie", "")}
        )
        assert has_votes(sheet)
        recorded, known, opposed, notes = read(opened, sheet)
        assert (recorded, known, opposed) == (3, 0, 0)
        assert "the vote is none of first, 1, second, 2, tie, both bad" in notes[0]
        assert "1 votes of sheet.csv count for nothing: nobody is named" in notes[1]
        given = opened.votes.read()
        assert [(one.vote, one.reviewer, one.shown_first) for one in given] == [
            ("first", "ann", "first"),
            ("second", "ann", "first"),
            ("both_bad", "bob", "first"),
        ]
        fill_in(sheet, {0: ("second", "ann")})
        assert read(opened, sheet, "eve")[:3] == (1, 2, 1)
        assert len(opened.votes.read()) == 4


def test_a_sheet_of_another_run_counts_for_nothing(run: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("pair,vote,annotator\nother,first,ann\n")
    with open_review(run) as opened:
        recorded, _, _, notes = read(opened, sheet)
    assert recorded == 0
    assert notes == ["1 rows of sheet.csv count for nothing: the pair is not of this collection (first: sheet.csv:2)"]


def test_a_sheet_is_written_as_csv_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="written as CSV"):
        has_votes(tmp_path / "sheet.xlsx")
