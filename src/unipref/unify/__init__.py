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

from unipref.core import parquet
from unipref.core.contracts import Settings
from unipref.core.errors import UserError
from unipref.core.records import Reason
from unipref.core.workers import Engine
from unipref.unify.label_check import polarity, refuse_contradictions
from unipref.unify.map_reduce import (
    MapTask,
    ReadRows,
    ReduceTask,
    ResolvedSource,
    SourceCounts,
    map_rows,
    reduce_bucket,
)
from unipref.unify.margins import write
from unipref.unify.projection.pairs import Way
from unipref.unify.projection.project import WEIGHTED, Projection

__all__ = ["WEIGHTED", "Projection", "ResolvedSource", "UnifySettings", "left_out", "refuse_contradictions", "unify"]

BUCKET_BYTES = 64 * 1024 * 1024
"""Raw data per bucket: a reduce task holds one bucket."""


class UnifySettings(Settings):
    """How groups of answers become preferences."""

    pairs: Way = "best_worst"
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
        ResolvedSource(form=plan.form, how=replace(plan.how, pairs=settings.pairs, cap=settings.cap), parts=[])
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
    kept = write(work, n_buckets, settings.min_margin, out)
    shutil.rmtree(work)
    examples = _first_rejects(out)
    checked = polarity(
        out / "preferences.parquet",
        {plan.how.source: plan.how.witnesses() for plan in plans},
        {plan.how.source: page.rejected[Reason.CONTRADICTION] for plan, page in zip(plans, books, strict=True)},
    )
    told = {
        plan.how.source: _page(
            plan, page, kept[plan.how.source], examples.get(plan.how.source, {}), checked[plan.how.source]
        )
        for plan, page in zip(plans, books, strict=True)
    }
    if not kept:
        said = [f"no preference is left of {sum(page.rows for page in books)} rows."]
        said += [_why(source, page) for source, page in told.items()]
        raise UserError("\n  ".join(said), mend="See how rows are read with: unipref inspect FILE")
    return told


def _page(
    plan: ResolvedSource, page: SourceCounts, kept: int, examples: dict[str, str], found: dict[str, Any]
) -> dict[str, Any]:
    """One source's page of the manifest."""
    how = plan.how
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


def _first_rejects(out: Path) -> dict[str, dict[str, str]]:
    """Source -> reason -> the first reject of that kind: its file and row, its field, and what was found."""
    found: dict[str, dict[str, str]] = {}
    for row in parquet.rows(out / "rejects.parquet"):
        field = f"field '{row['field']}': " if row["field"] else ""
        said = f"{row['origin'][0]}: {field}{row['detail']}"
        found.setdefault(row["source"], {}).setdefault(row["reason"], said)
    return found


def left_out(books: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What the reader of a run has to know: the rows that could not be used, and sources that gave nothing.

    Args:
        books: as `unify` returns them.
    """
    for source, page in books.items():
        for reason, count in page["rejected"].items():
            yield f"{source}: {count} of {page['rows']} rows left out, {reason}; the first: {page['examples'][reason]}"
        if not page["preferences"]:
            yield f"no preference comes from {_why(source, page)}"


def _why(source: str, page: dict[str, Any]) -> str:
    """A source's commonest reject with its first example."""
    levels = ("rejected", "parts_rejected", "groups_rejected", "preferences_rejected")
    counts = sum((Counter(page[level]) for level in levels), Counter[str]())
    if not counts:
        return f"{source}: no rows"
    reason, count = counts.most_common(1)[0]
    return f"{source}: {count} x {reason}, the first in {page['examples'][reason]}"
