"""The results of `selection_study.py`: paired differences with intervals, as JSON and as Markdown tables."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unipref import demo
from unipref.core.stats.bootstrap import paired_interval

Floats = npt.NDArray[np.float64]
Units = dict[str, Floats]
"""Metric -> (n,) one value per example, in the same order for every model of a world."""

METRICS = {
    "instructions": "instructions followed ↑",
    "bias": "bias ↓",
    "pro": "two-way, pro ↑",
    "anti": "two-way, anti ↑",
    "preference": "preference accuracy ↑",
    "true_order": "of the true order ↑",
}


class Purity(NamedTuple):
    """A selection: number of preferences, of those that SFT learns from, and the share of right labels in both."""

    kept: int
    learned: int
    ordered_right: float
    teaches_right: float


def write(out: Path, seeds: Mapping[str, int], variants: list[Any], settings: dict[str, Any]) -> None:
    """Writes `results.json` and `table.md` from the run folders.

    Args:
        out: the folder of `selection_study.py`.
        seeds: noise -> number of seeds.
        variants: its variants.
        settings: those that tuning chose.
    """
    results = {noise: _of_noise(noise, out, count, variants) for noise, count in seeds.items()}
    whole = {"settings": settings, "seeds": dict(seeds), "noises": results}
    (out / "results.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table = "\n".join(
        line for noise, found in results.items() for line in _tables(noise, found, seeds[noise], variants)
    )
    (out / "table.md").write_text(table, encoding="utf-8")
    print(table)


def _of_noise(noise: str, out: Path, seeds: int, variants: list[Any]) -> dict[str, Any]:
    """Computes means, purity and differences of every variant."""
    runs = [out / "runs" / f"{noise}-{seed}" for seed in range(seeds)]
    truth = demo.Truth(out / "worlds" / noise)
    order = _true_orders(runs[0], truth)
    units = {
        variant.name: [units_of(run, variant.name, seed, order) for seed, run in enumerate(runs)]
        for variant in variants
    }
    base = units_of(runs[0], None, None, order)
    results: dict[str, Any] = {"base": {"mean": {name: round(float(np.mean(base[name])), 4) for name in METRICS}}}
    for variant in variants:
        own = units[variant.name]
        pure = [purity(run / "selected" / variant.selects_as.name / str(seed), truth) for seed, run in enumerate(runs)]
        results[variant.name] = {
            "mean": {name: round(float(np.mean([one[name].mean() for one in own])), 4) for name in METRICS},
            "by_seed": {name: [round(float(one[name].mean()), 4) for one in own] for name in METRICS},
            **{field: round(float(np.mean([getattr(p, field) for p in pure])), 4) for field in Purity._fields},
        }
        for against, other in (("random", variant.rival), ("full", variants[0] if variant.strategy else None)):
            if other is not None:
                theirs = units[other.name]
                results[variant.name][f"minus_{against}"] = {name: _difference(own, theirs, name) for name in METRICS}
    return results


def units_of(run: Path, variant: str | None, seed: int | None, order: dict[str, bool]) -> Units:
    """Returns one value per example and metric of one model.

    Args:
        run: the run folder.
        variant: the variant of the model; None: the base model.
        seed: of its training.
        order: id of a test preference with a known true order and no near-duplicate in training -> whether its label
            has that order.
    """
    place = run / "evaluated" / (f"{variant}/{seed}/sft" if variant else "base")
    followed = [row["followed"] for row in examples(place / "instructions")]
    cases = examples(place / "coreference")
    answer, distractor = (
        np.array([[case[f"{which}_log_p_{side}"] for side in ("pro", "anti")] for case in cases])
        for which in ("answer", "distractor")
    )
    right = 0.5 * (1 + np.sign(answer - distractor))
    pairs = examples(place / "preference_accuracy")
    agrees = np.array([0.5 * (1 + np.sign(pair["chosen_value"] - pair["rejected_value"])) for pair in pairs])
    known = np.array([pair["id"] in order for pair in pairs])
    label = np.array([order.get(pair["id"], True) for pair in pairs])
    return {
        "instructions": np.array(followed, dtype=np.float64),
        "bias": np.abs(answer[:, 0] - answer[:, 1]),
        "pro": right[:, 0],
        "anti": right[:, 1],
        "preference": agrees,
        "true_order": np.where(label, agrees, 1 - agrees)[known],
    }


def examples(folder: Path) -> list[dict[str, Any]]:
    """Reads the table of examples of a benchmark, sorted by id."""
    (path,) = folder.glob("*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(rows, key=lambda row: str(row["id"]))


def _preferences(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path, columns=["id", "prompt", "chosen", "rejected"]).to_pylist()
    return rows


def _true_orders(run: Path, truth: demo.Truth) -> dict[str, bool]:
    """Returns id of each test preference without a near-duplicate in training -> whether its label is right."""
    trained = {truth.original(row) for row in _preferences(run / "clean" / "train.parquet")}
    rows = _preferences(run / "clean" / "test.parquet")
    return {row["id"]: truth.is_order_right(row) for row in rows if truth.original(row) not in trained}


def purity(selected: Path, truth: demo.Truth) -> Purity:
    """Compares a selection with the true labels."""
    rows = _preferences(selected / "train.parquet")
    teaches = [right for right in map(truth.is_chosen_right, rows) if right is not None]
    return Purity(
        len(rows), len(teaches), float(np.mean([truth.is_order_right(r) for r in rows])), float(np.mean(teaches))
    )


def _difference(mine: list[Units], theirs: list[Units], metric: str) -> list[float]:
    """Computes the mean difference and its 95 % interval, paired by seed and example."""
    table = np.stack([a[metric] - b[metric] for a, b in zip(mine, theirs, strict=True)])
    return [round(value, 4) for value in (float(table.mean()), *paired_interval(table))]


def _tables(noise: str, found: dict[str, Any], seeds: int, variants: list[Any]) -> list[str]:
    """Renders the tables of one noise: values, and the differences to random and to all data."""
    lines = [f"### {noise}", "", f"Means over {seeds} seeds.", ""]
    heads = ["variant", "kept", "right", "SFT learns right", *METRICS.values()]
    rows = [["base", "", "", "", *(f"{found['base']['mean'][name]:.3f}" for name in METRICS)]]
    for variant in variants:
        one = found[variant.name]
        shares = [f"{one['kept']:,.0f}", f"{one['ordered_right']:.2f}", f"{one['teaches_right']:.2f}"]
        rows.append([_title(variant), *shares, *(f"{one['mean'][name]:.3f}" for name in METRICS)])
    lines += _markdown(heads, rows)
    for against, title in (("random", "a random subset of equal size"), ("full", "all data")):
        lines += ["", f"Difference to {title} [95 % interval]; * if it excludes 0.", ""]
        rows = [
            [_title(variant), *(_cell(found[variant.name][f"minus_{against}"][name]) for name in METRICS)]
            for variant in variants
            if f"minus_{against}" in found[variant.name]
        ]
        lines += _markdown(["variant", *METRICS.values()], rows)
    return [*lines, ""]


def _title(variant: Any) -> str:
    if variant.strategy is None:
        return "all data"
    notes = [{"epochs": "equal epochs"}.get(variant.matched), {"keep": "unscored kept"}.get(variant.unscored)]
    return ", ".join([f"`{variant.strategy}` {variant.fraction:g}", *(note for note in notes if note)])


def _cell(difference: list[float]) -> str:
    mean, low, high = difference
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]{' *' if low > 0 or high < 0 else ''}"


def _markdown(heads: list[str], rows: list[list[str]]) -> list[str]:
    ruler = ["---"] + ["---:"] * (len(heads) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (heads, ruler, *rows)]
