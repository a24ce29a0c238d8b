"""The map and the reduce task of unify: rows -> feedback in buckets, a bucket -> preferences.

Both depend on their arguments alone, so every engine runs the same code. A bucket holds whole prompts. The size of a
bucket, not of the data, bounds the memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from unipref.core.contracts import Format
from unipref.core.errors import legible
from unipref.core.records import Feedback, Reason, Reject, Response, Row, preference_schema
from unipref.core.text_keys import prompt_key
from unipref.core.workers.buckets import BucketWriter, read_bucket
from unipref.unify.mapping.turns import add_unread_fields, count_unread_fields
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.project import Projection, project

ReadRows = Callable[[Any], Iterator[tuple[int | str, Row | Reject]]]
"""Reads the rows of one part of a source as (row number, row or reject); `7.2` is a row inside row 7."""

FEEDBACK_FOLDER, REJECTS_FOLDER = "feedback", "rejects"
BATCH = 1024
"""Preferences per row group of a Parquet file."""


class ResolvedSource(msgspec.Struct, frozen=True):
    """One source, ready to read: its format, the projection of its groups, and its parts."""

    format: Format
    projection: Projection
    parts: list[Any]


class MapTask(msgspec.Struct, frozen=True):
    """One part of one source, to be read into buckets under `folder`."""

    number: int
    source: int
    resolved: ResolvedSource
    part: Any
    read: ReadRows
    folder: Path
    n_buckets: int


class ReduceTask(msgspec.Struct, frozen=True):
    """One bucket, to be projected into `out/part-N.parquet`."""

    bucket: int
    sources: list[ResolvedSource]
    folder: Path
    out: Path


class SourceCounts(msgspec.Struct):
    """Counts of one source's rows and groups by outcome; `+=` adds the counts of another task."""

    rows: int = 0
    used: int = 0
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    parts_rejected: Counter[str] = msgspec.field(default_factory=Counter)
    groups: int = 0
    projected: int = 0
    groups_rejected: Counter[str] = msgspec.field(default_factory=Counter)
    preferences: int = 0
    ordered_pairs: int = 0
    kept_pairs: int = 0
    implied_pairs: int = 0
    unread_turn_fields: Counter[str] = msgspec.field(default_factory=Counter)

    def __iadd__(self, other: "SourceCounts") -> "SourceCounts":
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Counter):
                value.update(getattr(other, name))
            else:
                setattr(self, name, value + getattr(other, name))
        return self


class GroupEntry(msgspec.Struct, array_like=True):
    """One feedback in a bucket; entries of one source with the same key form a group."""

    source: int
    key: str
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
        field = None if reject.field is None else legible(reject.field)
        return cls(source, level, reject.reason.value, field, legible(reject.detail), origin)


_pack = msgspec.msgpack.Encoder().encode


def map_rows(task: MapTask) -> SourceCounts:
    """Reads one part, writes its feedback to buckets by prompt, writes its rejects, and returns the counts."""
    counts = SourceCounts()
    source_format, source = task.resolved.format, task.resolved.projection.source
    with (
        BucketWriter(task.folder / FEEDBACK_FOLDER, task.n_buckets, task.number) as buckets,
        BucketWriter(task.folder / REJECTS_FOLDER, 1, task.number) as rejects_out,
    ):
        for number, row in task.read(task.part):
            origin = legible(f"{task.part.origin}:{number}")
            counts.rows += 1
            with count_unread_fields() as unread:
                feedbacks, rejects = _read_row(source_format, row)
            add_unread_fields(counts.unread_turn_fields, unread)
            entries = list(
                _pack_entries(task, number, [_with_origin(feedback, origin) for feedback in feedbacks], rejects)
            )
            if not entries:
                first = (
                    rejects[0]
                    if rejects
                    else Reject(Reason.NO_ANSWER, "the row does not contain an answer of the assistant")
                )
                counts.rejected[first.reason.value] += 1
                rejects_out.write(0, _pack(RejectRecord.from_reject(first, source, "row", [origin])))
                continue
            counts.used += 1
            for reject in rejects:
                counts.parts_rejected[reject.reason.value] += 1
                rejects_out.write(0, _pack(RejectRecord.from_reject(reject, source, "part", [origin])))
            for bucket, packed in entries:
                buckets.write(bucket, packed)
    return counts


