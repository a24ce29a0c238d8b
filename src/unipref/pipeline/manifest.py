"""What a run records about itself: `manifest.json`, `scores.json`, `against_base.json` and the study as it was run."""

import os
import platform
from collections.abc import Mapping
from typing import Any

import msgspec

from unipref.core import hashing, json_files, registry, yaml_files
from unipref.core.errors import UserError
from unipref.core.records import MAIN
from unipref.core.run_folder import (
    MANIFEST,
    PAIRED,
    SCORES,
    STUDY,
    VERDICTS,
    ChoiceInfo,
    CleanCounts,
    Evaluated,
    ExamplesInfo,
    HeadlineInfo,
    Machine,
    Manifest,
    PlannedStep,
    Preflight,
    ScoreRow,
    Selected,
    SourceCounts,
    StageCost,
    StepRecipe,
    TrainedStep,
    VariantInfo,
)
from unipref.core.stage_cache import Stage, StageCache
from unipref.core.version import __version__
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study
from unipref.study.steps import origins, steps_of

VARIANT_FIELDS = ("name", "variants", "grid", "select", "train", "evaluate", "seeds", "engine", "workers", "report")
"""Settings in which variants may differ and still be compared on what they select."""
CARRIED_OVER = ("preflight", "selected", "train", "steps", "model_hash", "examples")
"""Fields on the models that were scored, as far as the current run did not reach them."""
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "pyarrow", "scikit-learn", "numpy")


class ManifestWriter:
    """Collects what the stages return as the records of a manifest, and writes it."""

    def __init__(self, run: StageCache, loaded: ResolvedStudy) -> None:
        self._run, self._loaded = run, loaded
        self._scores: list[dict[str, Any]] = []
        self._against_base: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        self._record = Manifest(
            unipref=__version__,
            name=loaded.study.name,
            model=loaded.study.model,
            seeds=loaded.study.seeds,
            data_root=str(loaded.data_root),
            python=platform.python_version(),
            machine=Machine(platform.system(), platform.machine(), os.cpu_count()),
            versions=hashing.find_versions(*PACKAGES),
            variants={name: _variant_info(study) for name, study in loaded.variants.items()},
        )

    def model(self, key: str) -> None:
        """Records the study's model: the hash of its files, or its name on the hub."""
        self._record.model_hash = key

    def unified(self, variant: str, stage: Stage, hashes: Mapping[str, str]) -> Stage:
        """Records what unify returned, with the files of each source and the hash of their content."""
        sources = {}
        for plan in self._loaded.sources[variant]:
            name = plan.projection.source
            files = sorted({part.origin for part in plan.parts})
            sources[name] = msgspec.convert({**stage.result[name], "files": files, "hash": hashes[name]}, SourceCounts)
        self._owner(variant).sources = sources
        return stage

    def cleaned(self, variant: str, stage: Stage) -> Stage:
        """Records what clean returned, and its folder: variants may share one."""
        self._owner(variant).clean = msgspec.convert({**stage.result, "folder": self._place(stage)}, CleanCounts)
        return stage

    def selected(self, variant: str, seed: int, stage: Stage) -> Stage:
        """Records what select returned, and its folder: variants may share one."""
        record = msgspec.convert({**stage.result, "folder": self._place(stage)}, Selected)
        _put(self._record.selected, variant, seed, record)
        return stage

    def checked(self, variant: str, seed: int, stage: Stage) -> None:
        """Records what the checks before training found."""
        _put(self._record.preflight, variant, seed, msgspec.convert(stage.result, Preflight))

    def trained(self, variant: str, seed: int, step: str, stage: Stage, about: dict[str, Any]) -> None:
        """Records what a training step returned, and `about` the step: trainer, settings and what it started from."""
        fields = {name: value for name, value in stage.result.items() if name in TrainedStep.__struct_fields__}
        other = {name: value for name, value in stage.result.items() if name not in fields}
        try:
            record = msgspec.convert({**fields, "other": other, "folder": self._place(stage)}, TrainedStep)
        except msgspec.ValidationError as error:
            raise UserError(
                f"the trainer '{about['trainer']}' returned a record of the wrong form: {error}.",
                where=self._place(stage),
                mend="Return from `fit` what `unipref.core.contracts.Trainer.fit` says.",
            ) from error
        steps = self._record.train.get(variant, {}).get(str(seed), {})
        _put(self._record.train, variant, seed, {**steps, step: record})
        recipes = self._record.steps.get(variant, {})
        self._record.steps[variant] = {**recipes, step: msgspec.convert(about, StepRecipe)}

    def exemplified(self, about: dict[str, Any]) -> None:
        """Records which models answered the examples, or why there are none."""
        self._record.examples = msgspec.convert(about, ExamplesInfo)

    def scored(self, variant: str, seed: int | None, step: str, model: str, stage: Stage) -> None:
        """Records one benchmark's scores of one model; the base model's once."""
        place = f"{variant}/{seed}/{step}/{stage.key}"
        if place in self._seen:
            return
        self._seen.add(place)
        self._record.evaluated.append(Evaluated(variant, seed, step, stage.folder.name, self._place(stage)))
        who = {"variant": variant, "seed": seed, "step": step, "model": self._short(model)}
        self._scores += [msgspec.convert({**row, **who}, ScoreRow).as_dict() for row in stage.result["scores"]]
        self._against_base += [{**row, **who} for row in stage.result["against_base"]]

    def has_scores(self) -> bool:
        """Whether the folder has scores of an earlier run."""
        return (self._run.folder / SCORES).is_file()

    def recall(self, earlier: "ManifestWriter") -> None:
        """Takes over the scores that another manifest of this run has; without any, those on disk are removed."""
        self._scores, self._against_base = earlier._scores, earlier._against_base
        if earlier._record.evaluated:
            self._record.evaluated = earlier._record.evaluated
        for name in CARRIED_OVER:
            if not getattr(self._record, name):
                setattr(self._record, name, getattr(earlier._record, name))
        if not self._scores:
            for name in (SCORES, PAIRED, VERDICTS):
                (self._run.folder / name).unlink(missing_ok=True)

    def write(self) -> None:
        """Writes `manifest.json`, `scores.json`, `against_base.json` and `study.yaml`; safe to repeat."""
        folder = self._run.folder
        raw, text = self._loaded.raw, self._loaded.text
        study = yaml_files.write(raw) if text is None else yaml_files.rewrite(text, raw)
        json_files.write_text(folder / STUDY, study)
        if self._scores:
            json_files.write_json(folder / SCORES, self._scores)
            json_files.write_json(folder / PAIRED, self._against_base)
        self._record.stages = msgspec.convert(self._run.costs(), list[StageCost])
        json_files.write_json(folder / MANIFEST, msgspec.to_builtins(self._record))

    def _owner(self, variant: str) -> Manifest | VariantInfo:
        """The record that has the sources and the clean of a variant."""
        return self._record if variant == MAIN else self._record.variants[variant]

    def _place(self, stage: Stage) -> str:
        return stage.folder.relative_to(self._run.folder).as_posix()

    def _short(self, model: str) -> str:
        """A model of this run by its place in the run, any other as the study names it."""
        folder = str(self._run.folder)
        return model[len(folder) :].lstrip("/\\") if model.startswith(folder) else model


