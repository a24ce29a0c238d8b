"""The map task of unify: rows -> feedback in buckets. `bucket_projection` has the reduce task: a bucket -> preferences.

Both depend on their arguments alone, so every engine runs the same code. A bucket holds whole prompts. The size of a
bucket, not of the data, bounds the memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import parquet, patterns
from unipref.core.contracts import Format
from unipref.core.records import Feedback, Reason, Reject, RejectedRow, Row
from unipref.core.terminal import show_text
from unipref.core.text_keys import prompt_key
from unipref.core.workers.buckets import BucketWriter
from unipref.sources.json_rows import Numbered
from unipref.sources.reader import read_in_lists
from unipref.sources.reading_notes import RowNotes, collect_notes
from unipref.unify.garbage import collect_rarely
from unipref.unify.mapping.images import hash_images
from unipref.unify.mapping.part_counts import find_parts
from unipref.unify.mapping.unread_fields import add_unread_fields, count_unread_fields
from unipref.unify.projection.groups import group_key
from unipref.unify.projection.judges import JudgeNamer, name_judges
from unipref.unify.projection.project import Projection
from unipref.unify.rated_rows import RatedReader, RatedRows, RatedWriter, find_bucket, find_reader

ReadRows = Callable[[Any], Iterator[tuple[int | str, Row | Reject]]]
"""Reads the rows of one part of a source as (row number, row or reject); `7.2` is a row inside row 7."""

FEEDBACK_FOLDER, REJECTS_FOLDER = "feedback", "rejects"
ROWS_AT_ONCE = 128
"""Most rows that are read into columns together."""
BATCH, BATCH_CHARACTERS = parquet.GROUP_ROWS, parquet.BYTES_AT_ONCE
"""Most preferences, and about how many characters, per row group of a Parquet file."""
ROW_BYTES = 64 << 20
"""About how many bytes of feedback one row may give; the rest of it is left out and counted."""
PLACE_BITS = 40
"""Bits of a feedback's place that count within a task; those above are the task's number."""


class ResolvedSource(msgspec.Struct, frozen=True):
    """One source, ready to read: its format, the projection of its groups, its parts, and the CPU seconds that the
    patterns of the format may take for one row. `notes` name what of its files is not read.
    """

    format: Format
    projection: Projection
    parts: list[Any]
    row_seconds: float = patterns.ROW_SECONDS
    notes: list[str] = []


class MapTask(msgspec.Struct, frozen=True):
    """Neighbouring parts of one source, to be read into buckets under `folder`; `number` counts the parts before."""

    number: int
    source: int
    resolved: ResolvedSource
    parts: list[Any]
    read: ReadRows
    folder: Path
    n_buckets: int


class ReduceTask(msgspec.Struct, frozen=True):
    """One bucket, to be projected into `out/part-N.parquet`; `with_parts`: whether messages have parts besides text."""

    bucket: int
    sources: list[ResolvedSource]
    folder: Path
    out: Path
    with_parts: bool = False


class SourceCounts(msgspec.Struct):
    """Counts of one source's rows and groups by outcome; `+=` adds the counts of another task.

    Attributes:
        judgements: rows of `judgements.parquet`.
        informative_judgements: those that may tell how reliable the source and its annotators are.
        copied_judgements: judgements of copied rows, which are not in `judgements.parquet`. Means of scores count them.
        repeated_judgements: judgements that repeat one of the same judge on the same answers, and do not count again.
        opposite_judgements: judgements of a person who judged the same answers both ways, and so do not count.
    """

    rows: int = 0
    used: int = 0
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    parts_rejected: Counter[str] = msgspec.field(default_factory=Counter)
    groups: int = 0
    judgements: int = 0
    informative_judgements: int = 0
    copied_judgements: int = 0
    repeated_judgements: int = 0
    opposite_judgements: int = 0
    projected: int = 0
    groups_rejected: Counter[str] = msgspec.field(default_factory=Counter)
    preferences: int = 0
    ordered_pairs: int = 0
    kept_pairs: int = 0
    implied_pairs: int = 0
    unread_turn_fields: Counter[str] = msgspec.field(default_factory=Counter)
    message_parts: Counter[str] = msgspec.field(default_factory=Counter)
    notes: RowNotes = msgspec.field(default_factory=RowNotes)

    def __iadd__(self, other: "SourceCounts") -> "SourceCounts":
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name == "unread_turn_fields":
                add_unread_fields(self.unread_turn_fields, other.unread_turn_fields)
            elif isinstance(value, Counter):
                value.update(getattr(other, name))
            else:
                setattr(self, name, value + getattr(other, name))
        return self


class GroupEntry(msgspec.Struct, array_like=True):
    """One feedback in a bucket; entries of one source with the same key form a group. Places have the order of rows."""

    source: int
    key: str
    place: int
    feedback: Feedback


class RejectRecord(msgspec.Struct, array_like=True):
    """One row of `rejects.parquet`."""

    source: str
    level: str
    reason: str
    field: str | None
    detail: str
    origin: list[str]

    @classmethod
    def from_reject(cls, reject: Reject, source: str, level: str, origin: list[str]) -> "RejectRecord":
        """Makes the row for a reject."""
        field = None if reject.field is None else show_text(reject.field)
        return cls(source, level, reject.reason.value, field, show_text(reject.detail), origin)


pack = msgspec.msgpack.Encoder().encode


def map_rows(task: MapTask) -> SourceCounts:
    """Reads the parts, writes their feedback to buckets by prompt, writes their rejects, and returns the counts."""
    counts = SourceCounts()
    patterns.limit_rows(task.resolved.row_seconds)
    rated = find_reader(task.resolved.format, task.resolved.projection)
    n_axes = len(task.resolved.projection.axes)
    with (
        collect_rarely(),
        BucketWriter(task.folder / FEEDBACK_FOLDER, task.n_buckets, task.number) as buckets,
        RatedWriter(task.folder, task.n_buckets, task.number, task.source, n_axes) as rated_out,
        BucketWriter(task.folder / REJECTS_FOLDER, 1, task.number) as rejects,
        collect_notes() as notes,
    ):
        origins = [show_text(part.origin) for part in task.parts]
        reader = _RowReader(task, origins)
        writer = _RowWriter(task.resolved.projection.source, counts, buckets, rejects)
        for place, rows in _list_rows(task):
            if notes:
                counts.notes.add(notes, f"{origins[place]}:{rows[0][0]}")
                notes.clear()
            for some, plain in _find_plain(rated, rows):
                counts.rows += len(some)
                names = [f"{origins[place]}:{number}" for number, _ in some]
                if plain is not None:
                    counts.used += len(some)
                    plain.places, plain.origins = [reader.next_place() for _ in some], names
                    rated_out.add(plain)
                    continue
                for (number, row), origin in zip(some, names, strict=True):
                    with count_unread_fields() as unread:
                        read = reader.read(row, place, number)
                    add_unread_fields(counts.unread_turn_fields, unread)
                    writer.write(read, origin)
        counts.notes.add(notes, f"the end of {origins[-1]}")
    return counts


def _list_rows(task: MapTask) -> Iterator[tuple[int, list[Numbered]]]:
    """Yields the rows of all parts with the part's place in the task: some where nothing is noted on them, else one."""
    for place, part in enumerate(task.parts):
        for rows in read_in_lists(task.read, part):
            for start in range(0, len(rows), ROWS_AT_ONCE):
                yield place, rows[start : start + ROWS_AT_ONCE]