def _pack_entries(
    task: MapTask, number: int | str, feedbacks: list[Feedback], rejects: list[Reject]
) -> Iterator[tuple[int, bytes]]:
    """Yields each feedback's bucket and packed entry. Feedback that cannot be stored, which a user's function or format
    can produce, becomes a reject.
    """
    for index, feedback in enumerate(feedbacks):
        try:
            prompt = prompt_key(feedback.prompt)
            key = prompt if task.resolved.format.across_rows else f"{task.number}:{number}:{index}"
            packed = _pack(GroupEntry(task.source, key, feedback))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            rejects.append(Reject(Reason.WRONG_TYPE, f"the feedback cannot be stored: {error}"))
        else:
            yield xxhash.xxh3_64_intdigest(prompt.encode()), packed


def _read_row(source_format: Format, row: Row | Reject) -> tuple[list[Feedback], list[Reject]]:
    if isinstance(row, Reject):
        return [], [row]
    feedbacks: list[Feedback] = []
    rejects: list[Reject] = []
    try:
        for item in source_format.read(row):
            if isinstance(item, Reject):
                rejects.append(item)
            else:
                feedbacks.append(item)
    except Reject as reject:
        return [], [reject]
    return feedbacks, rejects


def _with_origin(feedback: Feedback, origin: str) -> Feedback:
    responses = [
        Response(r.messages, r.scores, r.approved, [origin], r.n_judgements, r.extra) for r in feedback.responses
    ]
    return msgspec.structs.replace(feedback, responses=responses)


def reduce_bucket(task: ReduceTask) -> dict[int, SourceCounts]:
    """Groups one bucket's feedback by prompt and projects it; returns source number -> counts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    decoder = msgspec.msgpack.Decoder(GroupEntry)
    groups: dict[tuple[int, str], list[Feedback]] = {}
    for record in read_bucket(task.folder / FEEDBACK_FOLDER, task.bucket):
        entry = decoder.decode(record)
        groups.setdefault((entry.source, entry.key), []).append(entry.feedback)
    counts_of: dict[int, SourceCounts] = {}
    rows: list[dict[str, Any]] = []
    task_number = task.bucket + _FIRST_REDUCE_TASK
    with (
        BucketWriter(task.folder / REJECTS_FOLDER, 1, task_number) as rejects_out,
        pq.ParquetWriter(task.out / part_name(task.bucket), preference_schema(), compression="zstd") as writer,
    ):
        for source, key in sorted(groups, key=lambda group: group[0]):
            counts, projection = counts_of.setdefault(source, SourceCounts()), task.sources[source].projection
            group = merge_feedback(groups.pop((source, key)))
            counts.groups += 1
            try:
                projected = project(group, projection)
            except Reject as reject:
                counts.groups_rejected[reject.reason.value] += 1
                origin = list(dict.fromkeys(place for r in group.responses for place in r.origin))
                rejects_out.write(0, _pack(RejectRecord.from_reject(reject, projection.source, "group", origin)))
                continue
            counts.projected += 1
            counts.preferences += len(projected.preferences)
            counts.ordered_pairs += projected.ordered
            counts.implied_pairs += projected.implied
            counts.kept_pairs += sum(p.chosen is not None and p.rejected is not None for p in projected.preferences)
            rows += [msgspec.to_builtins(p) for p in projected.preferences]
            if len(rows) >= BATCH:
                writer.write_table(pa.Table.from_pylist(rows, preference_schema()))
                rows = []
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, preference_schema()))
    return counts_of


_FIRST_REDUCE_TASK = 1_000_000
"""Number of the first reduce task, above those of all map tasks, so that its rejects come after theirs."""


def part_name(bucket: int) -> str:
    """Returns the file name of one bucket's preferences."""
    return f"part-{bucket:05d}.parquet"
