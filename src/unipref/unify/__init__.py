"""The unify stage: turns rows of any feedback format into preferences. Each format has one file in `formats`.

rows --map--> feedback, in buckets by prompt --reduce--> preferences and judgements
judgements --aggregate--> utilities of answers --> confidence and margin of each preference
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

from msgspec.structs import asdict, replace
from pydantic import Field

from unipref.core.choice_setting import one_choice
from unipref.core.contracts import Aggregate, Settings
from unipref.core.errors import UserError
from unipref.core.records import Reason, preference_schema
from unipref.core.work_progress import show_items
from unipref.core.workers import Engine
from unipref.core.workers.shown_map import map_shown
from unipref.unify.bucket_projection import reduce_bucket
from unipref.unify.judging.estimate import aggregate_judgements
from unipref.unify.judging.evidence import EvidenceFinder
from unipref.unify.judging.pair_keys import with_keys
from unipref.unify.judging.records import join_files
from unipref.unify.judging.summary import describe_judging, write_judging
from unipref.unify.label_check import check_polarity, refuse_contradictions
from unipref.unify.map_reduce import (
    FEEDBACK_FOLDER,
    MapTask,
    ReadRows,
    ReduceTask,
    ResolvedSource,
    SourceCounts,
    judgements_name,
    map_rows,
    part_name,
)
from unipref.unify.mapping.part_counts import NO_TOOLS
from unipref.unify.missing_columns import (
    describe_missing_columns,
    find_missing_columns,
    refuse_missing_columns,
)
from unipref.unify.open_groups import OpenGroups
from unipref.unify.preference_file import OVERRULED, FileCounts, OverruledMethod, PreferenceWriter
from unipref.unify.projection.pairs import PairMethod
from unipref.unify.projection.project import WEIGHTED, Projection
from unipref.unify.rated_rows import FOLDER as RATED_FOLDER
from unipref.unify.rejection_lines import describe_rejects, read_reject_examples, rejection_warnings
from unipref.unify.second_look import (
    ONE_PAIR,
    LookAgain,
    again_name,
    alternatives_name,
    choose_alternatives,
    find_lost_groups,
    look_again,
)

__all__ = [
    "WEIGHTED",
    "Projection",
    "ResolvedSource",
    "UnifySettings",
    "describe_judging",
    "refuse_contradictions",
    "refuse_missing_columns",
    "rejection_warnings",
    "unify",
]

BUCKET_BYTES = 64 * 1024 * 1024
"""Bytes of raw data per bucket; a reduce task holds one bucket in memory."""


TASK_BYTES = 1 << 20
"""Small files are read by one task until they have this many bytes together."""


class UnifySettings(Settings):
    """How groups of answers become preferences."""

    pairs: PairMethod = "best_worst"
    """Which pairs of a group are kept. best_worst: the best and the worst answer (as in the paper, A.2). adjacent: each
    answer and the next best. all: all pairs, the widest gaps first. best_random: the best answer and a random worse
    one, chosen by a hash of the content."""
    cap: int = Field(default=10, ge=1)
    """Most pairs per prompt."""
    min_margin: float = Field(default=0.0, ge=0.0, le=1.0)
    """Least margin, as a percentile within source and axis; scored preferences below it are left out."""
    aggregate: Annotated[Aggregate | None, one_choice("aggregate", "unify: aggregate", may_be_null=True)] = Field(
        default="latent", validate_default=True
    )
    """How all judgements of the same answers, of all sources, become the `confidence` and `margin` of preferences.
    null: both are null, for more judgements than the memory holds."""
    overruled: OverruledMethod = "leave_out"
    """What becomes of a preference with a confidence below `overruled_below`: all judgements together make its rejected
    answer the better one. leave_out: it is rejected. turn: its answers are exchanged. keep: it stays as it is."""
    overruled_below: float = Field(default=0.4, ge=0.0, le=0.5)
    """The confidence below which a preference is overruled. Near 0.5 the judgements decide nothing against a label."""


def unify(
    sources: list[ResolvedSource],
    settings: UnifySettings,
    out: Path,
    *,
    engine: Engine,
    read: ReadRows,
) -> dict[str, Any]:
    """Reads every source and writes `preferences`, `judgements` and `rejects.parquet` and `judging.json` to `out`.

    Args:
        sources: the sources, with unique names.
        settings: how pairs are chosen.
        out: an empty folder.
        engine: runs the map and reduce tasks; the result does not depend on it.
        read: reads the rows of a part.

    Returns:
        Source name -> its counts and examples: rows = used + rejected, groups = projected + groups_rejected.

    Raises:
        UserError: no source gives a preference.
    """
    work = (out / "buckets").resolve()  # processes of a cluster have other working folders
    work.mkdir()
    engine.share(work)
    counts, reduces = _project(sources, settings, work, engine, read)
    projections = {source.projection.source: source.projection for source in sources}
    judgements_of = {
        name: each.judgements if each.informative_judgements or not _needs_overlaps(settings) else 0
        for name, each in zip(projections, counts, strict=True)
    }
    one_way = {source.projection.source for source in sources if not source.format.can_disagree}
    parts = [work / judgements_name(task.bucket) for task in reduces]
    joined = out / "judgements.parquet"
    with ThreadPoolExecutor(1) as thread:
        if any(judgements_of.values()):
            join_files(parts, joined)  # the aggregate reads the file
            joining = None
        else:
            joining = thread.submit(join_files, parts, joined)
        finder, judging = aggregate_judgements(settings.aggregate, out, judgements_of, projections, one_way)
        written = _write_preferences(reduces, settings, finder, engine, out)
        if joining is not None:
            joining.result()
    write_judging(judging, out)
    records = _make_records(sources, counts, written, judging, out, work)
    for source, record in zip(sources, records.values(), strict=True):
        if missing := find_missing_columns(source, read):
            record["missing_columns"] = missing
            record["notes"].append(describe_missing_columns(missing))
    shutil.rmtree(work)
    if not written.kept.total():
        lines = [f"no preference could be made from {sum(each.rows for each in counts)} rows."]
        for name, record in records.items():
            lines += describe_rejects(name, record)
            if "missing_columns" in record:
                lines.append(f"{name}: {describe_missing_columns(record['missing_columns'])}")
        raise UserError("\n  ".join(lines), mend="To see how rows are read, run: unipref inspect FILE")
    return records


def _project(
    sources: list[ResolvedSource], settings: UnifySettings, work: Path, engine: Engine, read: ReadRows
) -> tuple[list[SourceCounts], list[ReduceTask]]:
    """Runs the map and the reduce tasks, which write to `work`; returns each source's counts, and the reduce tasks."""
    n_buckets = max(1, -(-sum(part.size for source in sources for part in source.parts) // BUCKET_BYTES))
    counts = [SourceCounts() for _ in sources]
    without_parts = [
        ResolvedSource(
            format=source.format,
            projection=replace(source.projection, pairs=settings.pairs, cap=settings.cap),
            parts=[],
            row_seconds=source.row_seconds,
        )
        for source in sources
    ]
    maps = list(_plan_maps(sources, without_parts, read, work, n_buckets))
    for task, task_counts in zip(maps, map_shown(engine, map_rows, maps, "reading", "parts", _count_rows), strict=True):
        counts[task.source] += task_counts
    with_parts = any(each.message_parts.keys() - {NO_TOOLS} for each in counts)
    reduces = [ReduceTask(bucket, without_parts, work, work, with_parts) for bucket in range(n_buckets)]
    for counts_by_source in map_shown(engine, reduce_bucket, reduces, "projecting", "buckets"):
        for index, source_counts in counts_by_source.items():
            counts[index] += source_counts
    return counts, reduces


def _write_preferences(
    reduces: list[ReduceTask], settings: UnifySettings, finder: EvidenceFinder | None, engine: Engine, out: Path
) -> FileCounts:
    """Writes the preferences, in the light of all judgements."""
    work, schema = reduces[0].out, preference_schema(reduces[0].with_parts)
    open_groups = OpenGroups(finder, settings.overruled_below, settings.pairs, settings.cap, with_keys(schema))
    evidence = [
        open_groups.find_evidence(work / part_name(task.bucket))
        for task in show_items(reduces, "finding evidence", "buckets")
    ]
    again: dict[int, Path] = {}
    if finder is not None and settings.overruled == "leave_out" and settings.pairs in ONE_PAIR:
        lost = [
            LookAgain(task, find_lost_groups(work / part_name(task.bucket), of_part, settings.overruled_below))
            for task, of_part in zip(show_items(reduces, "finding overruled groups", "buckets"), evidence, strict=True)
        ]
        lost = [one for one in lost if one.groups]
        for one, count in zip(lost, map_shown(engine, look_again, lost, "projecting again", "buckets"), strict=True):
            bucket = one.task.bucket
            others, chosen = work / alternatives_name(bucket), work / again_name(bucket)
            if count and choose_alternatives(others, chosen, finder, settings.overruled_below, open_groups.schema):
                again[bucket] = chosen
    for folder in (FEEDBACK_FOLDER, RATED_FOLDER):
        shutil.rmtree(work / folder, ignore_errors=True)  # nothing reads it again, and it is as large as the raw data
    writer = PreferenceWriter(
        settings.min_margin,
        settings.overruled,
        settings.overruled_below,
        evidence,
        open_groups,
        again,
        schema,
        settings.aggregate is not None and settings.aggregate.has_shares,
    )
    return writer.write(work, out)


def _count_rows(counts: SourceCounts) -> int:
    return counts.rows


def _needs_overlaps(settings: UnifySettings) -> bool:
    return settings.aggregate is None or settings.aggregate.needs_overlaps


def _plan_maps(
    sources: list[ResolvedSource], without_parts: list[ResolvedSource], read: ReadRows, work: Path, n_buckets: int
) -> Iterator[MapTask]:
    """Yields the map tasks of all sources, in the order of their parts."""
    number = 0
    for index, source in enumerate(sources):
        for small_parts in _gather_small(source.parts):
            yield MapTask(number, index, without_parts[index], small_parts, read, work, n_buckets)
            number += len(small_parts)


def _make_records(
    sources: list[ResolvedSource],
    counts: list[SourceCounts],
    written: FileCounts,
    judging: Mapping[str, Any],
    out: Path,
    work: Path,
) -> dict[str, dict[str, Any]]:
    """Makes the records of all sources."""
    examples = read_reject_examples(out)
    names = [source.projection.source for source in sources]
    polarity = check_polarity(
        [out / "preferences.parquet", work / OVERRULED],
        out / "judgements.parquet",
        {name: source.projection.independent_axes() for name, source in zip(names, sources, strict=True)},
        {name: each.rejected[Reason.CONTRADICTION] for name, each in zip(names, counts, strict=True)},
    )
    return {
        name: _source_record(source.projection, each, written, examples.get(name, {}), polarity[name])
        | {"scales": [scale for scale in judging["scales"] if scale["source"] == name]}
        | {"opposed": [one for one in judging["opposed"] if name in (one["first"], one["second"])]}
        for name, source, each in zip(names, sources, counts, strict=True)
    }


def _gather_small(parts: list[Any]) -> Iterator[list[Any]]:
    """Yields neighbouring parts of up to `TASK_BYTES` together: a task costs time, and an archive has many files."""
    gathered: list[Any] = []
    size = 0
    for part in parts:
        if gathered and size + part.size > TASK_BYTES:
            yield gathered
            gathered, size = [], 0
        gathered.append(part)
        size += part.size
    if gathered:
        yield gathered


def _source_record(
    projection: Projection,
    counts: SourceCounts,
    written: FileCounts,
    examples: dict[str, str],
    polarity: dict[str, Any],
) -> dict[str, Any]:
    """Makes one source's record in the manifest."""
    name = projection.source
    settings = {key: getattr(projection, key) for key in ("kind", "objective", "licence", "axis")}
    left_out = written.left_out.get(name, Counter())
    figures = asdict(counts)
    if not counts.message_parts:
        del figures["message_parts"]
    opened = written.open
    figures["projected"] += opened.ordered[name]
    figures["ordered_pairs"] += opened.pairs[name]
    figures["groups_rejected"] = counts.groups_rejected + opened.rejected.get(name, Counter())
    return {
        **settings,
        **{key: dict(sorted(v.items())) if isinstance(v, Counter) else v for key, v in figures.items()},
        "notes": counts.notes.as_texts(),
        "preferences": written.kept[name],
        # Only pairs are left out, ordered by the aggregate, or replaced.
        "kept_pairs": counts.kept_pairs + opened.pairs[name] + written.replacements[name] - left_out.total(),
        "preferences_rejected": dict(sorted(left_out.items())),
        "confident": written.confident[name],
        "overruled": written.overruled[name],
        "turned": written.turned[name],
        "ordered_by_aggregate": opened.pairs[name],
        "replacing": written.replacing[name],
        "examples": examples,
        "polarity": polarity,
    }
