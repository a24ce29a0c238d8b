"""Benchmarks, one file each, and `evaluate`, which runs several of them on one model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.contracts import Benchmark
from unipref.core.scores import Score
from unipref.core.stats import chance
from unipref.evaluate.data_files import (
    check_hash,
    check_packages,
    data_hash,
    data_path,
    data_remarks,
    dev_path,
    split_of,
)
from unipref.evaluate.results import RESULTS, Measured, write_measured
from unipref.models.loading import Policy, RewardModel, is_reward_model, load_policy, load_reward_model

__all__ = [
    "RESULTS",
    "check_packages",
    "data_hash",
    "data_path",
    "dev_path",
    "evaluate",
    "labelled",
    "load_any",
    "split_of",
]

Load = Callable[[str], Policy | RewardModel]
"""Model name -> the model, loaded."""

ROW = (
    "benchmark", "mode", "split", "slice", "metric", "value", "low", "high", "n", "unit", "direction", "ideal",
    "chance", "at_chance",
)  # fmt: skip
"""The columns of a score, in order; the pipeline adds variant, seed, step and model."""


def load_any(name: str) -> Policy | RewardModel:
    """A reward model where the folder holds one, else a policy."""
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
    """Scores one model on every benchmark that can judge it. The model is loaded once.

    Args:
        model_name: folder or hub name of a language model or a reward model.
        benchmarks: those that measure the other kind of model are passed over.
        data_root: where the `data` of the benchmarks starts.
        splits: split name -> Parquet file of the run's preferences, for benchmarks without `data`.
        out: folder for the tables of examples, `<benchmark>.jsonl`, for `notes.json`, and for `results.json` in the
            form of lm-eval; None: not written.
        labels: a name for each benchmark, in the scores and for its files; None: as `labelled` gives them.
        on_note: told what a reader of the scores must know, such as how many examples were left out.
        load: how a model is loaded; one that keeps what it loaded serves several calls.

    Returns:
        One row per score, with the columns ROW. `at_chance` is true for all scores of a benchmark and mode in which
        the model does no better than guessing.

    Raises:
        UserError: the data of a benchmark, a package it needs or the model is not there, or the data are not those that
            the setting `data_hash` names; found out before anything is measured.
    """
    kind = "reward" if is_reward_model(model_name) else "policy"
    if labels is None:
        fitting = labelled(benchmark for benchmark in benchmarks if kind in benchmark.measures)
    else:
        fitting = [pair for pair in zip(benchmarks, labels, strict=True) if kind in pair[0].measures]
    for benchmark, _ in fitting:
        check_packages(benchmark)
    paths = [data_path(benchmark, data_root, splits) for benchmark, _ in fitting]
    hashes = [check_hash(benchmark, path) for (benchmark, _), path in zip(fitting, paths, strict=True)]
    if not fitting:
        return []
    model = load(model_name)
    rows: list[dict[str, Any]] = []
    measured: list[Measured] = []
    for (benchmark, label), path, found_hash in zip(fitting, paths, hashes, strict=True):
        finding = benchmark.measure(model, path, split_of(benchmark))
        notes = [*data_remarks(benchmark, path), *_form(benchmark, model), *model.remarks, *finding.notes]
        notes += _guessing(label, finding.scores)
        rows += _rows(label, finding.scores)
        measured.append(Measured(label, benchmark, found_hash, finding.scores, finding.examples, notes))
        if on_note:
            for note in notes:
                on_note(f"{label}: {note}")
    if out is not None:
        write_measured(out, model_name, measured)
    return rows


def labelled(benchmarks: Iterable[Benchmark]) -> list[tuple[Benchmark, str]]:
    """The benchmarks with a name of their own each, fit for a file: a second use of one is numbered."""
    named: list[tuple[Benchmark, str]] = []
    for benchmark in benchmarks:
        uses = sum(earlier.title == benchmark.title for earlier, _ in named)
        named.append((benchmark, benchmark.title.replace(":", "-") + (f"-{uses + 1}" if uses else "")))
    return named


def _rows(label: str, scores: Sequence[Score]) -> list[dict[str, Any]]:
    guessing = {
        mode: chance.at_chance(score for score in scores if score.mode == mode)
        for mode in {score.mode for score in scores}
    }
    every = [{**msgspec.structs.asdict(s), "benchmark": label, "at_chance": guessing[s.mode]} for s in scores]
    return [{key: row[key] for key in ROW} for row in every]


def _guessing(label: str, scores: Sequence[Score]) -> list[str]:
    modes = sorted({row["mode"] for row in _rows(label, scores) if row["at_chance"]})
    void = ", so its bias means nothing" if any(map(chance.is_bias, scores)) else ""
    return [f"at chance ({', '.join(modes)}): the model does not beat guessing{void}."] if modes else []


def _form(benchmark: Benchmark, model: Policy | RewardModel) -> list[str]:
    if not benchmark.dialogue:
        return ["asked with plain text."]
    if model.own_template:
        return ["asked in chat form, through the model's own template."]
    return ["asked in completion form ('Question: ... Answer:'): the model has no chat template of its own."]
