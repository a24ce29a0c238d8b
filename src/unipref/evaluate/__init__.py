"""Benchmarks, one file each, and `evaluate`, which runs several of them on one model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import Benchmark, Precision
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
from unipref.evaluate.earlier import read_earlier
from unipref.evaluate.results import RESULTS, MeasuredBenchmark, write_results
from unipref.models.inference import opening_notes
from unipref.models.loading import (
    check_name,
    find_precision,
    is_reward_model,
    load_policy,
    load_reward_model,
    model_key,
)

__all__ = [
    "RESULTS",
    "chance_notes",
    "check_packages",
    "data_hash",
    "data_path",
    "dev_path",
    "evaluate",
    "label_benchmarks",
    "load_any",
    "score_rows",
]

Load = Callable[[str, Precision], Policy | RewardModel]
"""Model name and the type of its weights -> the model, loaded."""

ROW = (
    "benchmark", "mode", "split", "slice", "metric", "value", "low", "high", "n", "n_clusters", "unit", "interval",
    "direction", "ideal", "chance", "at_chance", "precision",
)  # fmt: skip
"""The columns of a score, in order; the pipeline adds variant, seed, step and model."""


def load_any(name: str, precision: Precision = "float32") -> Policy | RewardModel:
    """Loads a reward model if the folder holds one, otherwise a policy."""
    return load_reward_model(name, precision) if is_reward_model(name) else load_policy(name, precision)


def evaluate(  # noqa: PLR0913, three of them are hooks
    model_name: str,
    benchmarks: Sequence[Benchmark],
    *,
    data_root: Path,
    splits: Mapping[str, Path],
    out: Path | None,
    labels: Sequence[str] | None = None,
    on_note: Callable[[str], None] | None = None,
    load: Load = load_any,
    on_start: Callable[[str], None] | None = None,
    key: str | None = None,
) -> list[dict[str, Any]]:
    """Scores one model on every benchmark that measures its kind. It is loaded once for each precision in a row.

    Args:
        model_name: folder or hub name of a language model or a reward model.
        benchmarks: those that measure the other kind of model are skipped.
        data_root: folder that the `data` of the benchmarks is relative to.
        splits: split name -> Parquet file of the run's preferences, for benchmarks without `data`.
        out: folder for the tables of examples, `<benchmark>.jsonl`, for `notes.json`, and for `results.json` in
            lm-eval's format, written after each benchmark; None: nothing is written. A benchmark that an earlier
            evaluation of the same model, settings and data wrote there is not measured again; others of it stay.
        labels: a name for each benchmark, in the scores and for its files; None: those of `label_benchmarks`.
        on_note: called with each note that a reader of the scores needs, such as how many examples were skipped.
        load: loads a model by its name and precision; pass one that caches models to evaluate the same model several
            times.
        on_start: called with a line when a model is loaded and when a benchmark starts.
        key: identifies the model and its weights; None: a hash of its files is computed.

    Returns:
        One row per score, with the columns ROW. `at_chance` is true for all scores of a benchmark and mode in which
        the model does no better than guessing.

    Raises:
        UserError: a benchmark's data, a package it needs or the model is missing, or the data do not match the
            setting `data_hash`. All of this is checked before anything is measured.
    """
    kind = _find_kind(model_name, load)
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
    start, note = on_start or (lambda line: None), on_note or (lambda text: None)
    if key is None:
        key = "" if out is None else model_key(model_name)
    earlier = {} if out is None else _read_earlier(out, key, selected, hashes)
    model: Policy | RewardModel | None = None
    loaded: str | None = None
    measured: list[MeasuredBenchmark] = []
    for place, ((benchmark, label), path, content_hash) in enumerate(zip(selected, paths, hashes, strict=True), 1):
        about = f"{model_name}: {label}, benchmark {place} of {len(selected)}"
        if found := earlier.pop(label, None):
            start(f"{about}, is already measured")
            measured.append(found)
            continue
        if model is None or loaded != benchmark.precision:
            start(f"{model_name}: loading")
            model = None  # frees its memory before it is loaded again
            model, loaded = load(model_name, benchmark.precision), benchmark.precision
        start(about)
        measured.append(one := _measure(model, benchmark, label, path, content_hash))
        for text in one.notes:
            note(f"{label}: {text}")
        if out is not None:
            write_results(out, model_name, measured, key)
    return [row for one in measured for row in score_rows(one.label, one.scores, one.precision)]


def _find_kind(model_name: str, load: Load) -> str:
    """Tells whether a model is a policy or a reward model; a missing folder is an error."""
    if load is load_any:
        check_name(model_name)  # another function may load models that are in no folder, such as mixtures
    return "reward" if is_reward_model(model_name) else "policy"


def _read_earlier(
    out: Path, key: str, selected: Sequence[tuple[Benchmark, str]], hashes: Sequence[str]
) -> dict[str, MeasuredBenchmark]:
    """Reads the benchmarks that an earlier evaluation of the same model measured: label -> measurement."""
    pairs = zip(selected, hashes, strict=True)
    found = (read_earlier(out, key, label, benchmark, content_hash) for (benchmark, label), content_hash in pairs)
    return {one.label: one for one in found if one is not None}


def _measure(
    model: Policy | RewardModel, benchmark: Benchmark, label: str, path: Path, content_hash: str
) -> MeasuredBenchmark:
    """Measures a loaded model on one benchmark."""
    measurement = benchmark.measure(model, path, benchmark.part)
    precision = find_precision(model.model)
    notes = [
        *published_file_notes(benchmark, path),
        *_prompt_format_notes(benchmark, model),
        *_precision_notes(precision),
        *model.remarks,
        *measurement.notes,
        *chance_notes(measurement.scores),
    ]
    return MeasuredBenchmark(label, benchmark, content_hash, precision, measurement.scores, measurement.examples, notes)


def label_benchmarks(benchmarks: Iterable[Benchmark]) -> list[tuple[Benchmark, str]]:
    """Gives each benchmark a unique name that is valid in a file name: a second use of one is numbered."""
    named: list[tuple[Benchmark, str]] = []
    for benchmark in benchmarks:
        uses = sum(earlier.title == benchmark.title for earlier, _ in named)
        named.append((benchmark, benchmark.title.replace(":", "-") + (f"-{uses + 1}" if uses else "")))
    return named


def score_rows(label: str, scores: Sequence[Score], precision: str | None) -> list[dict[str, Any]]:
    """Makes the rows of a benchmark's scores, with the columns ROW; `precision` is None for a judge."""
    at_chance = {
        mode: chance.is_guessing(score for score in scores if score.mode == mode)
        for mode in {score.mode for score in scores}
    }
    about = {"benchmark": label, "precision": precision}
    records = [{**msgspec.structs.asdict(s), **about, "at_chance": at_chance[s.mode]} for s in scores]
    return [{key: row[key] for key in ROW} for row in records]


