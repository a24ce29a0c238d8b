"""The reduce task of unify: the feedback of one bucket -> preferences, judgements and rejects."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from unipref.core import parquet
from unipref.core.arrow_arrays import from_rows
from unipref.core.messages import texts_of
from unipref.core.records import Feedback, Preference, Reject, preference_schema
from unipref.core.text_keys import prompt_key
from unipref.core.workers.buckets import BucketWriter
from unipref.unify.bucket_groups import SourceGroups, merge_parts, read_sources
from unipref.unify.garbage import collect_rarely
from unipref.unify.interleaved import InterleavedRows
from unipref.unify.judging.pair_keys import make_keys, with_keys
from unipref.unify.judging.records import Judgement, JudgementWriter, list_judgements
from unipref.unify.map_reduce import (
    BATCH,
    BATCH_CHARACTERS,
    FIRST_REDUCE_TASK,
    REJECTS_FOLDER,
    ReduceTask,
    RejectRecord,
    SourceCounts,
    judgements_name,
    pack,
    part_name,
)
from unipref.unify.open_groups import CandidateWriter, candidate_schema, candidates_name
from unipref.unify.projection.judges import drop_repeated_judgements
from unipref.unify.projection.order import Undecided
from unipref.unify.projection.project import Projection, UnusedAnswer, list_unscored, project
from unipref.unify.rated_groups import make_judgements, make_preferences

if TYPE_CHECKING:
    import pyarrow as pa


def reduce_bucket(task: ReduceTask) -> dict[int, SourceCounts]:
    """Projects the groups of one bucket; returns source number -> counts."""
    counts_of: dict[int, SourceCounts] = {}
    schema = with_keys(preference_schema(task.with_parts))
    number = 0
    with (
        collect_rarely(),
        BucketWriter(task.folder / REJECTS_FOLDER, 1, task.bucket + FIRST_REDUCE_TASK) as rejects,
        _PartWriter(task.out / part_name(task.bucket), schema) as preferences,
        JudgementWriter(task.out / judgements_name(task.bucket), len(task.sources) > 1) as judgements,
        CandidateWriter(task.out / candidates_name(task.bucket), candidate_schema(schema)) as candidates,
    ):
        reducer = _GroupReducer(rejects, preferences, judgements, candidates)
        for source, groups in read_sources(task):
            counts = counts_of.setdefault(source, SourceCounts())
            number = reducer.reduce(groups, task.sources[source].projection, counts, number)
        for source, counts in counts_of.items():
            name = task.sources[source].projection.source
            counts.informative_judgements = judgements.informative.by_source[name]
            counts.copied_judgements = judgements.copied[name]
    return counts_of


class _GroupReducer:
    """Projects groups, and writes what they give in their order."""

    def __init__(
        self,
        rejects: BucketWriter,
        preferences: "_PartWriter",
        judgements: JudgementWriter,
        candidates: CandidateWriter,
    ) -> None:
        self._rejects, self._preferences = rejects, preferences
        self._judgements, self._candidates = judgements, candidates

    def reduce(self, groups: SourceGroups, projection: Projection, counts: SourceCounts, number: int) -> int:
        """Projects the groups of one source, the first of which has that number; returns the number after the last."""
        if groups.decided is not None and len(groups.decided.first):
            places = np.array([group.place for group in groups.others], dtype=np.int64)
            before = np.searchsorted(places, groups.decided.first)
            numbers = number + np.arange(len(before)) + before
            preferences = make_preferences(groups.decided, numbers, self._preferences.schema)
            row_bytes = preferences.nbytes // len(preferences) + 1
            judgements = make_judgements(groups.decided)
            starts = (groups.decided.starts * len(projection.axes)).tolist()
            sizes = np.diff(groups.decided.starts).tolist()
            counts.ordered_pairs += groups.decided.count_ordered_pairs()
        for run, group in groups.interleave():
            if n := run.stop - run.start:
                of_run = judgements.slice(starts[run.start], starts[run.stop] - starts[run.start])
                self._judgements.add_ratings(of_run, len(projection.axes), sizes[run.start : run.stop])
                self._preferences.add_table(preferences.slice(run.start, n), n * row_bytes)
                counts.groups += n
                counts.projected += n
                counts.preferences += n
                counts.kept_pairs += n
                counts.judgements += len(of_run)
                number += n
            if group is not None:
                self._reduce_group(group.parts, projection, counts, number)
                number += 1
        return number

    def _reduce_group(self, parts: list[Feedback], projection: Projection, counts: SourceCounts, number: int) -> None:
        counts.groups += 1
        distinct_parts, repeated = drop_repeated_judgements(parts)
        counts.repeated_judgements += repeated
        # The parts of a group have one prompt: those of other groups would have another key.
        prompt = prompt_key(parts[0].prompt)
        judged: list[Judgement] = []
        for part in distinct_parts:
            of_part = list(list_judgements(part, projection, prompt))
            judged += of_part
            counts.judgements += self._judgements.add(of_part, part.judge)
        group, opposite = merge_parts(distinct_parts)
        counts.opposite_judgements += opposite
        origin = list(dict.fromkeys(place for r in group.responses for place in r.origin))
        try:
            projected = project(group, projection)
        except Undecided as reject:
            origin = self._reject_parts(list_unscored(group, reject), origin, projection, counts)
            self._candidates.add(reject.candidates, prompt, number, judged, reject, origin)
            return
        except Reject as reject:
            origin = self._reject_parts(list_unscored(group, reject), origin, projection, counts)
            counts.groups_rejected[reject.reason.value] += 1
            self._reject(reject, projection, "group", origin)
            return
        counts.projected += 1
        self._candidates.add(projected.candidates, prompt, number, judged, None, origin)
        self._reject_parts(projected.unused, origin, projection, counts)
        counts.preferences += len(projected.preferences)
        counts.ordered_pairs += projected.ordered
        counts.implied_pairs += projected.implied
        counts.kept_pairs += sum(p.chosen is not None and p.rejected is not None for p in projected.preferences)
        self._preferences.add(projected.preferences, prompt, number)

    def _reject_parts(
        self, several: Sequence[UnusedAnswer], origin: list[str], projection: Projection, counts: SourceCounts
    ) -> list[str]:
        """Writes the answers of a group that have no place in its order, and returns the origins of the others."""
        for unused in several:
            counts.parts_rejected[unused.reject.reason.value] += 1
            self._reject(unused.reject, projection, "part", unused.origin)
        out = {place for unused in several for place in unused.origin}
        return [place for place in origin if place not in out] or origin

    def _reject(self, reject: Reject, projection: Projection, level: str, origin: list[str]) -> None:
        self._rejects.write(0, pack(RejectRecord.from_reject(reject, projection.source, level, origin)))


class _PartWriter:
    """Writes the preferences of a bucket, some thousands at a time. The file is read once and removed."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:

        self.schema = schema
        self._writer = parquet.write_plain(path, schema)
        self._rows = InterleavedRows[dict[str, Any]](self._to_table)
        self._size = 0

    def _to_table(self, rows: list[dict[str, Any]]) -> "pa.Table":
        return from_rows(rows, self.schema)

    def __enter__(self) -> "_PartWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, preferences: list[Preference], prompt: str, number: int) -> None:
        """Adds the preferences of a group, of which `prompt` and `number` are the keys."""
        self._rows.add_rows([msgspec.to_builtins(one) | make_keys(one, prompt, number) for one in preferences])
        self._add_size(sum(map(_count_characters, preferences)))

    def add_table(self, table: "pa.Table", size: int) -> None:
        """Adds preferences with keys, and about their bytes."""
        self._rows.add_table(table)
        self._add_size(size)

    def _add_size(self, size: int) -> None:
        self._size += size
        if len(self._rows) >= BATCH or self._size >= BATCH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if len(self._rows):
            self._writer.write_table(self._rows.take(), row_group_size=BATCH)
        self._size = 0


def _count_characters(preference: Preference) -> int:
    turns = [*preference.prompt, *(preference.chosen or ()), *(preference.rejected or ())]
    return sum(map(len, texts_of(turns))) + len(preference.extra)
