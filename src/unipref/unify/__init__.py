"""Shapes of feedback, one file each; and the stage that turns rows of any of them into preferences.

rows --map--> feedback, in buckets by prompt --reduce--> preferences --calibrate--> margins
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace
from pydantic import Field

from unipref.core.contracts import Settings
from unipref.core.errors import UserError
from unipref.core.records import Reason
from unipref.core.workers import Engine
from unipref.unify.label_check import check_polarity, refuse_contradictions
from unipref.unify.map_reduce import (
    MapTask,
    ReadRows,
    ReduceTask,
    ResolvedSource,
    SourceCounts,
    map_rows,
    reduce_bucket,
)
from unipref.unify.margins import write_preferences
from unipref.unify.projection.pairs import PairMethod
from unipref.unify.projection.project import WEIGHTED, Projection

__all__ = [
    "WEIGHTED",
    "Projection",
    "ResolvedSource",
    "UnifySettings",
    "refuse_contradictions",
    "rejection_warnings",
    "unify",
]

BUCKET_BYTES = 64 * 1024 * 1024
"""Raw data per bucket: a reduce task holds one bucket."""


class UnifySettings(Settings):
    """How groups of answers become preferences."""

    pairs: PairMethod = "best_worst"
    """Which pairs of a group: best_worst (the paper's, A.2), adjacent (each answer against the next best), all (widest
    gaps first) or best_random (the best against one below it, drawn by content)."""
    cap: int = Field(default=10, ge=1)
    """Most pairs of one prompt."""
    min_margin: float = Field(default=0.0, ge=0.0, le=1.0)
    """Percentile, within source and axis, below which a scored preference is left out."""


def unify(
    plans: list[ResolvedSource],
    settings: UnifySettings,
    out: Path,
    *,
    engine: Engine,
    read: ReadRows,
) -> dict[str, Any]:
    """Reads every source and writes `preferences.parquet` and `rejects.parquet` to `out`.

    Args:
        plans: the sources; names are unique.
        settings: which pairs are kept.
        out: an empty folder.
        engine: where map and reduce tasks run; the result does not depend on it.
        read: how rows come out of a part.

    Returns:
        Source name -> its books: rows = used + rejected, groups = projected + groups_rejected.

    Raises:
        UserError: no source has a usable preference.
    """
    work = out / "buckets"
    work.mkdir()
    n_buckets = max(1, -(-sum(part.size for plan in plans for part in plan.parts) // BUCKET_BYTES))
    books = [SourceCounts() for _ in plans]
    slim = [
        ResolvedSource(
            format=plan.format, projection=replace(plan.projection, pairs=settings.pairs, cap=settings.cap), parts=[]
        )
        for plan in plans
    ]
    tasks = [(source, part) for source, plan in enumerate(plans) for part in plan.parts]
    maps = [
        MapTask(number, source, slim[source], part, read, work, n_buckets)
        for number, (source, part) in enumerate(tasks)
    ]
    for task, page in zip(maps, engine.map(map_rows, maps, label="reading"), strict=True):
        books[task.source] += page
    reduces = [ReduceTask(bucket, slim, work, work) for bucket in range(n_buckets)]
    for pages in engine.map(reduce_bucket, reduces, label="projecting"):
        for source, page in pages.items():
            books[source] += page
    kept = write_preferences(work, n_buckets, settings.min_margin, out)
    shutil.rmtree(work)
    examples = _read_reject_examples(out)
    checked = check_polarity(
        out / "preferences.parquet",
        {plan.projection.source: plan.projection.independent_axes() for plan in plans},
        {plan.projection.source: page.rejected[Reason.CONTRADICTION] for plan, page in zip(plans, books, strict=True)},
    )
    told = {
        plan.projection.source: _source_record(
            plan,
            page,
            kept[plan.projection.source],
            examples.get(plan.projection.source, {}),
            checked[plan.projection.source],
        )
        for plan, page in zip(plans, books, strict=True)
    }
    if not kept:
        said = [f"no preference is left of {sum(page.rows for page in books)} rows."]
        said += [_commonest_reject(source, page) for source, page in told.items()]
        raise UserError("\n  ".join(said), mend="See how rows are read with: unipref inspect FILE")
    return told


def _source_record(
    plan: ResolvedSource, page: SourceCounts, kept: int, examples: dict[str, str], found: dict[str, Any]
) -> dict[str, Any]:
    """One source's page of the manifest."""
    how = plan.projection
    facts = {"kind": how.kind, "objective": how.objective, "licence": how.licence, "axis": how.axis}
    below = page.preferences - kept
    return {
        **facts,
        **{name: dict(sorted(v.items())) if isinstance(v, Counter) else v for name, v in asdict(page).items()},
        "preferences": kept,
        "kept_pairs": page.kept_pairs - below,  # only pairs have a margin
        "preferences_rejected": {Reason.BELOW_MIN_MARGIN.value: below} if below else {},
        "examples": examples,
        "polarity": found,
    }


def _read_reject_examples(out: Path) -> dict[str, dict[str, str]]:
    """Source -> reason -> the first reject of that kind: its file and row, its field, and what was found."""
    import pyarrow.parquet as pq

    found: dict[str, dict[str, str]] = {}
    with pq.ParquetFile(out / "rejects.parquet") as file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                field = f"field '{row['field']}': " if row["field"] else ""
                said = f"{row['origin'][0]}: {field}{row['detail']}"
                found.setdefault(row["source"], {}).setdefault(row["reason"], said)
    return found


def rejection_warnings(books: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What the reader of a run has to know: the rows that could not be used, and sources that gave nothing.

    Args:
        books: as `unify` returns them.
    """
    for source, page in books.items():
        for reason, count in page["rejected"].items():
            yield f"{source}: {count} of {page['rows']} rows left out, {reason}; the first: {page['examples'][reason]}"
        if not page["preferences"]:
            yield f"no preference comes from {_commonest_reject(source, page)}"


def _commonest_reject(source: str, page: dict[str, Any]) -> str:
    """A source's commonest reject with its first example."""
    levels = ("rejected", "parts_rejected", "groups_rejected", "preferences_rejected")
    counts = sum((Counter(page[level]) for level in levels), Counter[str]())
    if not counts:
        return f"{source}: no rows"
    reason, count = counts.most_common(1)[0]
    return f"{source}: {count} x {reason}, the first in {page['examples'][reason]}"
