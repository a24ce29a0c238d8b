"""Writes an evaluation to disk: a table per benchmark, the notes, and `results.json` in lm-eval's format.

These files are enough to recompute every score and to compare two models: `results.json` records the benchmark, the
settings and the data hash of each table.
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unipref.core import hashing, json_files, registry
from unipref.core.contracts import Benchmark
from unipref.core.scores import Example, Score

RESULTS = "results.json"
NOTES = "notes.json"

PER_TASK = ("results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples")
"""The entries of `results.json` that map tasks, `<label>` or `<label>/<slice>`, to what belongs to them."""


class MeasuredBenchmark(NamedTuple):
    """The measurement of one benchmark.

    Attributes:
        label: its name in the scores and of its files.
        data_hash: hash of the data it was measured on.
        precision: type of the model's weights, such as 'float32'; None: a judge was measured.
    """

    label: str
    benchmark: Benchmark
    data_hash: str
    precision: str | None
    scores: list[Score]
    examples: list[Example]
    notes: list[str]


def describe_measurement(benchmark: Benchmark, data_hash: str, model_key: str, precision: str | None) -> dict[str, Any]:
    """Describes all that a measurement depends on besides the packages: two with equal descriptions are the same."""
    return {
        "version": 1.0,
        "benchmark": registry.reference(type(benchmark)),
        "settings": benchmark.model_dump(mode="json"),
        "data_hash": data_hash,
        "model": model_key,
        "precision": precision,
        "environment": benchmark.environment(),
    }


def find_package_versions() -> dict[str, str]:
    """Returns the versions of the packages that measure."""
    return hashing.find_versions("unipref", "torch", "transformers")


def write_results(out: Path, model: str, measured: Sequence[MeasuredBenchmark], model_key: str) -> None:
    """Writes `<label>.jsonl` of the last benchmark, `notes.json` and `results.json`; a file appears only when complete.

    Other benchmarks that the same model was measured on there, with the same packages, stay in both files.

    Args:
        out: the folder.
        model: the model's name.
        measured: all benchmarks of this evaluation so far; the tables of all but the last one are in the folder.
        model_key: identifies the model and its weights.
    """
    out.mkdir(parents=True, exist_ok=True)
    encoder = msgspec.json.Encoder()
    with json_files.replace_file(out / f"{measured[-1].label}.jsonl") as file:
        file.writelines(encoder.encode(example) + b"\n" for example in measured[-1].examples)
    results, notes = _read_others(out, model_key, [one.label for one in measured])
    json_files.write_json(out / NOTES, {one.label: one.notes for one in measured} | notes)
    written = format_as_lm_eval(model, measured, model_key)
    for name, entries in results.items():
        written[name] |= entries
    json_files.write_json(out / RESULTS, written)


def _read_others(
    out: Path, model_key: str, labels: Collection[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Reads the entries of `results.json` per task, and the notes, of other benchmarks of the same model.

    Those of a judge are left out: its name does not tell its settings.
    """
    try:
        results = json.loads((out / RESULTS).read_bytes())
        notes = json.loads((out / NOTES).read_bytes())
        if results["versions_of_packages"] != find_package_versions():
            return {}, {}
        about = {label: config["metadata"] for label, config in results["configs"].items() if label not in labels}
        kept = {
            label
            for label, one in about.items()
            if one["model"] == model_key and one["precision"] is not None and (out / f"{label}.jsonl").is_file()
        }
        entries = {
            name: {task: entry for task, entry in results[name].items() if task.partition("/")[0] in kept}
            for name in PER_TASK
        }
        return entries, {label: notes[label] for label in about if label in kept}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}  # nothing was measured, or the files are damaged or of an earlier version


def format_as_lm_eval(model: str, measured: Sequence[MeasuredBenchmark], model_key: str) -> dict[str, Any]:
    """The scores in lm-eval's format: one task per benchmark, and one per slice of it.

    A metric's key is `metric,filter`; the filter is the mode, or 'none' for the default mode `corrected`.
    """
    results: dict[str, dict[str, Any]] = {}
    higher_is_better: dict[str, dict[str, bool]] = {}
    sample_counts: dict[str, dict[str, int]] = {}
    for one in measured:
        for score in one.scores:
            task = one.label if score.slice == "all" else f"{one.label}/{score.slice}"
            mode = "none" if score.mode == "corrected" else score.mode
            row = results.setdefault(task, {"alias": task})
            row[f"{score.metric},{mode}"] = score.value
            row[f"{score.metric}_stderr,{mode}"] = "N/A" if score.stderr is None else score.stderr
            higher_is_better.setdefault(task, {})[score.metric] = score.direction == "higher"
            sample_counts.setdefault(task, {"original": score.n, "effective": score.n})
    configs = {
        one.label: {
            "task": one.label,
            "metadata": describe_measurement(one.benchmark, one.data_hash, model_key, one.precision),
        }
        for one in measured
    }
    return {
        "results": results,
        "group_subtasks": {task: [] for task in results},
        "configs": configs,
        "versions": dict.fromkeys(results, 1.0),
        "n-shot": dict.fromkeys(results, 0),
        "higher_is_better": higher_is_better,
        "n-samples": sample_counts,
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None, "bootstrap_iters": 2000},
        "versions_of_packages": find_package_versions(),
    }
