"""What each stage's result depends on: the inputs of its cache key, all in this file.

`core/stage_cache.py` hashes the inputs to the key, and skips a stage whose key is that of the stage on disk. So a
setting, a file, a package version or a module that is named here for a stage makes it run again when it changes, and
nothing else does. The code of a stage is named by its entry modules: the key covers all that they import, too.
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
from unipref.train import describe_machine
from unipref.unify import ResolvedSource

_SCORING = ("unipref.evaluate", "unipref.evaluate.compare", "unipref.models.model_cache")
CODE = {
    "unified": ("unipref.unify", "unipref.sources", "unipref.core.workers"),
    "clean": ("unipref.clean", "unipref.sources"),
    "selected": ("unipref.select",),
    "checked": ("unipref.train",),
    "train": ("unipref.train",),
    "measured in training": ("unipref.evaluate.in_training",),
    "evaluated": _SCORING,
    "examples": ("unipref.pipeline.raw_rows", "unipref.models.model_cache", "unipref.models.inference"),
    "mixture": ("unipref.models.weight_merging", *_SCORING),
    "held-out parts": ("unipref.pipeline.merge.drop_prompts",),
}
"""Stage -> the entry modules of its code. The modules of the formats, trainers, ... that it uses are added."""
TRAINING_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")
UPSTREAM_KEYS = ("start", "reward", "model", "base")
"""Inputs that are keys of training and evaluation stages; the values of `dependencies` are such keys too."""


class InputHashes:
    """Hashes of models, files and benchmark data, each computed once per run.

    Args:
        data_root: where the paths in settings start.
    """

    def __init__(self, data_root: Path) -> None:
        self.data_root = data_root
        self.model_key = cache(loading.model_key)
        self.tree_hash = cache(hashing.tree_hash)

    def benchmark_data(self, benchmark: Benchmark, data: Path, cleaned: Stage | None = None) -> str:
        """The hash of what a benchmark reads.

        Args:
            benchmark: which.
            data: its data.
            cleaned: the run's own parts; a dry run knows them by what they will be made from.
        """
        if cleaned is not None and cleaned.pending and data.parent == cleaned.folder:
            return f"{data.name} {cleaned.content}"
        return data_hash(benchmark, data, self.tree_hash)

    def trainer_files(self, trainer: Trainer) -> dict[str, str]:
        """Setting -> hash of the file that it names."""
        files = trainer.files().items()
        return {place: hashing.file_hash(self.data_root / expand_variables(path)) for place, path in files}


def code(stage: str, *choices: Choice) -> str:
    """The hash of a stage's code: its entry modules, those of the choices it uses, and all that these import."""
    return hashing.code_key(*CODE[stage], *registry.code_modules(*choices))


def unified(study: Study, resolved: Sequence[ResolvedSource]) -> dict[str, Any]:
    """Sources -> preferences."""
    return {
        "settings": study.unify.model_dump(),
        "sources": [
            {
                "projection": {**msgspec.to_builtins(source.projection), "axes": _axes(source)},
                "format": registry.cache_identity(source.format),
                "files": sources.fingerprint(source.parts),
            }
            for source in resolved
        ],
        "code": code("unified", *(source.format for source in resolved)),
    }


def clean(
    hashes: InputHashes, study: Study, unified: Stage, benchmarks: Mapping[str, Path], fetched: Collection[str]
) -> dict[str, Any]:
    """Preferences -> train, dev and test.

    Args:
        hashes: of the run.
        study: the variant.
        unified: the stage before.
        benchmarks: name -> data that preferences are compared with.
        fetched: benchmarks whose data the run does not have.
    """
    return {
        "unified": unified.key,
        "split": study.split.model_dump(),
        "clean": study.clean.model_dump(),
        "benchmarks": {name: hashes.tree_hash(path) for name, path in benchmarks.items()},
        "fetched": list(fetched),
        "code": code("clean"),
        "versions": hashing.find_versions("rensa") if study.clean.duplicates == "near" else {},
    }


def selected(hashes: InputHashes, study: Study, cleaned: Stage, seed: int) -> dict[str, Any]:
    """The training part -> the rows that are trained on."""
    embedder = getattr(study.select, "embedder", None)
    return {
        "clean": cleaned.content,  # not its key: another benchmark that removes nothing changes nothing
        "strategy": registry.cache_identity(study.select),
        "models": [hashes.model_key(name) for name in study.select.models(study.model)],
        "seed": seed if study.select.is_seeded else None,
        "embedder": hashes.model_key(embedder) if embedder else None,
        "code": code("selected", study.select),
    }


def checked(
    hashes: InputHashes, study: Study, selected: Stage, cleaned: Stage, launch: Launch | None
) -> dict[str, Any]:
    """The checks before training, of all steps on one selection."""
    assert study.model is not None
    return {
        "model": hashes.model_key(study.model),
        "steps": [registry.cache_identity(trainer) for trainer in study.train],
        "data": _training_data(selected, cleaned),
        "files": [hashes.trainer_files(trainer) for trainer in study.train],
        "machine": describe_machine(),
        "code": code("checked", *study.train),
        "versions": hashing.find_versions(*TRAINING_PACKAGES),
        **_launch(launch),
    }