def _put(records: dict[str, dict[str, Any]], variant: str, seed: int, record: Any) -> None:
    records[variant] = {**records.get(variant, {}), str(seed): record}


def _variant_info(study: Study) -> VariantInfo:
    """What tells a variant from others.

    Reports and verdicts read this and not the classes: what they need to know of a strategy, a trainer or a benchmark
    is copied here from its class.
    """
    rest = study.model_dump(mode="json", exclude=set(VARIANT_FIELDS))
    rest["train"] = [registry.cache_identity(trainer) for trainer in study.train]
    starts = origins(study)
    return VariantInfo(
        strategy=msgspec.convert(
            {
                **registry.cache_identity(study.select),
                "takes_whole": study.select.takes_whole,
                "random": study.select.random,
            },
            ChoiceInfo,
        ),
        settings_hash=hashing.json_hash(rest),
        steps=[
            PlannedStep(
                name,
                trainer.name(),
                trainer.model_kind,
                starts[name].start,
                trainer.learns_from,
                trainer.writes_answers,
            )
            for trainer, name in steps_of(study)
        ],
        judged={
            label: HeadlineInfo(*benchmark.headline_metric)
            for benchmark, label in study.labelled_benchmarks()
            if benchmark.headline_metric is not None
        },
        fallback_metric={
            label: benchmark.fallback_metric
            for benchmark, label in study.labelled_benchmarks()
            if benchmark.fallback_metric is not None
        },
    )
