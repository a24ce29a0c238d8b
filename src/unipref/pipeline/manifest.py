"""Writes what a run records about itself: `manifest.json`, `scores.json`, `against_base.json` and `study.yaml`."""

import os
import platform
from collections.abc import Mapping
from typing import Any

import msgspec

from unipref.core import hashing, json_files, registry, user_code, yaml_files
from unipref.core.errors import UserError
from unipref.core.hub import PINS, read_pins, save_pins
from unipref.core.records import MAIN
from unipref.core.run_folder import (
    MANIFEST,
    PAIRED,
    SCORES,
    STUDY,
    VERDICTS,
    ChoiceInfo,
    CleanCounts,
    CodeFile,
    Evaluated,
    ExamplesInfo,
    HeadlineInfo,
    Machine,
    Manifest,
    PlannedStep,
    Preflight,
    RoundInfo,
    RunFolder,
    ScoreRow,
    Selected,
    SourceCounts,
    StageCost,
    StepRecipe,
    TrainedStep,
    VariantInfo,
)
from unipref.core.secrets import hide_secrets, hide_secrets_in
from unipref.core.stage_cache import Stage, StageCache
from unipref.core.version import __version__
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study
from unipref.study.steps import find_origins, identify_step, list_steps

VARIANT_FIELDS = (
    "name",
    "variants",
    "grid",
    "select",
    "train",
    "evaluate",
    "seeds",
    "engine",
    "workers",
    "report",
    "verdicts",
)
"""Settings in which variants may differ while their selections stay comparable."""
CARRIED_OVER = ("preflight", "selected", "rounds", "train", "steps", "model_hash", "model_quantization", "examples")
"""Fields about scored models that a run takes over from earlier runs, if it did not get that far itself."""
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "pyarrow",
    "scikit-learn",
    "numpy",
    "faiss-cpu",
    "faiss-gpu",
)


