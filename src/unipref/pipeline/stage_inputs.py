"""The inputs of each stage's cache key: everything that its result depends on.

`core/stage_cache.py` hashes the inputs to the key, and skips a stage if the stage on disk has the same key. So a stage
runs again if a setting, file, package version or module that this file names for it changes, and only then. For the
code of a stage, this file names the entry modules; the key also covers everything that they import.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from unipref import sources
from unipref.core import hashing, registry
from unipref.core.contracts import Benchmark, Choice, Trainer
from unipref.core.stage_cache import Stage
from unipref.evaluate import data_hash
from unipref.evaluate.in_training import DevBenchmark
from unipref.models import loading
from unipref.models.weight_merging import SPARSE_METHODS, Recipe
from unipref.pipeline.launcher import Launch
from unipref.pipeline.stage_data import TrainingStep
from unipref.study.overrides import expand_variables
from unipref.study.schema import Evaluation, Study
from unipref.study.steps import identify_step
from unipref.train import describe_machine
from unipref.unify import ResolvedSource

_SCORING = ("unipref.evaluate", "unipref.models.model_cache")
CODE = {
    "unified": ("unipref.unify", "unipref.sources", "unipref.core.workers"),
    "clean": ("unipref.clean", "unipref.sources"),
    "selected": ("unipref.select",),
    "collected": ("unipref.collect.run", "unipref.pipeline.round_prompts"),
    "checked": ("unipref.train",),
    "train": ("unipref.train",),
    "measured in training": ("unipref.evaluate.in_training",),
    "evaluated": _SCORING,
    "compared": ("unipref.evaluate.compare",),
    "examples": ("unipref.pipeline.examples",),
    "mixture": ("unipref.models.weight_merging", *_SCORING),
    "held-out parts": ("unipref.pipeline.merge.drop_prompts",),
}
"""Stage -> the entry modules of its code. `hash_code` adds those of the formats, trainers, ... that it uses."""
TRAINING_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")


class InputHashes:
    """Hashes of models, files and benchmark data, each computed once per run.

    Args:
        data_root: the folder in which paths in settings start.
    """

    def __init__(self, data_root: Path) -> None:
        self.data_root = data_root
        self.model_key = cache(loading.model_key)
        self.tree_hash = cache(hashing.tree_hash)

    def hash_benchmark_data(self, benchmark: Benchmark, data: Path, cleaned: Stage | None = None) -> str:
        """Returns the hash of what a benchmark reads.

        Args:
            benchmark: the benchmark.
            data: its data.
            cleaned: the run's own parts; a dry run identifies unfinished parts by their inputs.
        """
        if cleaned is not None and cleaned.pending and data.parent == cleaned.folder:
            return f"{data.name} {cleaned.content}"
        return data_hash(benchmark, data, self.tree_hash)

    def hash_trainer_files(self, trainer: Trainer) -> dict[str, str]:
        """Returns setting -> hash of the file that it names."""
        files = trainer.files().items()
        return {place: hashing.file_hash(self.data_root / expand_variables(path)) for place, path in files}


def hash_code(stage: str, *choices: Choice) -> str:
    """Returns the hash of a stage's code: its entry modules, those of its choices, and everything they import."""
    return hashing.code_key(*CODE[stage], *registry.code_modules(*choices))


def unify_inputs(study: Study, resolved: Sequence[ResolvedSource], hashes: Mapping[str, str]) -> dict[str, Any]:
    """Returns the inputs of unify, which converts sources to preferences.

    Args:
        study: the variant.
        resolved: its sources.
        hashes: file -> hash, of the files of the sources.
    """
    aggregate = study.unify.aggregate
    return {
        "settings": study.unify.model_dump(exclude={"aggregate"}),
        "aggregate": None if aggregate is None else registry.cache_identity(aggregate),
        "limits": study.limits.model_dump(),
        "sources": [describe_source(source, hashes) for source in resolved],
        "code": hash_code("unified", *([aggregate] if aggregate else []), *(source.format for source in resolved)),
    }


def clean_inputs(
    hashes: InputHashes, study: Study, unified: Stage, benchmarks: Mapping[str, Path], fetched: Collection[str]
) -> dict[str, Any]:
    """Returns the inputs of clean, which makes train, dev and test.

    Args:
        hashes: the hashes of the run.
        study: the variant.
        unified: the stage of unify.
        benchmarks: name -> data that clean compares preferences with.
        fetched: benchmarks whose data the run does not have.
    """
    return {
        "unified": unified.key,
        "split": study.split.model_dump(),
        "clean": study.clean.model_dump(),
        "benchmarks": {name: hashes.tree_hash(path) for name, path in benchmarks.items()},
        "fetched": list(fetched),
        **({"embedder": hashes.model_key(study.clean.meaning.embedder)} if study.clean.is_semantic else {}),
        "code": hash_code("clean"),
        "versions": {
            **(hashing.find_versions("rensa") if study.clean.duplicates == "near" else {}),
            **(hashing.find_versions("sentence-transformers") if study.clean.is_semantic else {}),
            **(hashing.find_versions("phonenumbers", "python-stdnum") if study.clean.redacted_kinds else {}),
        },
    }


