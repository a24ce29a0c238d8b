"""The groups of one bucket, in the order of their first rows, source by source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from unipref.core.records import Feedback
from unipref.core.workers.buckets import bucket_size, read_bucket
from unipref.unify.bucket_pieces import split_bucket
from unipref.unify.map_reduce import FEEDBACK_FOLDER, GroupEntry, ReduceTask
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.judges import cancel_opposites
from unipref.unify.rated_groups import Ints, RatedGroups, group_rows
from unipref.unify.rated_rows import FOLDER as RATED_FOLDER
from unipref.unify.rated_rows import read_tables

GROUP_BYTES = 256 << 20
"""Largest bucket that is held in memory. Buckets are larger than planned if files are packed."""


class Group(msgspec.Struct):
    """The feedback of one group; `place` is that of its first row."""

    place: int
    parts: list[Feedback]


UNUSED_SHARE = 1 / 8
"""Largest share of rows of other groups that stay in the table of decided groups: to copy the others costs more."""


@dataclass
class SourceGroups:
    """The groups of one source: those that numbers decide, and all others, each in the order of their first rows."""

    decided: RatedGroups | None = None
    others: list[Group] = field(default_factory=list)

    def interleave(self) -> Iterator[tuple[slice, Group | None]]:
        """Yields neighbouring decided groups, and the other group after them, in the order of first rows."""
        first: Ints = np.zeros(0, dtype=np.int64) if self.decided is None else self.decided.first
        cuts = np.searchsorted(first, [group.place for group in self.others])
        done = 0
        for group, cut in zip(self.others, cuts.tolist(), strict=True):
            yield slice(done, cut), group
            done = cut
        yield slice(done, len(first)), None


def merge_parts(parts: Sequence[Feedback]) -> tuple[Feedback, int]:
    """Merges the feedback of a group without the opposite judgements of one person; returns how many these are."""
    consistent, opposite = cancel_opposites(parts)
    return merge_feedback(consistent), opposite


def read_sources(task: ReduceTask) -> Iterator[tuple[int, SourceGroups]]:
    """Yields the groups of each source of a bucket. A bucket that became too large is split on disk first; then a
    source may come several times, with its next groups.
    """
    size = sum(bucket_size(task.folder / name, task.bucket) for name in (FEEDBACK_FOLDER, RATED_FOLDER))
    if size <= GROUP_BYTES:
        yield from _read_whole(task, task.folder, task.bucket)
        return
    with split_bucket(task.folder, task.bucket, GROUP_BYTES) as (folder, n_pieces):
        for piece in range(n_pieces):
            yield from _read_whole(task, folder, piece)


def _read_whole(task: ReduceTask, folder: Path, bucket: int) -> Iterator[tuple[int, SourceGroups]]:
    """Yields the groups of each source of a bucket, or of a piece of one, that memory can hold."""
    entries = _collect_entries(read_bucket(folder / FEEDBACK_FOLDER, bucket))
    tables = read_tables(folder, bucket)
    for source in sorted(entries.keys() | tables.keys()):
        groups, keys = SourceGroups(), entries.pop(source, {})
        if source in tables:
            rated = group_rows(tables.pop(source), task.sources[source].projection, keys.keys())
            groups.decided = rated.take(rated.is_decided).sort_by_place()
            if not rated.is_decided.all():
                for key, parts in rated.take(~rated.is_decided).list_feedback().items():
                    keys.setdefault(key, []).extend(parts)
                if len(groups.decided.rows) < len(groups.decided.table) * (1 - UNUSED_SHARE):
                    groups.decided = groups.decided.drop_other_rows()
            del rated
        groups.others = _order_groups(keys)
        yield source, groups


def read_groups(task: ReduceTask) -> Iterator[tuple[int, list[Feedback]]]:
    """Yields the feedback of each group of a bucket in order."""
    for source, groups in read_sources(task):
        decided = [] if groups.decided is None else [*groups.decided.list_feedback().values()]
        for run, group in groups.interleave():
            yield from ((source, [part for _, part in parts]) for parts in decided[run])
            if group is not None:
                yield source, group.parts


def _collect_entries(records: Iterator[bytes]) -> dict[int, dict[str, list[tuple[int, Feedback]]]]:
    """Returns source -> key -> places and feedback."""
    decoder = msgspec.msgpack.Decoder(GroupEntry)
    groups: dict[int, dict[str, list[tuple[int, Feedback]]]] = {}
    for record in records:
        entry = decoder.decode(record)
        groups.setdefault(entry.source, {}).setdefault(entry.key, []).append((entry.place, entry.feedback))
    return groups


def _order_groups(parts_of: dict[str, list[tuple[int, Feedback]]]) -> list[Group]:
    """Returns the groups in the order of their first rows, each with its rows in order; empties the argument."""
    groups = []
    while parts_of:
        _, parts = parts_of.popitem()
        parts.sort(key=lambda part: part[0])
        groups.append(Group(parts[0][0], [part for _, part in parts]))
    groups.sort(key=lambda group: group.place)
    return groups
