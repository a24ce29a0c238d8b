"""People who fill in a sheet of pairs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from unipref.collect.vote_sheet import format_sheet, is_as_written, read_sheet
from unipref.core import hashing, json_files
from unipref.core.contracts import Judge, JudgeJob, JudgeStopped, Opinion, PairToJudge, Vote

VOTES: Mapping[str, Vote] = {"first": "first", "second": "second", "tie": "tie", "1": "first", "2": "second"}
"""What may stand in the column `vote`; case does not count."""
SHEET = "to_vote.csv"


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
        votes, faults = read_sheet(path, keys, VOTES, "judges.people.path")
        for fault in faults:
            job.note(f"{self.annotator()}: {fault.describe(path.name)}")
        opinions: dict[str, list[Opinion]] = {}
        for one in votes:
            opinions.setdefault(one.pair, []).append(Opinion(one.vote, annotator=one.annotator, shown_first="first"))
        return opinions


def _ask_people(sheet: Path, path: Path, pairs: Sequence[PairToJudge]) -> JudgeStopped:
    """Writes the sheet, unless somebody has changed it since it was written; returns what to do next."""
    content = sheet.read_bytes() if sheet.is_file() else None
    if content is None or is_as_written(content):
        json_files.write_text(sheet, format_sheet(pairs))
        mend = f"Fill in {sheet}, save it as {path}, and run again."
        return JudgeStopped(f"nobody has voted yet: {path} is missing", mend, is_planned=True)
    why = f"{path} is missing, and {sheet} was changed after unipref wrote it, so it stays as it is"
    if absent := sum(pair.key.encode() not in content for pair in pairs):
        why += f". It lacks {absent} of {len(pairs)} pairs"
    mend = f"Save {sheet} as {path} if its votes are complete, or move it away to get a new sheet. Then run again."
    return JudgeStopped(why, mend, is_planned=True)