def select_inputs(
    hashes: InputHashes, study: Study, resolved: Sequence[ResolvedSource], cleaned: Stage, held_out: Stage, seed: int
) -> dict[str, Any]:
    """Returns the inputs of select, which chooses the rows to train on.

    Args:
        hashes: the hashes of the run.
        study: the variant.
        resolved: the sources of the rows.
        cleaned: the stage of clean that has the rows.
        held_out: the stage of clean that has the dev part, which a scorer may read; of a round, it is another one.
        seed: of the run.
    """
    embedder = study.select.embedding_model
    faiss = hashing.find_versions("faiss-cpu", "faiss-gpu") if hasattr(study.select, "clusters") else {}
    return {
        "clean": cleaned.content,  # not its key: a new benchmark that removes no row changes nothing
        **({} if held_out is cleaned else {"dev": held_out.files.get("dev.parquet", held_out.content)}),
        "axes": {
            source.projection.source: {name: axis.better for name, axis in source.projection.independent_axes().items()}
            for source in resolved
        },
        "strategy": registry.cache_identity(study.select),
        "models": [hashes.model_key(name) for name in study.select.models(study.model)],
        "seed": seed if study.select.is_seeded else None,
        "embedder": hashes.model_key(embedder) if embedder else None,
        "code": hash_code("selected", study.select),
        **({"versions": faiss} if faiss else {}),
    }