class ManifestWriter:
    """Collects what the stages return as the records of a manifest, and writes it."""

    def __init__(self, cache: StageCache, resolved: ResolvedStudy) -> None:
        self._cache, self._resolved = cache, resolved
        self._scores: list[dict[str, Any]] = []
        self._against_base: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        self._record = Manifest(
            unipref=__version__,
            name=resolved.study.name,
            model=resolved.study.model,
            seeds=resolved.study.seeds,
            data_root=str(resolved.data_root),
            python=platform.python_version(),
            machine=Machine(platform.system(), platform.machine(), os.cpu_count()),
            versions=hashing.find_versions(*PACKAGES),
            variants={name: _describe_variant(study) for name, study in resolved.variants.items()},
            effects=resolved.study.verdicts.effect.model_dump(),
        )

    def record_model(self, key: str, quantization: str | None) -> None:
        """Records the study's model: the hash of its files or its name on the hub, and how a GGUF file stored it."""
        self._record.model_hash, self._record.model_quantization = key, quantization

    def record_unify(self, variant: str, stage: Stage, hashes: Mapping[str, str]) -> Stage:
        """Records the result of unify, its folder, which variants may share, and the hash of each source's files."""
        sources = {}
        for source in self._resolved.sources[variant]:
            name = source.projection.source
            files = sorted({part.origin for part in source.parts})
            notes = [*source.notes, *stage.result[name]["notes"]]
            record = {**stage.result[name], "notes": notes, "files": files, "hash": hashes[name]}
            sources[name] = msgspec.convert(record, SourceCounts)
        found = self._find_record(variant)
        found.sources, found.unified = sources, self._relative_folder(stage)
        return stage

    def record_clean(self, variant: str, stage: Stage) -> Stage:
        """Records the result of clean, and its folder, which variants may share."""
        self._find_record(variant).clean = msgspec.convert(
            {**stage.result, "folder": self._relative_folder(stage)}, CleanCounts
        )
        return stage

    def record_select(self, variant: str, seed: int, stage: Stage) -> Stage:
        """Records the result of select, and its folder, which variants may share."""
        record = msgspec.convert({**stage.result, "folder": self._relative_folder(stage)}, Selected)
        _put(self._record.selected, variant, seed, record)
        return stage

    def record_check(self, variant: str, seed: int, stage: Stage) -> None:
        """Records the result of the checks before training."""
        _put(self._record.preflight, variant, seed, msgspec.convert(stage.result, Preflight))

    def record_round(
        self, variant: str, seed: int, step: str, about: Mapping[str, Any], stages: Mapping[str, Stage]
    ) -> None:
        """Records a round; `stages` has the stages that made its feedback and its training data."""
        folders = {name: self._relative_folder(stage) for name, stage in stages.items()}
        steps = self._record.rounds.get(variant, {}).get(str(seed), {})
        record = msgspec.convert({**about, "folders": folders}, RoundInfo)
        _put(self._record.rounds, variant, seed, {**steps, step: record})

    def record_train(self, variant: str, seed: int, step: str, stage: Stage, about: dict[str, Any]) -> None:
        """Records the result of a training step; `about` has its trainer, its settings and where it started."""
        fields = {name: value for name, value in stage.result.items() if name in TrainedStep.__struct_fields__}
        other = {name: value for name, value in stage.result.items() if name not in fields}
        try:
            record = msgspec.convert({**fields, "other": other, "folder": self._relative_folder(stage)}, TrainedStep)
        except msgspec.ValidationError as error:
            raise UserError(
                f"the trainer '{about['trainer']}' returned an invalid record: {error}.",
                where=self._relative_folder(stage),
                mend="Return from `fit` what the docstring of `unipref.core.contracts.Trainer.fit` describes.",
            ) from error
        steps = self._record.train.get(variant, {}).get(str(seed), {})
        _put(self._record.train, variant, seed, {**steps, step: record})
        recipes = self._record.steps.get(variant, {})
        self._record.steps[variant] = {**recipes, step: msgspec.convert(about, StepRecipe)}

    def record_examples(self, about: dict[str, Any]) -> None:
        """Records which models answered the examples, or why the run has none."""
        self._record.examples = msgspec.convert(about, ExamplesInfo)

    def record_evaluation(self, variant: str, seed: int | None, step: str, model: str, stage: Stage) -> None:
        """Records the scores of one benchmark for one model; those of the base model only once."""
        place = f"{variant}/{seed}/{step}/{stage.key}"
        if place in self._seen:
            return
        self._seen.add(place)
        self._record.evaluated.append(Evaluated(variant, seed, step, stage.folder.name, self._relative_folder(stage)))
        labels = self._make_labels(variant, seed, step, model)
        self._scores += [msgspec.convert({**row, **labels}, ScoreRow).as_dict() for row in stage.result["scores"]]

    def record_comparison(self, variant: str, seed: int | None, step: str, model: str, stage: Stage) -> None:
        """Records how one model compares with the base model on one benchmark."""
        labels = self._make_labels(variant, seed, step, model)
        self._against_base += [{**row, **labels} for row in stage.result["rows"]]

    def snapshot(self) -> tuple[Manifest, list[ScoreRow]]:
        """Returns what was recorded so far: the manifest, and the scores with a number."""
        rows = [row for row in self._scores if row["value"] is not None and row["value"] == row["value"]]
        return self._record, msgspec.convert(rows, list[ScoreRow])

    def has_scores(self) -> bool:
        """Whether the folder has scores of an earlier run."""
        return (self._cache.folder / SCORES).is_file()

    def carry_over(self, earlier: "ManifestWriter") -> None:
        """Takes over the scores of another manifest of this run; if it has none, removes those on disk."""
        self._scores, self._against_base = earlier._scores, earlier._against_base
        if earlier._record.evaluated:
            self._record.evaluated = earlier._record.evaluated
        for name in CARRIED_OVER:
            if not getattr(self._record, name):
                setattr(self._record, name, getattr(earlier._record, name))
        if not self._scores:
            for name in (SCORES, PAIRED, VERDICTS):
                (self._cache.folder / name).unlink(missing_ok=True)

    def write(self) -> None:
        """Writes `manifest.json`, `scores.json`, `against_base.json` and `study.yaml`; safe to repeat."""
        folder = self._cache.folder
        self._record.code = {name: CodeFile(file, hash_) for name, (file, hash_) in user_code.hash_files().items()}
        if self._record.code:
            self._record.study_folder = str(user_code.study_folder())
        save_pins()
        self._record.hub = read_pins(folder / PINS)
        raw, text = hide_secrets_in(self._resolved.raw), self._resolved.text
        study = yaml_files.write(raw) if text is None else yaml_files.rewrite(hide_secrets(text), raw)
        json_files.write_text(folder / STUDY, hide_secrets(study))
        if self._scores:
            json_files.write_json(folder / SCORES, self._scores)
            json_files.write_json(folder / PAIRED, self._against_base)
        self._record.stages = msgspec.convert(self._cache.costs(), list[StageCost])
        json_files.write_json(folder / MANIFEST, msgspec.to_builtins(self._record))

    def write_checks(self) -> None:
        """Writes what the checks before training say into the manifest on disk, if that differs."""
        earlier, checks = RunFolder(self._cache.folder).manifest, self._record.preflight
        if checks and earlier.preflight != checks:
            earlier.preflight = checks
            json_files.write_json(self._cache.folder / MANIFEST, msgspec.to_builtins(earlier))

    def _find_record(self, variant: str) -> Manifest | VariantInfo:
        """The record with the sources and the clean counts of a variant."""
        return self._record if variant == MAIN else self._record.variants[variant]

    def _relative_folder(self, stage: Stage) -> str:
        return stage.folder.relative_to(self._cache.folder).as_posix()

    def _make_labels(self, variant: str, seed: int | None, step: str, model: str) -> dict[str, Any]:
        """Returns the columns that name the model of a row."""
        return {"variant": variant, "seed": seed, "step": step, "model": self._shorten_model(model)}

    def _shorten_model(self, model: str) -> str:
        """The path within the run folder for a model of this run; the name in the study for other models."""
        folder = str(self._cache.folder)
        return model[len(folder) :].lstrip("/\\") if model.startswith(folder) else model


