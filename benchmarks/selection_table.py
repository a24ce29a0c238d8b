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
    """Writes `results.json` and `table.md` from the run folders; of the study by confidence beside its runs.

    Args:
        out: the folder of `selection_study.py`.
        seeds: noise -> number of seeds.
        variants: its variants.
        settings: those that tuning chose.
    """
    seeds = {noise: count for noise, count in seeds.items() if count}
    jobs = [(noise, seed) for noise, count in seeds.items() for seed in range(count)]
    missing = [variant for variant in variants if not all(is_finished(variant, *job, out) for job in jobs)]
    for variant in missing:
        print(f"{_title(variant)} is left out: not all of its runs are finished.")
    variants = [variant for variant in variants if variant not in missing]
    if not variants:
        raise SystemExit("No variant is finished. Run the command run first, or give fewer --seeds.")
    results = {noise: _of_noise(noise, out, count, variants) for noise, count in seeds.items()}
    whole = {"settings": settings, "seeds": dict(seeds), "noises": results}
    folder = out if variants[0].aggregate is None else out / "by_confidence"
    (folder / "results.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table = "\n".join(
        line for noise, found in results.items() for line in _tables(noise, found, seeds[noise], variants)
    )
    (folder / "table.md").write_text(table, encoding="utf-8")
    print(table)


def is_finished(variant: Any, noise: str, seed: int, out: Path) -> bool:
    """Whether the model of a variant was measured on all benchmarks of its study."""
    run = variant.folder(noise, seed, out)
    base, own = run / "evaluated" / "base", run / "evaluated" / variant.name / str(seed) / "sft"
    benchmarks = [folder.name for folder in base.iterdir()] if base.is_dir() else []
    return bool(benchmarks) and all(any((own / name).glob("*.jsonl")) for name in benchmarks)


def _of_noise(noise: str, out: Path, seeds: int, variants: list[Any]) -> dict[str, Any]:
    """Computes means, purity and differences of every variant."""
    truth = demo.Truth(out / "worlds" / noise)
    first = variants[0].folder(noise, 0, out)
    order = find_true_orders(first, truth)
    runs = {variant: [variant.folder(noise, seed, out) for seed in range(seeds)] for variant in variants}
    units = {
        variant: [units_of(run, variant.name, seed, order) for seed, run in enumerate(runs[variant])]
        for variant in variants
    }
    base = units_of(first, None, None, order)
    results: dict[str, Any] = {"base": {"mean": {name: round(float(np.mean(base[name])), 4) for name in base}}}
    for variant in variants:
        own = units[variant]
        pure = [
            purity(run / "selected" / variant.selects_as.name / str(seed), truth)
            for seed, run in enumerate(runs[variant])
        ]
        results[_key(variant)] = {
            "mean": {name: round(float(np.mean([one[name].mean() for one in own])), 4) for name in base},
            "by_seed": {name: [round(float(one[name].mean()), 4) for one in own] for name in base},
            **{field: round(float(np.mean([getattr(p, field) for p in pure])), 4) for field in Purity._fields},
        }
        full = next((one for one in variants if one.strategy is None), None)
        full = None if variant == full else full
        for against, other in (("random", variant.rival), ("full", full)):
            if other is not None:
                theirs = units[other]
                results[_key(variant)][f"minus_{against}"] = {name: difference(own, theirs, name) for name in base}
    return results


def _key(variant: Any) -> str:
    """Returns the name of a variant in `results.json`."""
    return variant.name if variant.aggregate is None else _title(variant).replace("`", "")


def units_of(run: Path, variant: str | None, seed: int | None, order: dict[str, bool]) -> Units:
    """Returns one value per example and metric of one model, of the benchmarks that the study measures with.

    Args:
        run: the run folder.
        variant: the variant of the model; None: the base model.
        seed: of its training.
        order: id of a test preference with a known true order and no near-duplicate in training -> whether its label
            has that order.
    """
    place = run / "evaluated" / (f"{variant}/{seed}/sft" if variant else "base")
    followed = np.array([row["followed"] for row in examples(place / "instructions")], dtype=np.float64)
    if not (place / "coreference").is_dir():
        return {"instructions": followed}
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
        "instructions": followed,
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


def find_true_orders(run: Path, truth: demo.Truth) -> dict[str, bool]:
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


def difference(mine: list[Units], theirs: list[Units], metric: str) -> list[float]:
    """Computes the mean difference and its 95 % interval, paired by seed and example."""
    table = np.stack([a[metric] - b[metric] for a, b in zip(mine, theirs, strict=True)])
    return [round(value, 4) for value in (float(table.mean()), *paired_interval(table))]


def _tables(noise: str, found: dict[str, Any], seeds: int, variants: list[Any]) -> list[str]:
    """Renders the tables of one noise: values, and the differences to random and to all data."""
    metrics = {name: METRICS[name] for name in found["base"]["mean"]}
    lines = [f"### {noise}", "", f"Means over {seeds} seeds.", ""]
    heads = ["variant", "kept", "right", "SFT learns right", *metrics.values()]
    rows = [["base", "", "", "", *(f"{found['base']['mean'][name]:.3f}" for name in metrics)]]
    for variant in variants:
        one = found[_key(variant)]
        shares = [f"{one['kept']:,.0f}", f"{one['ordered_right']:.2f}", f"{one['teaches_right']:.2f}"]
        rows.append([_title(variant), *shares, *(f"{one['mean'][name]:.3f}" for name in metrics)])
    lines += make_table(heads, rows)
    for against, title in (("random", "a random part of the same size"), ("full", "all data")):
        lines += ["", f"Difference to {title} [95 % interval]; * marks intervals that exclude 0.", ""]
        rows = [
            [_title(variant), *(make_cell(found[_key(variant)][f"minus_{against}"][name]) for name in metrics)]
            for variant in variants
            if f"minus_{against}" in found[_key(variant)]
        ]
        lines += make_table(["variant", *metrics.values()], rows)
    return [*lines, ""]


def _title(variant: Any) -> str:
    if variant.strategy is None:
        return "all data" if variant.aggregate is None else f"all data, unified by `{variant.aggregate}`"
    notes = [{"epochs": "equal epochs"}.get(variant.matched), {"keep": "unscored kept"}.get(variant.unscored)]
    what = f"`{variant.strategy}`" + (f" by `{variant.scorer}`" if variant.scorer else "")
    return ", ".join([f"{what} {variant.fraction:g}", *(note for note in notes if note)])


def make_cell(interval: list[float]) -> str:
    """Renders a difference with its interval; a star marks one that excludes 0."""
    mean, low, high = interval
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]{' *' if low > 0 or high < 0 else ''}"


def make_table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Renders a Markdown table."""
    ruler = ["---"] + ["---:"] * (len(heads) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (heads, ruler, *rows)]
