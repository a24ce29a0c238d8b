"""Trains the models of a run: checks all steps first, then runs each step as a stage that can be resumed."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from unipref.core import json_files
from unipref.core.contracts import ModelDependency, Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE
from unipref.core.stage_cache import Stage, StageCache
from unipref.core.work_progress import report_work
from unipref.evaluate import in_training
from unipref.pipeline import stage_inputs
from unipref.pipeline.context import RunContext
from unipref.pipeline.launcher import train_launched
from unipref.pipeline.manifest import ManifestWriter
from unipref.pipeline.round_stages import RoundStages
from unipref.pipeline.stage_data import (
    TrainedModel,
    TrainingStep,
    VariantData,
    find_held_out_files,
    find_steps_place,
)
from unipref.study.schema import Study
from unipref.study.steps import find_origins, list_steps
from unipref.train import Meter, PreflightRequest, check_disk, preflight, train


def describe_step(trainer: Trainer, origin: str) -> dict[str, Any]:
    """Returns the manifest's description of a step, for cards and reports.

    Args:
        trainer: the step.
        origin: the step, or the study's model, that it starts from.
    """
    settings = trainer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {
        "trainer": trainer.name(),
        "model_kind": trainer.model_kind,
        "from": origin,
        "adapter": trainer.saves_adapter,
        "settings": {name: value for name, value in settings.items() if name not in ("name", "from", "rounds")},
    }


class TrainingStage:
    """Checks and trains the steps of one run.

    Args:
        context: of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.rounds = RoundStages(context)

    def run_checks(self, data: Mapping[str, VariantData]) -> None:
        """Checks all steps of every variant and seed, and the disk for those to be trained, before any training."""
        needs: dict[str, dict[str, int]] = {}
        done, total = 0, sum(len(selected) for study, _, selected in data.values() if study.train)
        for variant, (study, cleaned, selected) in data.items():
            for seed, stage in selected.items() if study.train else ():
                report_work(f"checking the training of {variant}", done, total)
                done += 1
                checks = self._run_preflight(variant, seed, study, stage, cleaned)
                if checks.pending:
                    continue
                for name, step in checks.result["steps"].items():
                    if "disk" in step:
                        needs[f"train/{variant}/{seed}/{name}"] = step["disk"]
                self.context.manifest.record_check(variant, seed, checks)
        self.rounds.forget_benchmarks()
        for note in self._check_disk(needs, data):
            self.context.listener.note(note)

    def _check_disk(self, needs: Mapping[str, Mapping[str, int]], data: Mapping[str, VariantData]) -> list[str]:
        """Checks the disk for the steps that are not done; to find them, it reads the finished models.

        Args:
            needs: folder of each training step -> its need.
            data: variant -> its data.
        """
        folder = self.context.cache.folder / "train"
        with contextlib.suppress(UserError):
            if not check_disk(list(needs.values()), folder):
                return []
        return check_disk([needs[name] for name in self._find_untrained(data) if name in needs], folder)

    def _find_untrained(self, data: Mapping[str, VariantData]) -> list[str]:
        """Returns the folders of the training steps that are not done, each shared step once."""
        context = self.context
        cache = StageCache(context.cache.folder, dry_run=True)
        manifest = ManifestWriter(cache, context.resolved)
        trial = TrainingStage(replace(context, cache=cache, manifest=manifest, listener=ProgressListener()))
        for variant, (study, cleaned, selected) in data.items():
            for seed, stage in selected.items():
                trial.run_steps(variant, seed, study, stage, cleaned)
        return [stage.name for stage in cache.pending]

    def _run_preflight(self, variant: str, seed: int, study: Study, selected: Stage, cleaned: Stage) -> Stage:
        assert study.model is not None
        launch, steps = self.context.launch, list_steps(study)
        request = PreflightRequest(
            model=study.model,
            steps={step.name: step.trainer for step in steps},
            places={step.name: step.place for step in steps},
            rounds=frozenset(step.name for step in steps if step.round is not None),
            preferences=selected.folder / "train.parquet",
            held_out=cleaned.folder / "dev.parquet",
            where=find_steps_place(variant),
            processes=launch.processes if launch else 1,
            is_sharded=launch.is_sharded if launch else False,
            data_root=self.context.resolved.data_root,
        )

        def work(out: Path) -> dict[str, Any]:
            findings = preflight(request)
            findings["notes"] += self.rounds.check(variant, study, seed, cleaned)
            json_files.write_json(out / "preflight.json", findings)
            return findings

        rounds = self.rounds.check_inputs(study, seed, cleaned)
        inputs = stage_inputs.check_inputs(self.context.hashes, study, selected, cleaned, launch, rounds)
        stage = self.context.cache.stage(f"checked/{variant}/{seed}", inputs, work)
        for note in [*stage.result.get("notes", ()), *stage.result.get("warnings", ())]:
            self.context.listener.note(note)
        return stage

    def run_steps(
        self,
        variant: str,
        seed: int,
        study: Study,
        selected: Stage,
        cleaned: Stage,
        only: Collection[str] | None = None,
    ) -> dict[str, TrainedModel]:
        """Runs the training steps in order, or those in `only`, which must include all steps that they need."""
        models = {BASE: self.context.base_model(study)}
        for planned, origin in zip(list_steps(study), find_origins(study).values(), strict=True):
            trainer, name, rows = planned.trainer, planned.name, selected
            if only is not None and name not in only:
                continue
            if planned.round is not None:
                rows = self.rounds.run_round(variant, seed, study, planned, origin.start, models, cleaned)
            dependencies = trainer.model_dependencies()
            step = TrainingStep(
                place=f"train/{variant}/{seed}/{name}",
                trainer=trainer,
                seed=seed,
                start=models[origin.start],
                reward_model=models[origin.reward_model] if origin.reward_model else None,
                dependencies={d.name: models.get(d.name) or self._make_outside_model(d) for d in dependencies},
                selected=rows,
                cleaned=cleaned,
            )
            stage = self._run_step(step, study)
            if not stage.pending:
                self.context.manifest.record_train(variant, seed, name, stage, describe_step(trainer, origin.start))
            models[name] = TrainedModel(str(stage.folder), stage.key, trainer.model_kind)
        return {name: model for name, model in models.items() if name != BASE}

    def _run_step(self, step: TrainingStep, study: Study) -> Stage:
        """Trains one step, or resumes it from the last checkpoint of a killed run."""
        context, probes = self.context, self._find_probes(step, study)
        inputs = stage_inputs.train_inputs(context.hashes, step, probes, study.evaluate, context.launch)

        def work(out: Path, checkpoint_dir: Path) -> dict[str, Any]:
            job = TrainJob(
                policy=Path(step.start.folder),
                preferences=step.selected.folder / "train.parquet",
                held_out=step.cleaned.folder / "dev.parquet",
                reward_model=Path(step.reward_model.folder) if step.reward_model else None,
                dependencies={name: Path(model.folder) for name, model in step.dependencies.items()},
                data_root=context.resolved.data_root,
                out=out,
                checkpoint_dir=checkpoint_dir,
                run=context.cache.folder,
                seed=step.seed,
            )
            progress = partial(context.listener.progress, f"training {step.place.rpartition('/')[2]}")
            if context.launch is not None:
                return train_launched(context.launch, step.trainer, job, progress, probes, study.evaluate.every)
            measure = partial(in_training.measure, probes, step.trainer.model_kind)
            meter = Meter(measure, study.evaluate.every or 1) if probes else None
            return train(step.trainer, job, progress, meter)

        stage = context.cache.stage(step.place, inputs, work, resumable=True)
        for warning in stage.result.get("warnings", ()):
            context.listener.note(warning)
        return stage

    def _find_probes(self, step: TrainingStep, study: Study) -> list[in_training.DevBenchmark]:
        """The benchmarks to measure during training."""
        if study.evaluate.every is None:
            return []
        splits = {part: path for part, path in find_held_out_files(step.cleaned, study).items() if part == "dev"}
        limit, root = study.evaluate.limit, self.context.resolved.data_root
        return in_training.select_dev_benchmarks(
            study.labelled_benchmarks(), step.trainer.model_kind, limit, root, splits
        )

    def _make_outside_model(self, model: ModelDependency) -> TrainedModel:
        """Makes a model that no step trains from its folder or hub name."""
        return TrainedModel(model.name, self.context.hashes.model_key(model.name), model.model_kind)