def train(
    hashes: InputHashes,
    step: TrainingStep,
    probes: Sequence[DevBenchmark],
    evaluation: Evaluation,
    launch: Launch | None,
) -> dict[str, Any]:
    """One training step.

    Args:
        hashes: of the run.
        step: the step.
        probes: what is measured while it trains.
        evaluation: how often.
        launch: the processes that train it together; None: one.
    """
    inputs: dict[str, Any] = {
        "trainer": registry.cache_identity(step.trainer),
        "start": step.start.key,
        "reward": step.reward_model.key if step.reward_model else None,
        "dependencies": {name: model.key for name, model in step.dependencies.items()},
        "files": hashes.trainer_files(step.trainer),
        "data": _training_data(step.selected, step.cleaned),
        "seed": step.seed,
        "code": code("train", step.trainer),
        "versions": hashing.find_versions(*TRAINING_PACKAGES),
        **_launch(launch),
    }
    if probes:
        inputs["measured"] = {
            "every": evaluation.every,
            "what": [
                [
                    probe.label,
                    registry.cache_identity(probe.benchmark),
                    hashes.benchmark_data(probe.benchmark, probe.data, step.cleaned),
                ]
                for probe in probes
            ],
            "code": code("measured in training", *(probe.benchmark for probe in probes)),
        }
    return inputs


def evaluated(
    hashes: InputHashes, model: str, benchmark: Benchmark, label: str, data: Path, cleaned: Stage, base: Stage | None
) -> dict[str, Any]:
    """One benchmark on one model.

    Args:
        hashes: of the run.
        model: key of the model.
        benchmark: which.
        label: its name in the study.
        data: its data.
        cleaned: the run's own parts.
        base: the same benchmark on the base model, which the scores are compared with.
    """
    return {
        "model": model,
        "benchmark": registry.cache_identity(benchmark),
        "label": label,
        "data": hashes.benchmark_data(benchmark, data, cleaned),
        "environment": benchmark.environment(),
        "code": code("evaluated", benchmark),
        "base": base.key if base else None,
    }


def examples(
    study: Study, unified: Stage, cleaned: Stage, part: str, models: Mapping[str, str], left_out: Sequence[str]
) -> dict[str, Any]:
    """Examples of what the models answer.

    Args:
        study: the study as written.
        unified: its preferences.
        cleaned: the same, cleaned and split.
        part: 'dev' or 'test', from which the examples are drawn.
        models: label -> key of each model that answers.
        left_out: labels of the others.
    """
    return {
        "preferences": [unified.key, cleaned.content, part],
        "models": [[label, key] for label, key in models.items()],
        "left_out": list(left_out),
        "seed": study.seeds[0],
        "settings": study.report.model_dump(),
        "code": code("examples"),
        "versions": hashing.find_versions("torch", "transformers"),
    }


def mixture(
    hashes: InputHashes, base: str, tokenizer: str, parts: Mapping[str, Path], recipe: Recipe
) -> dict[str, Any]:
    """What all mixtures of some models share; `mixture_scores` takes it with the weights.

    Args:
        hashes: of the run.
        base: folder or hub name of the base model.
        tokenizer: the model whose tokenizer is used.
        parts: objective -> folder of its model.
        recipe: how they are combined.
    """
    return {
        "base": hashes.model_key(base),
        "tokenizer": loading.tokenizer_key(tokenizer),
        "parts": {name: hashes.tree_hash(folder) for name, folder in parts.items()},
        "method": recipe.method,
        "density": recipe.density if recipe.method in SPARSE_METHODS else None,
        "seed": recipe.seed if recipe.method.startswith("dare") else None,
    }


def mixture_scores(hashes: InputHashes, model: Mapping[str, Any], benchmark: Benchmark, data: Path) -> dict[str, Any]:
    """One benchmark on one mixture.

    Args:
        hashes: of the run.
        model: what identifies the mixture; of the base model, `base` alone.
        benchmark: which.
        data: its data.
    """
    return {
        **model,
        "benchmark": registry.cache_identity(benchmark),
        "data": hashes.benchmark_data(benchmark, data),
        "environment": benchmark.environment(),
        "code": code("mixture", benchmark),
    }


def parts_without_prompts(splits: Mapping[str, Path], trained_on: Collection[Path]) -> dict[str, Any]:
    """Held-out parts without the prompts that some models were trained on.

    Args:
        splits: part -> its file.
        trained_on: files of the preferences that the models were trained on.
    """
    return {
        "held_out": {part: hashing.file_hash(path) for part, path in splits.items()},
        "trained": [hashing.file_hash(path) for path in trained_on],
        "code": code("held-out parts"),
    }


def _axes(source: ResolvedSource) -> dict[str, Any]:
    """The axes with all their fields: which defaults msgspec omits differs between processes."""
    return {name: msgspec.structs.asdict(axis) for name, axis in source.projection.axes.items()}


def _training_data(selected: Stage, cleaned: Stage) -> list[str]:
    """What a training step learns from: selections that keep the same rows are the same, however they were made."""
    return [selected.files.get("train.parquet", selected.key), cleaned.content]


def _launch(launch: Launch | None) -> dict[str, Any]:
    """What the launch adds to a key; nothing for one process."""
    return {"launch": launch.cache_identity()} if launch else {}
