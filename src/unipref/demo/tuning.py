"""Tunes steps and learning rate of each arm of the full demo on the dev parts of a world that is used for nothing else.

Each arm starts from one point and moves to its best neighbour (half or twice the steps, or the rate) until all four
neighbours of the best point are tried. So the best point is never at the edge of what was tried, unless it is at a
limit; the file of the results says so.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core.json_files import write_text
from unipref.core.progress import ProgressListener
from unipref.core.run_folder import RunFolder
from unipref.pipeline import execute

SEED = 100
"""Of selection and training; no run that is reported has it."""
FILE = "tuning.json"


class Limits(NamedTuple):
    """The least and the most steps, and the least and the greatest rate, that are tried."""

    steps: tuple[int, int] = (20, 5120)
    rates: tuple[float, float] = (6.25e-5, 8e-3)


LIMITS = Limits()


class Point(NamedTuple):
    """Steps and learning rate of a training step."""

    steps: int
    rate: float

    @property
    def label(self) -> str:
        """Its part of a step's name."""
        return f"{self.steps}-{self.rate:g}"

    def neighbours(self, limits: Limits = LIMITS) -> list["Point"]:
        """The points with half or twice the steps or the rate, inside the limits."""
        around = [
            Point(self.steps // 2, self.rate),
            Point(self.steps * 2, self.rate),
            Point(self.steps, self.rate / 2),
            Point(self.steps, self.rate * 2),
        ]
        (least, most), (slowest, fastest) = limits
        return [p for p in around if least <= p.steps <= most and slowest <= p.rate <= fastest]

    def is_at_limit(self, limits: Limits = LIMITS) -> bool:
        """Whether a neighbour lies outside the limits."""
        return len(self.neighbours(limits)) < 4


class Search(NamedTuple):
    """Where a search begins, and its limits.

    Attributes:
        starts: trainer -> first point, in the order of training.
        limits: of all trainers.
    """

    starts: Mapping[str, Point] = {"sft": Point(160, 5e-4), "dpo": Point(160, 2.5e-4)}
    limits: Limits = LIMITS


SEARCH = Search()


def find_best(scores: Mapping[Point, float]) -> Point:
    """Finds the best point; of equal ones, that with the fewest steps and then the lowest rate."""
    return min(scores, key=lambda point: (-scores[point], point))


def list_next(scores: Mapping[Point, float], start: Point, limits: Limits = LIMITS) -> list[Point]:
    """Lists the points to try next: none if all neighbours of the best one are tried."""
    best = find_best(scores) if scores else start
    return [point for point in (best, *best.neighbours(limits)) if point not in scores]


Arm = dict[str, Any]
"""What a variant changes, without `train`."""


def tune(
    study: Mapping[str, Any],
    arms: Mapping[str, Arm],
    settings: Mapping[str, Mapping[str, Any]],
    folder: Path,
    jobs: int,
    listener: ProgressListener,
    without_pairs: Sequence[str] = (),
    search: Search = SEARCH,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Tunes SFT of each arm, then DPO from its tuned SFT; writes `tuning.json` after each round. It resumes.

    Args:
        study: the study of the tuning world, without variants and `train`; its benchmarks measure the dev parts.
        arms: name -> what the arm trains on.
        settings: trainer -> its other settings.
        folder: output folder; each trainer has a run folder in it.
        jobs: processes.
        listener: receives notes and progress.
        without_pairs: arms that DPO cannot train.
        search: where it begins, and its limits.

    Returns:
        Arm -> trainer -> `max_steps`, `learning_rate`, `score` and `at_limit`.
    """
    chosen: dict[str, dict[str, dict[str, Any]]] = {arm: {} for arm in arms}
    for trainer, start in search.starts.items():
        tried: dict[str, dict[Point, float]] = {arm: {} for arm in arms if trainer == "sft" or arm not in without_pairs}
        while any((todo := {arm: list_next(scores, start, search.limits) for arm, scores in tried.items()}).values()):
            points = {arm: [*tried[arm], *new] for arm, new in todo.items()}
            variants = {
                arm: {**arms[arm], "train": _list_steps(trainer, points[arm], chosen[arm], settings)} for arm in tried
            }
            execute.run(
                {**study, "train": [], "variants": variants, "seeds": [SEED]},
                folder / trainer,
                jobs=jobs,
                listener=listener,
            )
            tried = {arm: _read_scores(folder / trainer, arm, trainer, points[arm]) for arm in tried}
            _write(folder, trainer, tried)
        for arm, scores in tried.items():
            best = find_best(scores)
            chosen[arm][trainer] = {
                "max_steps": best.steps,
                "learning_rate": best.rate,
                "score": scores[best],
                "at_limit": best.is_at_limit(search.limits),
            }
    write_text(folder / FILE, json.dumps(chosen, indent=1) + "\n")
    return chosen


def _list_steps(
    trainer: str,
    points: Sequence[Point],
    chosen: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Lists the training steps of an arm: one per point, each from the base model or from the tuned SFT."""
    first = [make_step("sft", chosen, settings)] if trainer != "sft" else []
    start = "sft" if first else "base"
    return [
        *first,
        *(
            {
                trainer: {
                    **settings[trainer],
                    "name": f"{trainer}-{point.label}",
                    "from": start,
                    "max_steps": point.steps,
                    "learning_rate": point.rate,
                }
            }
            for point in points
        ),
    ]


def make_step(
    trainer: str, chosen: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Makes a training step with the tuned steps and rate of an arm."""
    tuned = {key: chosen[trainer][key] for key in ("max_steps", "learning_rate")}
    return {trainer: {**settings[trainer], **tuned}}


def _read_scores(run: Path, arm: str, trainer: str, points: Sequence[Point]) -> dict[Point, float]:
    """Reads the score of each point: the mean of instructions followed and two-way accuracy, on dev."""
    values: dict[tuple[str, str], float] = {}
    for row in RunFolder(run).scores():
        if row.variant == arm and row.slice == "all" and row.metric in ("followed", "two_way_accuracy"):
            values[row.step, row.metric] = row.value
    names = {point: f"{trainer}-{point.label}" for point in points}
    return {point: (values[name, "followed"] + values[name, "two_way_accuracy"]) / 2 for point, name in names.items()}


def _write(folder: Path, trainer: str, tried: Mapping[str, Mapping[Point, float]]) -> None:
    """Writes all points that were tried."""
    rows = [
        {"arm": arm, "steps": point.steps, "rate": point.rate, "score": score}
        for arm, scores in tried.items()
        for point, score in sorted(scores.items())
    ]
    write_text(folder / f"{trainer}-tried.json", json.dumps(rows, indent=1) + "\n")


def read_tuning(folder: Path) -> dict[str, dict[str, dict[str, Any]]] | None:
    """Reads the tuned settings of each arm; None before tuning has ended."""
    path = folder / FILE
    if not path.is_file():
        return None
    tuned: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    return tuned
