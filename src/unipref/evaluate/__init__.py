"""Benchmarks, one file each, and `evaluate`, which runs several of them on one model."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.contracts import Benchmark
from unipref.errors import UserError, near_name
from unipref.models import is_reward_model, load_policy, load_reward_model
from unipref.records import Finding


def evaluate(
    model_name: str,
    benchmarks: Sequence[Benchmark],
    *,
    data_root: Path,
    splits: Mapping[str, Path],
    out: Path | None,
    on_note: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Scores one model on every benchmark that can judge it. The model is loaded once.

    Args:
        model_name: folder or hub name of a language model or a reward model.
        benchmarks: those that measure the other kind of model are passed over.
        data_root: where the `data` of the benchmarks starts.
        splits: split name -> Parquet file of the run's preferences, for benchmarks without `data`.
        out: folder for the tables of examples, `<benchmark>.jsonl`, and for `notes.json`; None: not written.
        on_note: told what a reader of the scores must know, such as how many examples were left out.

    Returns:
        One row per score: benchmark, mode, split, slice, metric, value, low, high, n, direction, ideal, chance.

    Raises:
        UserError: the data of a benchmark or the model is not there; found out before anything is measured.
    """
    kind = "reward" if is_reward_model(model_name) else "policy"
    fitting = [benchmark for benchmark in benchmarks if kind in benchmark.measures]
    paths = [data_path(benchmark, data_root, splits) for benchmark in fitting]
    if not fitting:
        return []
    model = load_reward_model(model_name) if kind == "reward" else load_policy(model_name)
    rows: list[dict[str, Any]] = []
    notes: dict[str, list[str]] = {}
    for benchmark, path in zip(fitting, paths, strict=True):
        finding = benchmark.measure(model, path, _split(benchmark))
        rows.extend({"benchmark": benchmark.name(), **msgspec.structs.asdict(score)} for score in finding.scores)
        label = _label(benchmark.name(), notes)
        notes[label] = finding.notes
        if on_note:
            for note in finding.notes:
                on_note(f"{label}: {note}")
        if out is not None:
            _write_examples(out / f"{label}.jsonl", finding)
    if out is not None:
        _write(out / "notes.json", json.dumps(notes, indent=1, ensure_ascii=False).encode() + b"\n")
    return [{key: row[key] for key in ROW} for row in rows]


ROW = ("benchmark", "mode", "split", "slice", "metric", "value", "low", "high", "n", "direction", "ideal", "chance")
"""The columns of a score, in order; the pipeline adds variant, seed, step and model."""


def data_path(benchmark: Benchmark, data_root: Path, splits: Mapping[str, Path]) -> Path:
    """Where a benchmark's data lie.

    Raises:
        UserError: nothing is there, or the run has no such split.
    """
    split = _split(benchmark)
    if benchmark.data is None:
        if split not in splits:
            raise UserError(
                f"there is no '{split}' split of the run's preferences to measure on.",
                where=f"evaluate.{benchmark.name()}.split",
                mend=near_name(split, splits) or "Give it a share in 'split', for example split: {test: 0.1}.",
            )
        return splits[split]
    path = data_root / os.path.expandvars(benchmark.data)
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(
            f"there is no {path}.",
            where=f"evaluate.{benchmark.name()}.data",
            mend=near_name(path.name, siblings) or f"There is no folder {path.parent} either; check data_root.",
        )
    return path


def _split(benchmark: Benchmark) -> str:
    return str(getattr(benchmark, "split", "test"))


def _label(name: str, taken: Mapping[str, Any]) -> str:
    """The benchmark's name, numbered when it is run more than once with different settings."""
    uses = sum(label == name or label.startswith(f"{name}-") for label in taken)
    return f"{name}-{uses + 1}" if uses else name


def _write_examples(path: Path, finding: Finding) -> None:
    encoder = msgspec.json.Encoder()
    _write(path, b"".join(encoder.encode(example) + b"\n" for example in finding.examples))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(content)
    aside.replace(path)
