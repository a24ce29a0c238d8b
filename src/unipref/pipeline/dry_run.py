"""What a run would do: its stages, what is done, and what the rest may take by what such stages have taken."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from unipref.core.display import format_bytes, format_seconds
from unipref.core.hashing import RECORD
from unipref.core.progress import ProgressListener
from unipref.core.stage_cache import LOCKS, stage_kind
from unipref.pipeline.run import Run
from unipref.study.load import load


def estimate(
    study: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    until: str = "evaluate",
) -> dict[str, Any]:
    """Says what a run would do, and writes nothing.

    Stages behind one that is not done are known by what they come from, not by its content: of two selections that
    turn out to keep the same rows, both trainings are counted.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; it need not exist.
        overrides: `key=value` settings laid over the study.
        until: the last stage to run.

    Returns:
        `stages` in order: `name`, `done`, and as estimates or None `seconds` and `bytes`; `seconds` and `bytes` in all,
        with `unknown`, the number of stages that nothing is known of; `free`, the bytes that are free there.

    Raises:
        UserError: a setting or a file is wrong.
    """
    folder = Path(out)
    run = Run(load(study, overrides), folder, ProgressListener(), dry_run=True)
    run.walk(until)
    costs = costs_of(folder)
    stages = []
    for stage in run.context.cache.stages:
        name = stage.folder.relative_to(folder).as_posix()
        row: dict[str, Any] = {"name": name, "done": not stage.pending, "seconds": None, "bytes": None}
        if stage.pending and (past := costs.get(stage_kind(name))):
            row |= {key: median(cost[at] for cost in past) for at, key in enumerate(("seconds", "bytes"))}
        stages.append(row)
    left = [stage for stage in stages if not stage["done"]]
    estimated = [stage for stage in left if stage["seconds"] is not None]
    return {
        "stages": stages,
        "to_do": len(left),
        "seconds": round(sum(stage["seconds"] for stage in estimated), 1),
        "bytes": int(sum(stage["bytes"] for stage in estimated)),
        "unknown": len(left) - len(estimated),
        "free": _free(folder),
    }


def costs_of(folder: Path) -> dict[str, list[tuple[float, int]]]:
    """Kind of stage -> seconds and bytes of each that is in the run folder, of former settings too."""
    found: dict[str, list[tuple[float, int]]] = {}
    for record in sorted(folder.rglob(RECORD)) if folder.is_dir() else ():
        name = record.parent.relative_to(folder).as_posix()
        if LOCKS in name or ".partial" in name:
            continue
        try:
            seconds = float(json.loads(record.read_text(encoding="utf-8"))["seconds"])
        except (ValueError, KeyError, TypeError):
            # Not a record of this version: the stage will be done again, and its cost is not known.
            continue
        size = sum(path.stat().st_size for path in record.parent.rglob("*") if path.is_file())
        found.setdefault(stage_kind(name), []).append((seconds, size))
    return found


def _free(folder: Path) -> int:
    import shutil

    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    return shutil.disk_usage(there).free


def as_text(estimate: Mapping[str, Any], jobs: int = 1) -> str:
    """The estimate as text for a terminal."""
    width = max((len(stage["name"]) for stage in estimate["stages"]), default=0)
    lines = []
    for stage in estimate["stages"]:
        status = "done" if stage["done"] else "unknown"
        if stage["seconds"] is not None:
            status = f"about {format_seconds(stage['seconds'])}, {format_bytes(stage['bytes'])}"
        lines.append(f"{stage['name']:<{width}}  {status}")
    done = len(estimate["stages"]) - estimate["to_do"]
    lines.append(f"\n{len(estimate['stages'])} stages: {done} done, {estimate['to_do']} to do.")
    if estimate["to_do"] > estimate["unknown"]:
        apart = f" (trained and evaluated in {jobs} processes: less)" if jobs > 1 else ""
        lines.append(
            f"About {format_seconds(estimate['seconds'])}{apart} and {format_bytes(estimate['bytes'])} of disk."
        )
    if estimate["unknown"]:
        lines.append(f"Of {estimate['unknown']} nothing is known: no stage of their kind has been done in this run.")
    lines.append(f"{format_bytes(estimate['free'])} are free.")
    return "\n".join(lines)
