"""Reads what an earlier evaluation into a folder measured, so that an interrupted one goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import json_files
from unipref.core.contracts import Benchmark
from unipref.core.scores import Example
from unipref.evaluate.results import NOTES, RESULTS, MeasuredBenchmark, describe_measurement, find_package_versions


def read_earlier(
    out: Path, model_key: str, label: str, benchmark: Benchmark, data_hash: str
) -> MeasuredBenchmark | None:
    """Reads one benchmark's measurement; None unless model, settings, data, precision and packages are the same.

    Args:
        out: the folder of the evaluation.
        model_key: identifies the model and its weights.
        label: the benchmark's name in that folder.
        benchmark: the benchmark with its settings.
        data_hash: hash of its data.
    """
    try:
        results = json.loads((out / RESULTS).read_bytes())
        about = results["configs"][label]["metadata"]
        expected = describe_measurement(benchmark, data_hash, model_key, about["precision"])
        if about != json_files.to_plain_json(expected) or results["versions_of_packages"] != find_package_versions():
            return None
        decoder = msgspec.json.Decoder(dict[str, Any])
        with (out / f"{label}.jsonl").open("rb") as file:
            examples: list[Example] = [decoder.decode(line) for line in file]
        notes = json.loads((out / NOTES).read_bytes())[label]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing was measured, or the files are damaged or of an earlier version
    scores = [statistic.score() for statistic in benchmark.statistics(examples)]
    return MeasuredBenchmark(label, benchmark, data_hash, about["precision"], scores, examples, notes)
