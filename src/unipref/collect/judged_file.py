"""The file of what a judge has judged: one line per pair, added as soon as it is judged."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import hashing
from unipref.core.contracts import Judge, JudgeJob, Opinion, PairToJudge
from unipref.core.errors import UserError


class JudgedPair(msgspec.Struct, frozen=True):
    """A line of the file: the key of a pair, and the opinions about it."""

    pair: str
    opinions: list[Opinion]


class JudgedFile:
    """What one judge has judged with one set of settings; other settings have another file, so that nothing is lost.

    A judge of single pairs has one file for all pairs that it was ever asked about. The file of a judge of chunks is
    also of one list of pairs, because its scores are rounded by what else is in a chunk.

    Args:
        folder: of the files of all judges.
        judge: the judge.
        job: what it gets.
        pairs: the pairs that it is to judge.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(self, folder: Path, judge: Judge, job: JudgeJob, pairs: Sequence[PairToJudge]) -> None:
        identity: list[Any] = [judge.identity(job)]
        if judge.chunk > 1:
            identity.append([pair.key for pair in pairs])
        self.path = folder / f"{judge.annotator()}-{hashing.json_hash(identity)[:16]}.jsonl"
        self._chunk, self._expected = judge.chunk, len(pairs)
        self.opinions = self._read()

    def _read(self) -> dict[str, list[Opinion]]:
        """Reads the lines; a last line that a killed run left unfinished is removed, with its chunk."""
        if not self.path.is_file():
            return {}
        lines = self.path.read_bytes().splitlines(keepends=True)
        read: list[JudgedPair] = []
        for number, line in enumerate(lines, start=1):
            try:
                if not line.endswith(b"\n"):
                    raise msgspec.DecodeError("the line has no end")
                read.append(msgspec.json.decode(line, type=JudgedPair))
            except msgspec.DecodeError as error:
                if number < len(lines):
                    mend = "Restore the file, or delete it to judge all pairs again."
                    what = "the line is no judgement that unipref wrote."
                    raise UserError(what, where=f"{self.path}:{number}", mend=mend) from error
        # A judge of chunks begins again at a chunk; the last one may be short.
        whole = len(read) if len(read) == self._expected else len(read) // self._chunk * self._chunk
        if whole < len(lines):
            with self.path.open("r+b") as file:
                file.truncate(sum(map(len, lines[:whole])))
        return {one.pair: one.opinions for one in read[:whole]}

    def details(self) -> list[dict[str, Any]]:
        """Returns the details of all judgements in the file."""
        return [opinion.details for opinions in self.opinions.values() for opinion in opinions if opinion.details]

    @contextlib.contextmanager
    def append(self) -> Iterator["_Appender"]:
        """Opens the file for further lines."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            yield _Appender(self, file)


class _Appender:
    """Adds lines to the file of a judge; each is written at once."""

    def __init__(self, judged: JudgedFile, file: Any) -> None:
        self._judged, self._file = judged, file

    def add(self, pair: str, opinions: list[Opinion]) -> None:
        """Adds the opinions about a pair."""
        self._file.write(msgspec.json.encode(JudgedPair(pair, opinions)) + b"\n")
        self._file.flush()
        self._judged.opinions[pair] = opinions
