"""Estimates what a run would do: which stages are finished, and the time and disk that the others may take."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from unipref.core.attempts import is_attempt
from unipref.core.display import format_bytes, format_seconds
from unipref.core.hashing import RECORD
from unipref.core.hub import pin_in
from unipref.core.progress import ProgressListener
from unipref.core.stage_cache import LOCKS, PendingStage, stage_kind
from unipref.pipeline.run import Run
from unipref.study.load import load

COSTS = ("seconds", "bytes", "memory")
"""What a stage costs: seconds, bytes on the disk, and bytes of memory at its peak."""
PREFLIGHT = "preflight.json"


def estimate(
    study: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    until: str = "evaluate",
) -> dict[str, Any]:
    """Estimates what a run would do; writes nothing.

    A stage behind an unfinished one is identified by the key of that stage, not by its content. So if the unfinished
    stage will give the same files as before, or two selections the same rows, stages behind it are done already: then
    the estimate is an upper limit.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; it need not exist.
        overrides: `key=value` settings that replace those of the study.
        until: the last stage to run.

    Returns:
        `stages` in order: `name`, `done`, `may_be_done` (it has a result of an earlier run, and a dry run cannot know
        whether its inputs are the same), and the estimates `seconds`, `bytes` on the disk and `memory` in bytes, or
        None; the totals `seconds` and `bytes`, and the largest `memory`; `unknown`, the number of stages without an
        estimate of time; `maybe_done`, the number of stages that may be done; `free`, the free bytes on the disk.

    Raises:
        UserError: a setting or a file is wrong.
    """
    folder = Path(out)
    with pin_in(folder, save=False):
        run = Run(load(study, overrides), folder, ProgressListener(), dry_run=True)
        run.run_stages(until)
    costs, plans = read_costs(folder), read_plans(folder)
    maybe_done = {name for name in find_maybe_done(run.context.cache.pending) if (folder / name / RECORD).is_file()}
    stages = []
    for stage in run.context.cache.stages:
        name = stage.folder.relative_to(folder).as_posix()
        row: dict[str, Any] = {"name": name, "done": not stage.pending, "may_be_done": name in maybe_done}
        row |= dict.fromkeys(COSTS)
        if stage.pending and (past := costs.get(stage_kind(name))):
            row |= {key: median(cost[i] for cost in past) for i, key in enumerate(COSTS)}
        if stage.pending and (planned := plans.get(name)):
            row |= planned
        stages.append(row)
    left = [stage for stage in stages if not stage["done"]]
    estimated = [stage for stage in left if stage["seconds"] is not None]
    return {
        "stages": stages,
        "to_do": len(left),
        "seconds": round(sum(stage["seconds"] for stage in estimated), 1),
        "bytes": int(sum(stage["bytes"] for stage in estimated)),
        "memory": max((stage["memory"] or 0 for stage in left), default=0) or None,
        "unknown": len(left) - len(estimated),
        "maybe_done": len(maybe_done),
        "free": _measure_free_space(folder),
    }


def find_maybe_done(pending: Sequence[PendingStage]) -> list[str]:
    """Finds the unfinished stages that are identified by the content of an unfinished one, and those behind them.

    The content is not known before that stage runs: if it is the same as before, they are done.
    """
    maybe: dict[str, str] = {}
    for stage in pending:
        texts = list(_list_texts(stage.inputs))
        contents = [f"of {other.key}" for other in pending if other.key != stage.key]
        if any(mark in text for text in texts for mark in (*contents, *maybe)):
            maybe[stage.key] = stage.name
    return list(maybe.values())


def _list_texts(value: Any) -> Iterator[str]:
    """Yields the texts of a JSON value, at any depth."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _list_texts(item)
    elif isinstance(value, str):
        yield value


def read_costs(folder: Path) -> dict[str, list[tuple[float, int, int]]]:
    """Returns kind of stage -> the `COSTS` of each stage in the run folder, also of earlier settings."""
    costs: dict[str, list[tuple[float, int, int]]] = {}
    for record in sorted(folder.rglob(RECORD)) if folder.is_dir() else ():
        place = record.parent.relative_to(folder)
        name = place.as_posix()
        if LOCKS in name or any(map(is_attempt, place.parts)):
            continue
        try:
            read = json.loads(record.read_text(encoding="utf-8"))
            seconds, memory = float(read["seconds"]), int(float(read["peak_mb"]) * 2**20)
        except (ValueError, KeyError, TypeError):
            # Not a record of this version: the stage will run again, and its cost is unknown.
            continue
        size = sum(path.stat().st_size for path in record.parent.rglob("*") if path.is_file())
        costs.setdefault(stage_kind(name), []).append((seconds, size, memory))
    return costs