def _put(records: dict[str, dict[str, Any]], variant: str, seed: int, record: Any) -> None:
    records[variant] = {**records.get(variant, {}), str(seed): record}


def _describe_variant(study: Study) -> VariantInfo:
    """Describes a variant.

    Reports and verdicts read this description instead of the classes. So it copies what they need from the classes of
    strategies, trainers and benchmarks.
    """
    other_settings = study.model_dump(mode="json", exclude=set(VARIANT_FIELDS))
    other_settings["train"] = [identify_step(trainer) for trainer in study.train]
    for step in other_settings["train"]:
        step["settings"] = {k: value for k, value in step["settings"].items() if k not in study.verdicts.tuned}
    starts = find_origins(study)
    return VariantInfo(
        strategy=msgspec.convert(
            {
                **registry.cache_identity(study.select),
                "takes_whole": study.select.takes_whole,
                "random": study.select.random,
            },
            ChoiceInfo,
        ),
        settings_hash=hashing.json_hash(other_settings),
        steps=[
            PlannedStep(
                name,
                trainer.name(),
                trainer.model_kind,
                starts[name].start,
                trainer.learns_from,
                trainer.writes_answers,
            )
            for trainer, name, *_ in list_steps(study)
        ],
        judged=_describe_headlines(study),
        fallback_metric={
            label: benchmark.fallback_metric
            for benchmark, label in study.labelled_benchmarks()
            if benchmark.fallback_metric is not None
        },
    )


def _describe_headlines(study: Study) -> dict[str, HeadlineInfo]:
    """Describes label -> the metric by which the verdicts judge a benchmark, and the one that it stands in for."""
    chosen = study.headline_metrics()
    return {
        label: HeadlineInfo(*chosen[label], replaces=own.metric if own.metric != chosen[label].metric else None)
        for benchmark, label in study.labelled_benchmarks()
        if (own := benchmark.headline_metric) is not None
    }
