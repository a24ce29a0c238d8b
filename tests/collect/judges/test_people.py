"""Votes of people in a sheet."""

import csv
from pathlib import Path

import pytest

from unipref.collect.judges.people import People
from unipref.core.contracts import JudgeJob, JudgeStopped, Opinion, PairToJudge
from unipref.core.records import Message

PROMPT = [Message(role="user", content="Which?")]
PAIRS = [PairToJudge(f"p{number}", PROMPT, f"=one {number}", f"two {number}") for number in range(4)]


def judge(folder: Path, notes: list[str] | None = None) -> list[list[Opinion]]:
    job = JudgeJob(folder, folder, note=(notes if notes is not None else []).append)
    return list(People(path="votes.csv").judge(PAIRS, job))


def test_without_votes_a_sheet_is_written_and_the_user_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JudgeStopped, match="nobody has voted yet") as stop:
        judge(tmp_path)
    assert stop.value.is_planned
    sheet = tmp_path / "people-to_vote.csv"
    assert str(sheet) in stop.value.mend
    rows = list(csv.DictReader(sheet.open(newline="")))
    assert [row["pair"] for row in rows] == ["p0", "p1", "p2", "p3"]
    assert rows[0]["first"] == "'=one 0"
    assert {(row["vote"], row["annotator"]) for row in rows} == {("", "")}


def fill_in(sheet: Path, change: str) -> None:
    """Changes a sheet where it is, as a person does who forgets to copy it."""
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if change == "vote":
        rows[1][4] = "first"
    elif change == "only a name":
        rows[2][5] = "ann"
    elif change == "a further column":
        rows = [[*row, "note"] for row in rows]
    separator, end = (";", "\r\n") if change == "another separator" else (",", "\n")
    if change == "vote in cp1252":
        rows[1][4:] = ["second", "J\xf6rg"]
    with sheet.open("w", newline="", encoding="cp1252" if change == "vote in cp1252" else "utf-8") as file:
        csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)


@pytest.mark.parametrize("change", ["vote", "only a name", "a further column", "another separator", "vote in cp1252"])
def test_a_sheet_that_was_changed_is_never_overwritten(tmp_path: Path, change: str) -> None:
    sheet = tmp_path / "people-to_vote.csv"
    with pytest.raises(JudgeStopped, match="nobody has voted yet"):
        judge(tmp_path)
    fill_in(sheet, change)
    filled = sheet.read_bytes()
    for _ in range(2):
        with pytest.raises(JudgeStopped, match=r"votes\.csv is missing, and .*to_vote\.csv was changed") as stop:
            judge(tmp_path)
        assert sheet.read_bytes() == filled
    assert stop.value.is_planned
    assert f"Save {sheet} as {tmp_path / 'votes.csv'}" in stop.value.mend


def test_an_unchanged_sheet_gets_the_new_pairs_and_a_changed_one_is_said_to_lack_them(tmp_path: Path) -> None:
    sheet, job = tmp_path / "people-to_vote.csv", JudgeJob(tmp_path, tmp_path)
    people = People(path="votes.csv")
    for count in (2, 3):
        with pytest.raises(JudgeStopped, match="nobody has voted yet"):
            list(people.judge(PAIRS[:count], job))
        assert [row["pair"] for row in csv.DictReader(sheet.open(newline=""))] == ["p0", "p1", "p2"][:count]
    fill_in(sheet, "vote")
    with pytest.raises(JudgeStopped, match="It lacks 1 of 4 pairs"):
        list(people.judge(PAIRS, job))


def test_a_sheet_with_texts_of_any_length_and_line_ends_counts_as_unchanged(tmp_path: Path) -> None:
    pairs = [PairToJudge("long", PROMPT, "x" * 200_000, 'a\r\n"b",\rc\n\n'), *PAIRS]
    for count in (1, 3):
        with pytest.raises(JudgeStopped, match="nobody has voted yet"):
            list(People(path="votes.csv").judge(pairs[:count], JudgeJob(tmp_path, tmp_path)))
    assert (tmp_path / "people-to_vote.csv").read_text().count("p1,") == 1


def test_votes_of_several_people_are_several_opinions(tmp_path: Path) -> None:
    rows = ["pair,vote,annotator", "p1,Second,ann", "p0,first,bob", "p1,tie,bob", "p3,2,", "p2,,eve"]
    (tmp_path / "votes.csv").write_text("\n".join(rows) + "\n")
    opinions = judge(tmp_path)
    assert [[(one.annotator, one.vote) for one in each] for each in opinions] == [
        [("bob", "first")],
        [("ann", "second"), ("bob", "tie")],
        [(None, None)],
        [(None, "second")],
    ]
    assert opinions[0][0].shown_first == "first"


def test_rows_that_count_for_nothing_are_counted_and_named(tmp_path: Path) -> None:
    rows = ["pair,vote,annotator", "p0,better,ann", "p9,first,ann", "p0,first,ann", "p1,maybe,ann"]
    (tmp_path / "votes.csv").write_text("\n".join(rows) + "\n")
    notes: list[str] = []
    assert [each[0].vote for each in judge(tmp_path, notes)] == ["first", None, None, None]
    assert len(notes) == 2
    assert "2 rows of votes.csv count for nothing: the vote is none of" in notes[0]
    assert "first: votes.csv:2" in notes[0]
    assert "1 rows of votes.csv count for nothing: the pair is not of this collection" in notes[1]


def test_new_votes_are_another_file_of_judgements(tmp_path: Path) -> None:
    people, job = People(path="votes.csv"), JudgeJob(tmp_path, tmp_path)
    (tmp_path / "votes.csv").write_text("pair,vote\np0,first\n")
    before = people.identity(job)
    (tmp_path / "votes.csv").write_text("pair,vote\np0,second\n")
    assert people.identity(job) != before
