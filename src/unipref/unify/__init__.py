"""Shapes of feedback, one file each; and the stage that turns rows of any of them into preferences.

rows --map--> feedback, in buckets by prompt --reduce--> preferences --calibrate--> margins
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import asdict
from pydantic import Field

from unipref.contracts import Settings
from unipref.engine import Engine
from unipref.errors import UserError
from unipref.records import Reason
from unipref.unify._calibrate import write
from unipref.unify._project import Projection
from unipref.unify._rows import Books, MapTask, ReadRows, ReduceTask, SourcePlan, map_rows, reduce_bucket

__all__ = ["Projection", "SourcePlan", "UnifySettings", "unify"]

BUCKET_BYTES = 64 * 1024 * 1024
"""Raw data per bucket: a reduce task holds one bucket."""


class UnifySettings(Settings):
    """How groups of answers become preferences."""

    pairs: Literal["best_worst"] = "best_worst"
    """Which pairs of a group: the best against the worst answer (the paper's, A.2)."""
    min_margin: float = Field(default=0.0, ge=0.0, le=1.0)
    """Percentile, within source and axis, below which a scored preference is left out."""


def unify(
    plans: list[SourcePlan],
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
    books = [Books() for _ in plans]
    slim = [SourcePlan(form=plan.form, how=plan.how, parts=[]) for plan in plans]
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
    if not kept:
        raise UserError(
            f"no preference is left of {sum(b.rows for b in books)} rows. {_why(plans, books)}",
            mend="See how rows are read with: unipref inspect FILE",
        )
    return {plan.how.source: _page(plan, page, kept[plan.how.source]) for plan, page in zip(plans, books, strict=True)}


def _page(plan: SourcePlan, page: Books, kept: int) -> dict[str, Any]:
    """One source's page of the manifest."""
    how = plan.how
    facts = {"kind": how.kind, "objective": how.objective, "licence": how.licence, "axis": how.axis}
    below = page.preferences - kept
    return {
        **facts,
        **{name: dict(sorted(v.items())) if isinstance(v, Counter) else v for name, v in asdict(page).items()},
        "preferences": kept,
        "preferences_rejected": {Reason.BELOW_MIN_MARGIN.value: below} if below else {},
    }


def _why(plans: list[SourcePlan], books: list[Books]) -> str:
    """Each source's commonest reject, for the error that nothing is left."""
    said = []
    for plan, page in zip(plans, books, strict=True):
        common = (page.rejected + page.groups_rejected).most_common(1)
        said.append(f"{plan.how.source}: {common[0][1]} x {common[0][0]}" if common else f"{plan.how.source}: no rows")
    return "; ".join(said)