def _find_plain(reader: RatedReader | None, rows: list[Numbered]) -> Iterator[tuple[list[Numbered], RatedRows | None]]:
    """Yields the rows, those together that are plain; None beside rows that the format has to read."""
    plain = None if reader is None else reader.read([row for _, row in rows])
    if plain is not None or reader is None or len(rows) == 1:
        yield rows, plain
    else:
        yield from (pair for one in rows for pair in _find_plain(reader, [one]))


class _ReadRow(msgspec.Struct):
    """What one row gives.

    Attributes:
        entries: bucket and packed `GroupEntry` of each feedback.
        rejects: why the row (the first one, if there are no entries) or parts of it cannot be used.
        parts: what its messages hold besides text.
        size: bytes of the entries.
    """

    entries: list[tuple[int, bytes]] = []
    rejects: list[Reject] = []
    parts: set[str] = set()
    size: int = 0


class _RowWriter:
    """Writes what the format gives for rows, and counts it."""

    def __init__(self, source: str, counts: SourceCounts, buckets: BucketWriter, rejects: BucketWriter) -> None:
        self._source, self._counts, self._buckets, self._rejects = source, counts, buckets, rejects

    def write(self, read: _ReadRow, origin: str) -> None:
        """Writes the feedback and the rejects of one row."""
        rejects = read.rejects
        if not read.entries:
            nothing = Reject(Reason.NO_ANSWER, "the row does not contain an answer of the assistant")
            first, *rejects = rejects or [nothing]
            self._counts.rejected[first.reason.value] += 1
            self._reject(first, "row", origin)
        else:
            self._counts.used += 1
            self._counts.message_parts.update(sorted(read.parts))
        for reject in rejects:
            self._counts.parts_rejected[reject.reason.value] += 1
            self._reject(reject, "part", origin)
        for bucket, packed in read.entries:
            self._buckets.write(bucket, packed)

    def _reject(self, reject: Reject, level: str, origin: str) -> None:
        self._rejects.write(0, pack(RejectRecord.from_reject(reject, self._source, level, [origin])))


