"""The training of a run: all is checked before the first step; then each step is a stage that can be taken up again."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core import registry, stage_cache
from unipref.core.contracts import Benchmark, Trainer, TrainJob
from unipref.core.progress import ProgressListener
from unipref.core.records import MAIN
from unipref.core.stage_cache import RunDir, Stage
from unipref.evaluate import data_hash, in_training
from unipref.models import loading
from unipref.pipeline.launcher import Launch, train_launched
from unipref.pipeline.manifest import Manifest
from unipref.study.overrides import expanded
from unipref.study.schema import ResolvedStudy, Study
from unipref.train import Meter, PreflightRequest, check_disk, machine, preflight, train

VERSIONS = ("torch", "transformers", "trl", "peft", "accelerate")


class VariantData(NamedTuple):
    """A variant, its cleaned data, and what was selected of them for each seed."""

    study: Study
    cleaned: Stage
    selected: dict[int, Stage]


class Step(NamedTuple):
    """One training step: which, from what, on what.

    Attributes:
        place: its folder in the run.
        trainer, seed: the settings.
        start: folder and key of the model it starts from; judge: of the reward model, where it needs one.
        asked: name in the settings -> folder and key of a further model that it asks.
        selected, cleaned: the data.
    """

    place: str
    trainer: Trainer
    seed: int
    start: tuple[str, str]
    judge: tuple[str, str] | None
    asked: Mapping[str, tuple[str, str]]
    selected: Stage
    cleaned: Stage


def about(trainer: Trainer, origin: str) -> dict[str, Any]:
    """What a card and a report say of a step.

    Args:
        trainer: the step.
        origin: the step, or the study's model, that it starts from.
    """
    settings = trainer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    adapter = settings.get("lora") is not None and not getattr(trainer, "merge_adapter", True)
    return {
        "trainer": trainer.name(),
        "makes": trainer.makes,
        "from": origin,
        "adapter": adapter,
        "settings": {name: value for name, value in settings.items() if name not in ("name", "from")},
    }


class Training:
    """Checks and trains in one run folder."""

    def __init__(
        self,
        loaded: ResolvedStudy,
        run: RunDir,
        manifest: Manifest,
        listener: ProgressListener,
        launch: Launch | None = None,
    ) -> None:
        self.loaded, self.dir, self.manifest, self.listener, self.launch = loaded, run, manifest, listener, launch
        # Models and data are read often and do not change while a run works: they are hashed once.
        self.model_key = cache(loading.model_key)
        self.tree_hash = cache(stage_cache.tree_hash)

    def check(self, ready: Mapping[str, VariantData]) -> None:
        """Looks for what would fail or mislead, before any of the training: every variant and seed, and the disk."""
        disk: dict[str, list[dict[str, int]]] = {}
        for variant, (study, cleaned, selected) in ready.items():
            for seed, chosen in selected.items() if study.train else ():
                stage = self._preflight(variant, seed, study, chosen, cleaned)
                if stage.planned:
                    continue
                disk[stage.key] = [step["disk"] for step in stage.result["steps"].values() if "disk" in step]
                self.manifest.checked(variant, seed, stage)
        for note in check_disk([step for steps in disk.values() for step in steps], self.dir.folder / "train"):
            self.listener.note(note)

    def _preflight(self, variant: str, seed: int, study: Study, selected: Stage, cleaned: Stage) -> Stage:
        assert study.model is not None
        inputs = {
            "model": self.model_key(study.model),
            "steps": [registry.cache_identity(trainer) for trainer in study.train],
            "data": data_key(selected, cleaned),
            "files": [self._files(trainer) for trainer in study.train],
            "machine": machine(),
            "code": stage_cache.code_key("unipref.train", *registry.code_modules(*study.train)),
            "versions": stage_cache.versions(*VERSIONS),
            **self._launched(),
        }
        plan = PreflightRequest(
            model=study.model,
            steps=dict(zip(study.step_names(), study.train, strict=True)),
            preferences=selected.folder / "train.parquet",
            held_out=cleaned.folder / "dev.parquet",
            where="train" if variant == MAIN else f"variants.{variant}.train",
            processes=self.launch.processes if self.launch else 1,
            sharded=self.launch.sharded if self.launch else False,
            data_root=self.loaded.data_root,
        )

        def work(out: Path) -> dict[str, Any]:
            found = preflight(plan)
            stage_cache.write_json(out / "preflight.json", found)
            return found

        stage = self.dir.stage(f"checked/{variant}/{seed}", inputs, work)
        for note in [*stage.result.get("said", ()), *stage.result.get("warnings", ())]:
            self.listener.note(note)
        return stage

    def step(self, step: Step, study: Study) -> Stage:
        """Trains one step, or goes on with it where a killed run left it."""
        probes = self._probes(step, study)
        root = self.loaded.data_root
        inputs: dict[str, Any] = {
            "trainer": registry.cache_identity(step.trainer),
            "start": step.start[1],
            "reward": step.judge[1] if step.judge else None,
            "judges": {name: key for name, (_, key) in step.asked.items()},
            "files": self._files(step.trainer),
            "data": data_key(step.selected, step.cleaned),
            "seed": step.seed,
            "code": stage_cache.code_key("unipref.train", *registry.code_modules(step.trainer)),
            "versions": stage_cache.versions(*VERSIONS),
            **self._launched(),
        }
        if probes:
            inputs["measured"] = {
                "every": study.evaluate.every,
                "what": [
                    [
                        probe.label,
                        registry.cache_identity(probe.benchmark),
                        self.data_hash(probe.benchmark, probe.data, step.cleaned),
                    ]
                    for probe in probes
                ],
                "code": stage_cache.code_key(
                    "unipref.evaluate.in_training", *registry.code_modules(*(probe.benchmark for probe in probes))
                ),
            }

        def work(out: Path, bench: Path) -> dict[str, Any]:
            job = TrainJob(
                policy=Path(step.start[0]),
                preferences=step.selected.folder / "train.parquet",
                held_out=step.cleaned.folder / "dev.parquet",
                reward_model=Path(step.judge[0]) if step.judge else None,
                judges={name: Path(folder) for name, (folder, _) in step.asked.items()},
                data_root=root,
                out=out,
                bench=bench,
                seed=step.seed,
            )
            progress = partial(self.listener.progress, f"training {step.place.rpartition('/')[2]}")
            if self.launch is not None:
                return train_launched(self.launch, step.trainer, job, progress, probes, study.evaluate.every)
            measure = partial(in_training.measure, probes, step.trainer.makes)
            meter = Meter(measure, study.evaluate.every or 1) if probes else None
            return train(step.trainer, job, progress, meter)

        stage = self.dir.stage(step.place, inputs, work, bench=True)
        for warning in stage.result.get("warnings", ()):
            self.listener.note(warning)
        return stage

    def _files(self, trainer: Trainer) -> dict[str, str]:
        """The files that a step's settings name, by content."""
        root = self.loaded.data_root
        return {place: stage_cache.file_hash(root / expanded(path)) for place, path in trainer.files().items()}

    def _launched(self) -> dict[str, Any]:
        """What the launch adds to a step's key; nothing where there is one process, as ever."""
        return {"launch": self.launch.cache_identity()} if self.launch else {}

    def data_hash(self, benchmark: Benchmark, data: Path, cleaned: Stage) -> str:
        """The hash of what a benchmark measures on; of a plan, the run's own parts by what they will come from."""
        if cleaned.planned and data.parent == cleaned.folder:
            return f"{data.name} {cleaned.content}"
        return data_hash(benchmark, data, self.tree_hash)

    def _probes(self, step: Step, study: Study) -> list[in_training.DevBenchmark]:
        """What is measured while the step trains."""
        if study.evaluate.every is None:
            return []
        splits = {part: path for part, path in splits_of(step.cleaned, study).items() if part == "dev"}
        limit, root = study.evaluate.limit, self.loaded.data_root
        return in_training.select_dev_benchmarks(study.labelled_benchmarks(), step.trainer.makes, limit, root, splits)


def data_key(selected: Stage, cleaned: Stage) -> list[str]:
    """What a training step learns from: selections that keep the same rows are the same, however they were made."""
    return [selected.files.get("train.parquet", selected.key), cleaned.content]


def splits_of(cleaned: Stage, study: Study) -> dict[str, Path]:
    """Held-out part -> its file, of the parts that have rows, or of a plan those that have a share."""
    parts = ("dev", "test")
    there = [part for part in parts if (getattr(study.split, part) if cleaned.planned else cleaned.result[part])]
    return {part: cleaned.folder / f"{part}.parquet" for part in there}
