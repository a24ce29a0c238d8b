"""Benchmarks, one file each, and `evaluate`, which runs several of them on one model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import Benchmark
from unipref.core.scores import Score
from unipref.core.stats import chance
from unipref.evaluate.data_files import (
    check_hash,
    check_packages,
    data_hash,
    data_path,
    dev_path,
    published_file_notes,
)
from unipref.evaluate.results import RESULTS, MeasuredBenchmark, write_results
from unipref.models.loading import is_reward_model, load_policy, load_reward_model

__all__ = [
    "RESULTS",
    "check_packages",
    "data_hash",
    "data_path",
    "dev_path",
    "evaluate",
    "label_benchmarks",
    "load_any",
]

Load = Callable[[str], Policy | RewardModel]
"""Model name -> the model, loaded."""

ROW = (
    "benchmark", "mode", "split", "slice", "metric", "value", "low", "high", "n", "n_clusters", "unit", "interval",
    "direction", "ideal", "chance", "at_chance",
)  # fmt: skip
"""The columns of a score, in order; the pipeline adds variant, seed, step and model."""


def load_any(name: str) -> Policy | RewardModel:
    """Loads a reward model if the folder holds one, otherwise a policy."""
    return load_reward_model(name) if is_reward_model(name) else load_policy(name)


def evaluate(
    model_name: str,
    benchmarks: Sequence[Benchmark],
    *,
    data_root: Path,
    splits: Mapping[str, Path],
    out: Path | None,
    labels: Sequence[str] | None = None,
    on_note: Callable[[str], None] | None = None,
    load: Load = load_any,
) -> list[dict[str, Any]]:
    """Scores one model on every benchmark that measures its kind. The model is loaded once.

    Args:
        model_name: folder or hub name of a language model or a reward model.
        benchmarks: those that measure the other kind of model are skipped.
        data_root: folder that the `data` of the benchmarks is relative to.
        splits: split name -> Parquet file of the run's preferences, for benchmarks without `data`.
        out: folder for the tables of examples, `<benchmark>.jsonl`, for `notes.json`, and for `results.json` in
            lm-eval's format; None: nothing is written.
        labels: a name for each benchmark, in the scores and for its files; None: those of `label_benchmarks`.
        on_note: called with each note that a reader of the scores needs, such as how many examples were skipped.
        load: loads a model by name; pass one that caches models to evaluate the same model several times.

    Returns:
        One row per score, with the columns ROW. `at_chance` is true for all scores of a benchmark and mode in which
        the model does no better than guessing.

    Raises:
        UserError: a benchmark's data, a package it needs or the model is missing, or the data do not match the
            setting `data_hash`. All of this is checked before anything is measured.
    """
    kind = "reward" if is_reward_model(model_name) else "policy"
    if labels is None:
        selected = label_benchmarks(benchmark for benchmark in benchmarks if kind in benchmark.measures)
    else:
        selected = [pair for pair in zip(benchmarks, labels, strict=True) if kind in pair[0].measures]
    for benchmark, _ in selected:
        check_packages(benchmark)
    paths = [data_path(benchmark, data_root, splits) for benchmark, _ in selected]
    hashes = [check_hash(benchmark, path) for (benchmark, _), path in zip(selected, paths, strict=True)]
    if not selected:
        return []
    model = load(model_name)
    rows: list[dict[str, Any]] = []
    measured: list[MeasuredBenchmark] = []
    for (benchmark, label), path, content_hash in zip(selected, paths, hashes, strict=True):
        measurement = benchmark.measure(model, path, benchmark.part)
        notes = [
            *published_file_notes(benchmark, path),
            *_prompt_format_notes(benchmark, model),
            *model.remarks,
            *measurement.notes,
        ]
        notes += _chance_notes(label, measurement.scores)
        rows += _score_rows(label, measurement.scores)
        scores, examples = measurement.scores, measurement.examples
        measured.append(MeasuredBenchmark(label, benchmark, content_hash, scores, examples, notes))
        if on_note:
            for note in notes:
                on_note(f"{label}: {note}")
    if out is not None:
        write_results(out, model_name, measured)
    return rows


def label_benchmarks(benchmarks: Iterable[Benchmark]) -> list[tuple[Benchmark, str]]:
    """Gives each benchmark a unique name that is valid in a file name: a second use of one is numbered."""
    named: list[tuple[Benchmark, str]] = []
    for benchmark in benchmarks:
        uses = sum(earlier.title == benchmark.title for earlier, _ in named)
        named.append((benchmark, benchmark.title.replace(":", "-") + (f"-{uses + 1}" if uses else "")))
    return named


def _score_rows(label: str, scores: Sequence[Score]) -> list[dict[str, Any]]:
    at_chance = {
        mode: chance.is_guessing(score for score in scores if score.mode == mode)
        for mode in {score.mode for score in scores}
    }
    records = [{**msgspec.structs.asdict(s), "benchmark": label, "at_chance": at_chance[s.mode]} for s in scores]
    return [{key: row[key] for key in ROW} for row in records]


def _chance_notes(label: str, scores: Sequence[Score]) -> list[str]:
    modes = sorted({row["mode"] for row in _score_rows(label, scores) if row["at_chance"]})
    void = ", so its bias means nothing" if any(map(chance.is_bias, scores)) else ""
    return [f"at chance ({', '.join(modes)}): the model is no better than guessing{void}."] if modes else []


def _prompt_format_notes(benchmark: Benchmark, model: Policy | RewardModel) -> list[str]:
    if not benchmark.dialogue:
        return ["prompts are plain text."]
    if model.own_template:
        return ["prompts use the model's own chat template."]
    return ["prompts use the completion layout ('Question: ... Answer:'): the model has no chat template of its own."]