class _RowReader:
    """Reads the rows of a task one by one. Feedback is packed as soon as it is read, because the answers of a long
    dialogue repeat the messages before them.
    """

    def __init__(self, task: MapTask, origins: list[str]) -> None:
        self._task, self._origins, self._judges = task, origins, JudgeNamer()
        self._has_tools = getattr(task.resolved.format, "tools", None) is not None
        self._next_place = task.number << PLACE_BITS

    def next_place(self) -> int:
        """Returns the place of the next feedback among all of the run."""
        self._next_place += 1
        return self._next_place

    def read(self, row: Row | Reject, place: int, number: int | str) -> _ReadRow:
        """Reads one row of the part at a place of the task."""
        read = _ReadRow()
        if isinstance(row, Reject):
            read.rejects.append(row)
            return read
        try:
            for item in self._task.resolved.format.read(row):
                try:
                    if isinstance(item, Reject):
                        raise item
                    self._add(read, item, row, place, number)
                except Reject as reject:
                    read.rejects.append(reject)
        except Reject as reject:
            parts = reject.parts if isinstance(reject, RejectedRow) else []
            return _ReadRow(rejects=[reject, *read.rejects, *parts])
        return read

    def _add(self, read: _ReadRow, feedback: Feedback, row: Row, place: int, number: int | str) -> None:
        """Adds feedback to what the row gives.

        Raises:
            Reject: an image is missing, the row gives too much, or the feedback cannot be stored, as that of a user's
                function or format.
        """
        if read.size > ROW_BYTES:
            detail = f"the answers of the row and the messages before them exceed {ROW_BYTES >> 20} MB together"
            raise Reject(Reason.OVER_LIMIT, detail)
        form = self._task.resolved.format
        (feedback,) = name_judges([feedback], row, self._judges)
        feedback = _with_origin(feedback, f"{self._origins[place]}:{number}")
        hash_images(feedback, getattr(self._task.parts[place], "path", None), self._origins[place])
        row_key = f"{self._task.number + place}:{number}"
        try:
            prompt = prompt_key(feedback.prompt)
            key = group_key(feedback, form.grouping, prompt, f"{row_key}:{len(read.entries)}")
            packed = pack(GroupEntry(self._task.source, key, self.next_place(), feedback))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Reject(Reason.WRONG_TYPE, f"the feedback cannot be stored: {error}") from error
        read.parts |= find_parts(feedback, self._has_tools)
        read.entries.append((find_bucket(prompt), packed))
        read.size += len(packed)


def _with_origin(feedback: Feedback, origin: str) -> Feedback:
    responses = [msgspec.structs.replace(response, origin=[origin]) for response in feedback.responses]
    return msgspec.structs.replace(feedback, responses=responses)


FIRST_REDUCE_TASK = 1_000_000
"""Number of the first reduce task, above those of all map tasks, so that its rejects come after theirs."""


def part_name(bucket: int) -> str:
    """Returns the file name of one bucket's preferences."""
    return f"part-{bucket:05d}.parquet"


def judgements_name(bucket: int) -> str:
    """Returns the file name of one bucket's judgements."""
    return f"judgements-{bucket:05d}.parquet"