def read_plans(folder: Path) -> dict[str, dict[str, float | int]]:
    """Returns training step -> the costs that the checks before training estimated for its settings.

    An estimate of the time is multiplied by how much longer than estimated the finished steps took, in the median.
    """
    plans: dict[str, dict[str, float | int]] = {}
    ratios: list[float] = []
    for file in sorted(folder.glob(f"checked/*/*/{PREFLIGHT}")):
        try:
            steps = json.loads(file.read_text(encoding="utf-8"))["steps"]
        except (OSError, ValueError, KeyError):
            continue
        place = file.parent.relative_to(folder / "checked").as_posix()
        for name, step in steps.items():
            stage = f"train/{place}/{name}"
            plans[stage] = plan = {}
            if step.get("seconds"):
                plan["seconds"] = step["seconds"]
                ratios += _compare_with_estimate(folder / stage / RECORD, file, step["seconds"])
            if "memory" in step:
                plan |= {"memory": step["memory"]["total"], "bytes": step["disk"]["model"]}
    factor = median(ratios) if ratios else 1.0
    return {
        stage: plan | ({"seconds": plan["seconds"] * factor} if "seconds" in plan else {})
        for stage, plan in plans.items()
    }


def _compare_with_estimate(record: Path, check: Path, estimated: float) -> list[float]:
    """The time that a finished step took, divided by the estimate; empty if the estimate is of later settings."""
    try:
        if check.stat().st_mtime > record.stat().st_mtime:
            return []
        return [float(json.loads(record.read_text(encoding="utf-8"))["seconds"]) / estimated]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _measure_free_space(folder: Path) -> int:
    import shutil

    existing = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    return shutil.disk_usage(existing).free


def format_estimate(estimate: Mapping[str, Any], jobs: int = 1) -> str:
    """Formats the estimate as text for a terminal."""
    width = max((len(stage["name"]) for stage in estimate["stages"]), default=0)
    lines = []
    for stage in estimate["stages"]:
        status = "done" if stage["done"] else "time not known"
        if stage["seconds"] is not None:
            status = f"about {format_seconds(stage['seconds'])}, {format_bytes(stage['bytes'])} of disk"
        if stage["memory"] is not None:
            status += f", {format_bytes(stage['memory'])} of memory"
        if stage["may_be_done"]:
            status = f"perhaps done, else {status}"
        lines.append(f"{stage['name']:<{width}}  {status}")
    done = len(estimate["stages"]) - estimate["to_do"]
    lines.append(f"\n{len(estimate['stages'])} stages: {done} done, {estimate['to_do']} to do.")
    is_limit = estimate["maybe_done"] > 0
    if estimate["to_do"] > estimate["unknown"]:
        about = "At most about" if is_limit else "About"
        note = f" (less, with {jobs} processes)" if jobs > 1 else ""
        lines.append(
            f"{about} {format_seconds(estimate['seconds'])}{note} and {format_bytes(estimate['bytes'])} of disk."
        )
    if estimate["memory"]:
        each = " in each process" if jobs > 1 else ""
        lines.append(f"Up to about {format_bytes(estimate['memory'])} of memory{each}.")
    if is_limit:
        lines.append(
            f"{estimate['maybe_done']} of the stages to do ('perhaps done') have results of an earlier run. They stay "
            "if their settings, and what the stages before them give, are the same."
        )
    if estimate["unknown"]:
        lines.append(f"{estimate['unknown']} without an estimate: this run has not finished a stage of their kind.")
        if any(stage["seconds"] is None and stage["name"].startswith("train/") for stage in estimate["stages"]):
            lines.append("'unipref train STUDY --check' estimates the training steps in about 20 seconds.")
    lines.append(f"{format_bytes(estimate['free'])} of disk are free.")
    return "\n".join(lines)
