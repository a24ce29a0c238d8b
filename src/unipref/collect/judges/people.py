"""People who fill in a sheet of pairs."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from unipref import sources
from unipref.core import hashing, json_files
from unipref.core.contracts import Judge, JudgeJob, JudgeStopped, Opinion, PairToJudge, Vote
from unipref.core.messages import show_message
from unipref.core.records import Reject, Row
from unipref.core.values import is_missing

VOTES: Mapping[str, Vote] = {"first": "first", "second": "second", "tie": "tie", "1": "first", "2": "second"}
"""What may stand in the column `vote`; case does not count."""
COLUMNS = ("pair", "prompt", "first", "second", "vote", "annotator")
SHEET = "to_vote.csv"
_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins so for a formula."""


class People(Judge):
    """Reads what people voted. If the file is missing, `collect` writes a sheet with all pairs: copy it to `path`, and
    write `first`, `second` or `tie` into `vote` and who votes into `annotator`. Further votes on a pair are further
    rows. Votes are joined by the column `pair`, so rows may be in any order and may be missing. A sheet that somebody
    has changed is not written again.
    """

    path: str = Field(min_length=1)
    """The file with the votes, relative to `data_root`: CSV, TSV, Excel or JSON Lines."""

    can_judge_others: ClassVar[bool] = False
    has_people: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {"settings": {"path": "votes.csv"}}

    def identity(self, job: JudgeJob) -> dict[str, Any]:
        """Adds the content of the file: new votes are read."""
        path = job.data_root / self.path
        return {**super().identity(job), "votes": hashing.file_hash(path) if path.is_file() else None}

    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        """Yields the votes on each pair."""
        path = job.data_root / self.path
        if not path.is_file():
            raise _ask_people(job.out / f"{self.annotator()}-{SHEET}", path, pairs)
        votes = self._read_votes(path, {pair.key for pair in pairs}, job)
        for pair in pairs:
            yield votes.get(pair.key) or [Opinion(None, why_not="nobody voted")]

    def _read_votes(self, path: Path, keys: set[str], job: JudgeJob) -> dict[str, list[Opinion]]:
        votes: dict[str, list[Opinion]] = {}
        faults: Counter[str] = Counter()
        places: dict[str, str] = {}
        for part in sources.parts([str(path)], Path(), "judges.people.path"):
            for number, row in sources.read(part):
                fault = self._read_row(row, keys, votes)
                if fault is not None:
                    faults[fault] += 1
                    places.setdefault(fault, f"{path.name}:{number}")
        for fault, count in faults.items():
            job.note(
                f"{self.annotator()}: {count} rows of {path.name} count for nothing: {fault} (first: {places[fault]})"
            )
        return votes

    def _read_row(self, row: Row | Reject, keys: set[str], votes: dict[str, list[Opinion]]) -> str | None:
        """Adds the vote of a row; returns why it has none, unless the field is only empty."""
        if isinstance(row, Reject):
            return f"the row cannot be read ({row.reason})"
        if missing := [name for name in ("pair", "vote") if name not in row]:
            return f"the column '{missing[0]}' is missing"
        if is_missing(row["vote"]) or not str(row["vote"]).strip():
            return None
        vote = VOTES.get(str(row["vote"]).strip().lower())
        if vote is None:
            return f"the vote is none of {', '.join(VOTES)}"
        key = str(row["pair"]).strip()
        if key not in keys:
            return "the pair is not of this collection"
        person = row.get("annotator")
        written = "" if is_missing(person) else str(person).strip()
        name = written.encode("utf-8", "replace").decode() or None
        votes.setdefault(key, []).append(Opinion(vote, annotator=name, shown_first="first"))
        return None


def _ask_people(sheet: Path, path: Path, pairs: Sequence[PairToJudge]) -> JudgeStopped:
    """Writes the sheet, unless somebody has changed it since it was written; returns what to do next."""
    content = sheet.read_bytes() if sheet.is_file() else None
    if content is None or _is_as_written(content):
        json_files.write_text(sheet, _write_sheet(pairs))
        mend = f"Fill in {sheet}, save it as {path}, and run again."
        return JudgeStopped(f"nobody has voted yet: {path} is missing", mend, is_planned=True)
    why = f"{path} is missing, and {sheet} was changed after unipref wrote it, so it stays as it is"
    if absent := sum(pair.key.encode() not in content for pair in pairs):
        why += f". It lacks {absent} of {len(pairs)} pairs"
    mend = f"Save {sheet} as {path} if its votes are complete, or move it away to get a new sheet. Then run again."
    return JudgeStopped(why, mend, is_planned=True)


def _is_as_written(content: bytes) -> bool:
    """Whether a sheet has no vote, no annotator and no other form than that in which unipref writes it."""
    try:
        text = content.decode("utf-8")
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return False
    if not rows or rows[0] != list(COLUMNS) or any(len(row) != len(COLUMNS) or any(row[-2:]) for row in rows[1:]):
        return False
    return _write_rows(rows) == text


def _write_sheet(pairs: Sequence[PairToJudge]) -> str:
    """Writes all pairs as CSV, with empty columns for votes."""
    rows: list[Sequence[str]] = [COLUMNS]
    for pair in pairs:
        prompt = "\n\n".join(show_message(message) for message in pair.prompt)
        rows.append([pair.key, *(_as_text(cell) for cell in (prompt, pair.first, pair.second)), "", ""])
    return _write_rows(rows)


def _write_rows(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _as_text(cell: str) -> str:
    """Returns a cell that a spreadsheet takes for text. The texts are not read back: the pair joins the votes."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