def chance_notes(scores: Sequence[Score]) -> list[str]:
    """Makes the notes on a model that is no better than guessing."""
    modes = sorted(mode for mode in {s.mode for s in scores} if chance.is_guessing(s for s in scores if s.mode == mode))
    unshown = [mode for mode in modes if chance.hides_bias(score for score in scores if score.mode == mode)]
    whole = [score for score in scores if score.slice == chance.WHOLE]
    below = [mode for mode in modes if any(chance.is_below_chance(s) for s in whole if s.mode == mode)]
    guesses = [mode for mode in modes if mode not in below]
    notes = [f"{chance.SKILL_AT_CHANCE} ({', '.join(guesses)})."] if guesses else []
    if below:
        notes.append(f"{chance.SKILL_BELOW_CHANCE} ({', '.join(below)}): the model tends to the wrong answer.")
    if unshown:
        notes.append(
            f"{chance.UNTESTED} ({', '.join(unshown)}): this does not tell a fair model from one that does "
            "not understand the question."
        )
    return notes


def _precision_notes(precision: str) -> list[str]:
    if precision == "float32":
        return ["measured in float32."]
    return [f"measured in {precision}: log-likelihoods depend on the batch, by up to about 0.25 nats."]


def _prompt_format_notes(benchmark: Benchmark, model: Policy | RewardModel) -> list[str]:
    if not benchmark.dialogue:
        return ["prompts are plain text.", *opening_notes(model)]
    if model.own_template:
        return ["prompts use the model's own chat template."]
    return ["prompts use the completion layout ('Question: ... Answer:'): the model has no chat template of its own."]