def check_inputs(
    hashes: InputHashes,
    study: Study,
    selected: Stage,
    cleaned: Stage,
    launch: Launch | None,
    rounds: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Returns the inputs of the checks before training, for all steps on one selection.

    Args:
        hashes: the hashes of the run.
        study: the variant.
        selected: the selection.
        cleaned: the study's cleaned data.
        launch: the processes that train together; None: one process.
        rounds: the first round of each step with rounds, as `round_inputs.round_inputs` returns it.
    """
    assert study.model is not None
    return {
        "model": hashes.model_key(study.model),
        "steps": [identify_step(trainer) for trainer in study.train],
        **({"rounds": list(rounds)} if rounds else {}),
        "data": _training_input(selected, cleaned),
        "files": [hashes.hash_trainer_files(trainer) for trainer in study.train],
        "machine": describe_machine(),
        "code": hash_code("checked", *study.train),
        "versions": hashing.find_versions(*TRAINING_PACKAGES),
        **_launch_input(launch),
    }


def train_inputs(
    hashes: InputHashes,
    step: TrainingStep,
    probes: Sequence[DevBenchmark],
    evaluation: Evaluation,
    launch: Launch | None,
) -> dict[str, Any]:
    """Returns the inputs of one training step.

    Args:
        hashes: the hashes of the run.
        step: the step.
        probes: benchmarks to measure during training.
        evaluation: says how often.
        launch: the processes that train it together; None: one process.
    """
    inputs: dict[str, Any] = {
        "trainer": registry.cache_identity(step.trainer),
        "start": step.start.key,
        "reward": step.reward_model.key if step.reward_model else None,
        "dependencies": {name: model.key for name, model in step.dependencies.items()},
        "files": hashes.hash_trainer_files(step.trainer),
        "data": _training_input(step.selected, step.cleaned),
        "seed": step.seed,
        "code": hash_code("train", step.trainer),
        "versions": hashing.find_versions(*TRAINING_PACKAGES),
        **_launch_input(launch),
    }
    if probes:
        inputs["measured"] = {
            "every": evaluation.every,
            "what": [
                [
                    probe.label,
                    registry.cache_identity(probe.benchmark),
                    hashes.hash_benchmark_data(probe.benchmark, probe.data, step.cleaned),
                ]
                for probe in probes
            ],
            "code": hash_code("measured in training", *(probe.benchmark for probe in probes)),
        }
    return inputs


def evaluate_inputs(
    hashes: InputHashes, model: str, benchmark: Benchmark, label: str, data: Path, cleaned: Stage
) -> dict[str, Any]:
    """Returns the inputs of one benchmark on one model.

    Args:
        hashes: the hashes of the run.
        model: key of the model.
        benchmark: the benchmark.
        label: its name in the study.
        data: its data.
        cleaned: the run's own parts.
    """
    return {
        "model": model,
        "benchmark": registry.cache_identity(benchmark),
        "label": label,
        "data": hashes.hash_benchmark_data(benchmark, data, cleaned),
        "surroundings": benchmark.environment(),
        "code": hash_code("evaluated", benchmark),
    }


def compare_inputs(base: Stage, measured: Stage) -> dict[str, Any]:
    """Returns the inputs of the comparison of a measurement with that of the base model.

    Their content counts, not their keys: another machine may measure slightly other numbers.
    """
    return {"base": base.content, "measured": measured.content, "code": hash_code("compared")}


def examples_inputs(
    study: Study, unified: Stage, cleaned: Stage, part: str, models: Mapping[str, str], left_out: Sequence[str]
) -> dict[str, Any]:
    """Returns the inputs of the examples.

    Args:
        study: the study as written.
        unified: its unified preferences.
        cleaned: its cleaned and split preferences.
        part: the part to draw from, 'dev' or 'test'.
        models: label -> key of each model that answers.
        left_out: labels of the models that do not answer.
    """
    return {
        "preferences": [unified.key, cleaned.content, part],
        "models": [[label, key] for label, key in models.items()],
        "left_out": list(left_out),
        **({"redact": study.clean.redacted_kinds} if study.clean.redacted_kinds else {}),
        "seed": study.seeds[0],
        "settings": study.report.model_dump(),
        "code": hash_code("examples"),
        "versions": hashing.find_versions("torch", "transformers"),
    }


def mixture_inputs(
    hashes: InputHashes, base: str, tokenizer: str, parts: Mapping[str, Path], recipe: Recipe
) -> dict[str, Any]:
    """Returns the inputs that all mixtures of some models share; `mixture_score_inputs` adds the weights.

    Args:
        hashes: the hashes of the run.
        base: folder or hub name of the base model.
        tokenizer: the model that gives the tokenizer.
        parts: objective -> folder of its model.
        recipe: the settings of the merge.
    """
    return {
        "base": hashes.model_key(base),
        "tokenizer": loading.tokenizer_key(tokenizer),
        "parts": {name: hashes.tree_hash(folder) for name, folder in parts.items()},
        "method": recipe.method,
        "density": recipe.density if recipe.method in SPARSE_METHODS else None,
        "seed": recipe.seed if recipe.method.startswith("dare") else None,
    }


def mixture_score_inputs(
    hashes: InputHashes, model: Mapping[str, Any], benchmark: Benchmark, data: Path
) -> dict[str, Any]:
    """Returns the inputs of one benchmark on one mixture.

    Args:
        hashes: the hashes of the run.
        model: the inputs of the mixture; for the base model, `base` alone.
        benchmark: the benchmark.
        data: its data.
    """
    return {
        **model,
        "benchmark": registry.cache_identity(benchmark),
        "data": hashes.hash_benchmark_data(benchmark, data),
        "surroundings": benchmark.environment(),
        "code": hash_code("mixture", benchmark),
    }


def held_out_inputs(splits: Mapping[str, Path], trained_on: Collection[Path]) -> dict[str, Any]:
    """Returns the inputs of held-out parts without the prompts that some models were trained on.

    Args:
        splits: part -> its file.
        trained_on: files of the preferences that the models were trained on.
    """
    return {
        "held_out": {part: hashing.file_hash(path) for part, path in splits.items()},
        "trained": [hashing.file_hash(path) for path in trained_on],
        "code": hash_code("held-out parts"),
    }


def describe_source(source: ResolvedSource, hashes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Describes what decides the records of a source; `hashes`: file -> hash, of files that are hashed already."""
    return {
        "projection": {**msgspec.to_builtins(source.projection), "axes": _describe_axes(source)},
        "format": registry.cache_identity(source.format),
        "files": sources.fingerprint(source.parts, hashes),
    }


def _describe_axes(source: ResolvedSource) -> dict[str, Any]:
    """The axes with all their fields: msgspec omits defaults, and which ones differs between processes."""
    return {name: msgspec.structs.asdict(axis) for name, axis in source.projection.axes.items()}


def _training_input(selected: Stage, cleaned: Stage) -> list[str]:
    """Identifies the training data by content: selections that keep the same rows count as the same."""
    return [selected.files.get("train.parquet", selected.key), cleaned.content]


def _launch_input(launch: Launch | None) -> dict[str, Any]:
    """The launch as an input; empty for one process."""
    return {"launch": launch.cache_identity()} if launch else {}
