"""The page of a run that is under way: its stages, and the curves of its training steps as far as they are."""

import json
from pathlib import Path

import msgspec

from unipref.core.attempts import final_name, is_attempt
from unipref.core.display import format_seconds
from unipref.core.folder_lock import LOCKS, is_in_use
from unipref.core.hashing import RECORD
from unipref.core.run_folder import Manifest, TrainedStep
from unipref.report.content import Content, Section, make_legible
from unipref.report.render.html import render_html
from unipref.report.sections.training import make_training_section
from unipref.report.tables import drop_missing, make_table

CURVE = "curve.jsonl"
UNDER_WAY, STOPPED, DONE = "under way", "stopped", "done"


def render_live(run: Path, page: Path) -> tuple[str, bool]:
    """Renders the page of a run.

    Args:
        run: the run folder.
        page: the report of the run.

    Returns:
        The report if no process uses the folder and nothing was left unfinished since, else a page on the stages so
        far; and whether the browser should load the page again, because it may change.
    """
    is_under_way = is_in_use(run)
    if not is_under_way and page.is_file() and not _has_later_attempt(run, page):
        return page.read_text(encoding="utf-8"), False
    stages = list_stages(run)
    if not is_under_way:
        # A killed process leaves its attempts behind.
        stages = [(stage, STOPPED if state == UNDER_WAY else state, seconds) for stage, state, seconds in stages]
    rows = [[name, state, "–" if seconds is None else format_seconds(seconds)] for name, state, seconds in stages]
    table = make_table("Stages so far", ["stage", "remark", "time"], rows)
    training = make_training_section(Manifest(train=read_curves(run, stages)))
    name = run.resolve().name
    text = (
        f"{name} is under way. This page loads itself again."
        if is_under_way
        else f"No command is running on {name}, and it is not finished. The same command again resumes it; this page "
        "loads itself again."
    )
    sections = [Section("Stages", ["Nothing is done yet."] if table is None else [], tables=drop_missing(table))]
    sections += [training] if training else []
    variants = {variant: variant for variant in dict.fromkeys(_split(stage)[0] for stage, _, _ in stages) if variant}
    content = Content(f"unipref run: {name}", [text], sections, variants)
    return render_html(make_legible(content)), True


def _has_later_attempt(run: Path, page: Path) -> bool:
    """Whether an attempt at a stage was begun after the report was written, and not finished."""
    written = page.stat().st_mtime
    return any(path.is_dir() and path.stat().st_mtime > written for path in run.rglob("*.partial-*"))


def list_stages(run: Path) -> list[tuple[str, str, float | None]]:
    """Lists the stages of a run: folder, UNDER_WAY or DONE, and seconds; unfinished ones last, else by end."""
    done: list[tuple[float, str, float | None]] = []
    for record in run.rglob(RECORD):
        place = record.parent.relative_to(run)
        if LOCKS in place.parts or any(map(is_attempt, place.parts)):
            continue
        try:
            seconds = float(json.loads(record.read_text(encoding="utf-8"))["seconds"])
            done.append((record.stat().st_mtime, place.as_posix(), seconds))
        except (OSError, ValueError, KeyError, TypeError):
            # It is being replaced, or of another version.
            continue
    attempts = sorted(path.relative_to(run) for path in run.rglob("*.partial-*") if path.is_dir())
    running = [(place.with_name(final_name(place.name)).as_posix(), UNDER_WAY, None) for place in attempts]
    return [*((name, DONE, seconds) for _, name, seconds in sorted(done)), *dict.fromkeys(running)]


def read_curves(run: Path, stages: list[tuple[str, str, float | None]]) -> dict[str, dict[str, dict[str, TrainedStep]]]:
    """Reads variant -> seed -> step -> the curve of a training step, finished or not."""
    curves: dict[str, dict[str, dict[str, TrainedStep]]] = {}
    for name, state, seconds in stages:
        variant, seed, step = _split(name)
        if not step:
            continue
        folder = run / name
        attempts = sorted(folder.parent.glob(f"{step}.partial-*")) if state != DONE else [folder]
        points = [point for attempt in attempts for point in _read_points(attempt / CURVE)]
        record = TrainedStep(curve=points, steps=int(points[-1].get("step", 0)) if points else None, seconds=seconds)
        curves.setdefault(variant, {}).setdefault(seed, {})[step] = record
    return curves


def _read_points(path: Path) -> list[dict[str, float]]:
    """Reads the points of a curve; the last line may be half written."""
    points = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            points.append(msgspec.convert(json.loads(line), dict[str, float | None]))
    except (OSError, ValueError, msgspec.MsgspecError):
        pass
    return [{key: value for key, value in point.items() if value is not None} for point in points]


def _split(stage: str) -> tuple[str, str, str]:
    """Variant, seed and step of a training stage; empty for other stages."""
    parts = stage.split("/")
    return (parts[1], parts[2], parts[3]) if parts[0] == "train" and len(parts) == 4 else ("", "", "")
