"""What an evaluation leaves on disk: the table of each benchmark, the notes, and `results.json` in the form of lm-eval.

From these alone every score can be recomputed, and two models be compared: `results.json` says which benchmark, with
which settings and on which data a table belongs to.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unipref.core import hashing, json_files, registry
from unipref.core.contracts import Benchmark
from unipref.core.scores import Example, Score

RESULTS = "results.json"


class Measured(NamedTuple):
    """One benchmark that was measured.

    Attributes:
        label: the name of its files.
        data_hash: of the data it was measured on.
    """

    label: str
    benchmark: Benchmark
    data_hash: str
    scores: list[Score]
    examples: list[Example]
    notes: list[str]


def write_measured(out: Path, model: str, measured: Sequence[Measured]) -> None:
    """Writes `<label>.jsonl` for each benchmark, `notes.json` and `results.json`, each aside and then renamed."""
    out.mkdir(parents=True, exist_ok=True)
    encoder = msgspec.json.Encoder()
    for one in measured:
        aside = out / f".{one.label}.jsonl.partial"
        with aside.open("wb") as file:
            file.writelines(encoder.encode(example) + b"\n" for example in one.examples)
        aside.replace(out / f"{one.label}.jsonl")
    json_files.write_json(out / "notes.json", {one.label: one.notes for one in measured})
    json_files.write_json(out / RESULTS, as_lm_eval(model, measured))


def as_lm_eval(model: str, measured: Sequence[Measured]) -> dict[str, Any]:
    """The scores as lm-eval writes its own: a task per benchmark, and one per slice of it.

    A metric's key is `metric,filter`; the filter is the mode, or 'none' for the usual one.
    """
    results: dict[str, dict[str, Any]] = {}
    better: dict[str, dict[str, bool]] = {}
    samples: dict[str, dict[str, int]] = {}
    for one in measured:
        for score in one.scores:
            task = one.label if score.slice == "all" else f"{one.label}/{score.slice}"
            mode = "none" if score.mode == "corrected" else score.mode
            row = results.setdefault(task, {"alias": task})
            row[f"{score.metric},{mode}"] = score.value
            row[f"{score.metric}_stderr,{mode}"] = "N/A" if score.stderr is None else score.stderr
            better.setdefault(task, {})[score.metric] = score.direction == "higher"
            samples.setdefault(task, {"original": score.n, "effective": score.n})
    configs = {
        one.label: {
            "task": one.label,
            "metadata": {
                "version": 1.0,
                "benchmark": registry.reference(type(one.benchmark)),
                "settings": one.benchmark.model_dump(mode="json"),
                "data_hash": one.data_hash,
            },
        }
        for one in measured
    }
    return {
        "results": results,
        "group_subtasks": {task: [] for task in results},
        "configs": configs,
        "versions": dict.fromkeys(results, 1.0),
        "n-shot": dict.fromkeys(results, 0),
        "higher_is_better": better,
        "n-samples": samples,
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None, "bootstrap_iters": 2000},
        "versions_of_packages": hashing.versions("unipref", "torch", "transformers"),
    }
