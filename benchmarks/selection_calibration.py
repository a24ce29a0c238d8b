"""How calibrated the confidence of preferences is on the built-in world, and what leaving out overruled pairs changes.

`selection_study.py calibrate` runs it. For each noise model and seed it writes a world without a model, unifies all of
its feedback with `aggregate: latent` and `overruled: keep`, and compares the confidence of each pair with the truth.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import unipref
from judges import BINS, accuracy, calibration_error
from unipref import demo
from unipref.core import yaml_files
from unipref.demo import feedback
from unipref.unify import UnifySettings

WORLD_SEEDS = (31, 32, 33, 34, 35)
"""Worlds that are used for nothing else."""
SETTINGS = {"aggregate": "latent", "overruled": "keep"}
DOCUMENTS = 10
"""Documents in the corpus, which nothing reads here."""

OVERRULED_BELOW = UnifySettings().overruled_below
FRACTIONS = (0.4, 0.6)
"""Shares of the pairs that are not overruled; the most confident ones of each source and objective."""

Floats = npt.NDArray[np.float64]


class Pairs(NamedTuple):
    """The two-sided preferences of one world.

    Attributes:
        confidence: (n,) probability that chosen is better; NaN if it is not known.
        is_right: (n,) whether chosen is better.
        source: (n,) names.
        cell: (n,) source and objective.
    """

    confidence: Floats
    is_right: npt.NDArray[np.bool_]
    source: npt.NDArray[np.str_]
    cell: npt.NDArray[np.str_]

    def of(self, mask: npt.NDArray[np.bool_]) -> "Pairs":
        """Returns some of the pairs."""
        return Pairs(*(column[mask] for column in self))

    @property
    def is_kept(self) -> npt.NDArray[np.bool_]:
        """Whether each pair stays if overruled pairs are left out."""
        return ~(self.confidence < OVERRULED_BELOW)

    def most_confident(self, fraction: float) -> "Pairs":
        """Returns this share of each cell, as `quality` with the scorer `confidence` does; all have a confidence."""
        mask = np.zeros(len(self.confidence), dtype=bool)
        for cell in np.unique(self.cell):
            mine = np.flatnonzero(self.cell == cell)
            mask[mine[np.argsort(-self.confidence[mine], kind="stable")[: round(fraction * len(mine))]]] = True
        return self.of(mask)


def measure_world(noise: Any, seed: int, folder: Path) -> Pairs:
    """Writes and unifies a world, and returns its pairs; a world that is already there is only read."""
    import pyarrow.parquet as pq

    columns = ["prompt", "chosen", "rejected", "confidence", "source", "objective"]
    unified = folder / "run" / "unified" / "preferences.parquet"
    if not unified.is_file():
        _unify(noise, seed, folder)
    rows = pq.read_table(unified, columns=columns).to_pylist()
    rows = [row for row in rows if row["chosen"] is not None and row["rejected"] is not None]
    truth = demo.Truth(folder)
    return Pairs(
        np.array([np.nan if row["confidence"] is None else row["confidence"] for row in rows], dtype=np.float64),
        np.array([truth.is_order_right(row) for row in rows]),
        np.array([row["source"] for row in rows]),
        np.array([f"{row['source']}, {row['objective']}" for row in rows]),
    )


def _unify(noise: Any, seed: int, folder: Path) -> None:
    demo.write_data(folder, demo.World(seed=seed, noise=noise, documents=DOCUMENTS))
    study: dict[str, Any] = yaml_files.read(Path(feedback.__file__).with_name("study.yaml"))
    small = {"sources": study["sources"], "data_root": str(folder.resolve()), "workers": 1, "unify": SETTINGS}
    unipref.unify_feedback(small, folder / "run")


def error_of(pairs: Pairs) -> float:
    """Computes the expected calibration error over ten equal bins of the confidence in the more probable order."""
    chance, right = pairs.confidence, accuracy(pairs.confidence, pairs.is_right)
    return calibration_error(np.maximum(chance, 1 - chance), right)


def join(worlds: Sequence[Pairs]) -> Pairs:
    """Returns the pairs of all worlds together."""
    return Pairs(*(np.concatenate(column) for column in zip(*worlds, strict=True)))


def summarise(worlds: Sequence[Pairs]) -> dict[str, Any]:
    """Returns the figures of the worlds of one noise model."""
    whole = join(worlds)
    known = whole.of(np.isfinite(whole.confidence))
    kept = [one.of(one.is_kept & np.isfinite(one.confidence)) for one in worlds]
    changes = [float(one.is_right[one.is_kept].mean() - one.is_right.mean()) for one in worlds]
    by_seed = [error_of(one.of(np.isfinite(one.confidence))) for one in worlds]
    sources = {name: known.of(known.source == name) for name in sorted(set(known.source.tolist()))}
    return {
        "pairs": len(whole.confidence),
        "known": float(np.isfinite(whole.confidence).mean()),
        "confidence": float(np.maximum(known.confidence, 1 - known.confidence).mean()),
        "right_order": float(accuracy(known.confidence, known.is_right).mean()),
        "error": error_of(known),
        "error_by_seed": by_seed,
        "right_before": float(whole.is_right.mean()),
        "right_after": float(whole.is_right[whole.is_kept].mean()),
        "kept": float(whole.is_kept.mean()),
        "change_by_seed": changes,
        "error_by_source": {name: error_of(pairs) for name, pairs in sources.items()},
        "right_of_most_confident": {
            str(fraction): [float(one.most_confident(fraction).is_right.mean()) for one in kept]
            for fraction in FRACTIONS
        },
        "right_of_random": [float(one.is_right.mean()) for one in kept],
        "bins": list_bins(known),
    }


def list_bins(pairs: Pairs) -> list[tuple[int, float, float]]:
    """Returns number, mean confidence and share of right orders of each bin that is not empty."""
    chance, right = pairs.confidence, accuracy(pairs.confidence, pairs.is_right)
    confidence = np.maximum(chance, 1 - chance)
    place = np.clip(((confidence - 0.5) * 2 * BINS).astype(int), 0, BINS - 1)
    masks = [place == one for one in np.unique(place)]
    return [(int(mask.sum()), float(confidence[mask].mean()), float(right[mask].mean())) for mask in masks]


def write(out: Path, noises: Sequence[str], seeds: Sequence[int]) -> None:
    """Measures all worlds, and writes `calibration.json` and `calibration.md`."""
    results = {}
    for noise in noises:
        worlds = [measure_world(noise, seed, out / "calibration" / f"{noise}-{seed}") for seed in seeds]
        results[noise] = summarise(worlds)
    (out / "calibration.json").write_text(json.dumps({"seeds": list(seeds), "noises": results}, indent=1) + "\n")
    table = "\n".join(make_tables(results))
    (out / "calibration.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def make_tables(results: dict[str, dict[str, Any]]) -> list[str]:
    """Returns the lines of the three tables."""
    heads = ["raters", "pairs", "known", "confidence", "right order", "error [by world]"]
    heads += ["labels right", "without overruled ones", "kept", "change [by world]"]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for noise, one in results.items():
        errors, changes = sorted(one["error_by_seed"]), sorted(one["change_by_seed"])
        lines.append(
            f"| {noise} | {one['pairs']:,} | {one['known']:.2f} | {one['confidence']:.3f} | {one['right_order']:.3f} | "
            f"{one['error']:.3f} [{errors[0]:.3f} to {errors[-1]:.3f}] | {one['right_before']:.3f} | "
            f"{one['right_after']:.3f} | {one['kept']:.3f} | "
            f"{np.mean(changes):+.3f} [{changes[0]:+.3f} to {changes[-1]:+.3f}] |"
        )
    sources = sorted({name for one in results.values() for name in one["error_by_source"]})
    lines += ["", f"| error by source | {' | '.join(sources)} |", f"| --- |{' ---: |' * len(sources)}"]
    for noise, one in results.items():
        cells = [f"{one['error_by_source'][name]:.3f}" if name in one["error_by_source"] else "" for name in sources]
        lines.append(f"| {noise} | {' | '.join(cells)} |")
    heads = ["labels right", "a random part", *(f"the most confident {fraction:g}" for fraction in FRACTIONS)]
    lines += ["", f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for noise, one in results.items():
        columns = [one["right_of_random"], *one["right_of_most_confident"].values()]
        shown = [f"{np.mean(values):.3f} [{min(values):.3f} to {max(values):.3f}]" for values in columns]
        lines.append(f"| {noise} | {' | '.join(shown)} |")
    return lines
