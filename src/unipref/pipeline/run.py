"""The stages in order.

sources -> unify -> clean -> select -> check -> train -> evaluate -> verdicts, report, for every variant and seed; once
there are models, examples of what they answer. Each stage is skipped when its inputs, settings and code are what they
were.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unipref import report, sources
from unipref.analysis.verdicts import write_verdicts
from unipref.clean import clean
from unipref.core import registry, stage_cache
from unipref.core.contracts import Benchmark
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.stage_cache import RunDir, Stage
from unipref.core.workers import make_engine
from unipref.evaluate import data_path, evaluate
from unipref.evaluate.compare import compare_pair
from unipref.models import loading
from unipref.models.model_cache import ModelCache
from unipref.pipeline.examples_stage import AnsweringModel, ExamplesStage, last_policy
from unipref.pipeline.launcher import Launch
from unipref.pipeline.manifest import Manifest
from unipref.pipeline.training_stage import Step, Training, VariantData, about, splits_of
from unipref.select import choose
from unipref.study.schema import ResolvedStudy, Study, origins, steps_of
from unipref.unify import left_out, refuse_contradictions, unify

SCORING = ("unipref.evaluate", "unipref.evaluate.compare", "unipref.models.model_cache")
"""Code that decides what is measured of a model."""
STAGES = ("unify", "select", "check", "train", "evaluate")
"""How far a run may be asked to go."""


class Trained(NamedTuple):
    """A model of the run: its folder, the key of the stage that made it, and whether it is a policy or a reward."""

    folder: str
    key: str
    makes: str


class Run:
    """One study on its way through the stages, in one folder.

    Args:
        loaded: the study.
        folder: of the run.
        listener: hears what happens.
        launch: the processes that train one model together; None: this one.
        planning: as in `RunDir`.
        elsewhere: as in `RunDir`.
    """

    def __init__(
        self,
        loaded: ResolvedStudy,
        folder: Path,
        listener: ProgressListener,
        launch: Launch | None = None,
        *,
        planning: bool = False,
        elsewhere: Collection[str] = (),
    ) -> None:
        self.loaded, self.listener = loaded, listener
        self.dir = RunDir(folder, listener.stage, planning=planning, elsewhere=elsewhere)
        self.manifest = Manifest(self.dir, loaded)
        self.training = Training(loaded, self.dir, self.manifest, listener, launch)
        self._base_scores: dict[tuple[str, str], Stage] = {}
        self._unified: dict[str, Stage] = {}

    def go(self, until: str) -> Path:
        """All variants and seeds, as far as the stage `until`."""
        try:
            self.walk(until)
            if until != "evaluate":
                self._recall()
        finally:
            self.manifest.write()
            report.write_cards(self.dir.folder)
        write_verdicts(self.dir.folder)
        report.write(self.dir.folder)
        return self.dir.folder

    def _recall(self) -> None:
        """Takes in what an earlier run has measured of these very models; of what they replace, nothing stays."""
        if self.manifest.has_scores():
            earlier = Run(self.loaded, self.dir.folder, ProgressListener(), planning=True)
            earlier.walk("evaluate")
            self.manifest.recall(earlier.manifest)

    def walk(self, until: str) -> None:
        """All stages in order."""
        depth = STAGES.index(until)
        ready = self.prepared(depth)
        if depth < STAGES.index("train"):
            return
        if self.loaded.study.model is not None:
            self.manifest.model(self.base(self.loaded.study).key)
        policies = {}
        for variant, (study, cleaned, selected) in ready.items():
            if study.model is None:
                continue
            if depth >= STAGES.index("evaluate"):
                self.scored(variant, None, BASE, study, self.base(study), cleaned)
            for seed, chosen in selected.items():
                models_of = self.trained(variant, seed, study, chosen, cleaned)
                for step, model in models_of.items() if depth >= STAGES.index("evaluate") else ():
                    self.scored(variant, seed, step, study, model, cleaned)
                if seed == study.seeds[0] and (last := last_policy(variant, models_of)):
                    policies[variant] = last
        if depth >= STAGES.index("evaluate"):
            self._exemplified(ready, policies)

    def _exemplified(self, ready: Mapping[str, VariantData], policies: Mapping[str, AnsweringModel]) -> None:
        """Examples of what the models answer, before and after."""
        main = ready[MAIN]
        if main.study.model is None:
            return
        base = self.base(main.study)
        examples = ExamplesStage(self.loaded, self.dir, self.manifest, self.listener)
        # What is held out here may have been trained on by a variant that splits or cleans otherwise.
        alike = {n: last for n, last in policies.items() if ready[n].cleaned.content == main.cleaned.content}
        apart = [last.label for name, last in policies.items() if name not in alike]
        examples.stage(main, self._unified[MAIN], AnsweringModel(BASE, base.folder, base.key), alike, apart)

    def prepared(self, depth: int) -> dict[str, VariantData]:
        """Variant -> its data, selected and checked where STAGES[depth] is as far as that."""
        ready = {variant: self._ready(variant, study, depth) for variant, study in self.loaded.variants.items()}
        if depth >= STAGES.index("check"):
            self.training.check(ready)
        return ready

    def _ready(self, variant: str, study: Study, depth: int) -> VariantData:
        """A variant's data, as far as they are asked for."""
        self._unified[variant] = self.unified(variant, study)
        cleaned = self.cleaned(variant, study, self._unified[variant])
        seeds = study.seeds if depth >= STAGES.index("select") else []
        return VariantData(study, cleaned, {seed: self.selected(variant, seed, study, cleaned) for seed in seeds})

    def unified(self, variant: str, study: Study) -> Stage:
        """Sources -> preferences."""
        plans = self.loaded.plans[variant]
        inputs: dict[str, Any] = {
            "settings": study.unify.model_dump(),
            "sources": [
                {
                    "how": msgspec.to_builtins(plan.how),
                    "form": registry.cache_identity(plan.form),
                    "files": sources.fingerprint(plan.parts),
                }
                for plan in plans
            ],
            "code": stage_cache.code_key(
                "unipref.unify",
                "unipref.sources",
                "unipref.core.workers",
                *registry.code_modules(*(plan.form for plan in plans)),
            ),
        }

        def work(out: Path) -> dict[str, Any]:
            parts = [part for plan in plans for part in plan.parts]
            size = sum(part.size for part in parts)
            with (
                sources.joined(parts, out) as read,
                closing(make_engine(study.engine, study.workers, size, self.listener.progress)) as engine,
            ):
                return unify(plans, study.unify, out, engine=engine, read=read)

        name = self._shared("unified", variant)
        stage = self.dir.stage(name, inputs, work)
        if stage.planned:
            return stage
        if stage.folder == self.dir.folder / name:
            for note in left_out(stage.result):
                self.listener.note(note)
        hashes = {plan.how.source: entry["files"] for plan, entry in zip(plans, inputs["sources"], strict=True)}
        self.manifest.unified(variant, stage, hashes)
        refuse_contradictions(stage.result, {source.name for source in study.sources if source.accept_polarity})
        return stage

    def cleaned(self, variant: str, study: Study, unified: Stage) -> Stage:
        """Preferences -> train, dev and test."""
        benchmarks, fetched = (self.benchmark_data(), self.fetched()) if study.clean.benchmarks else ({}, [])
        inputs = {
            "unified": unified.key,
            "split": study.split.model_dump(),
            "clean": study.clean.model_dump(),
            "benchmarks": {name: self.training.tree_hash(path) for name, path in benchmarks.items()},
            "fetched": fetched,
            "code": stage_cache.code_key("unipref.clean", "unipref.sources"),
            "versions": stage_cache.versions("rensa") if study.clean.duplicates == "near" else {},
        }
        preferences = unified.folder / "preferences.parquet"
        name = self._shared("clean", variant)
        stage = self.dir.stage(
            name, inputs, lambda out: clean(preferences, study.split, study.clean, out, benchmarks, fetched)
        )
        if stage.planned:
            return stage
        if stage.folder == self.dir.folder / name:
            for note in stage.result["notes"]:
                self.listener.note(note)
        return self.manifest.cleaned(variant, stage)

    def benchmark_data(self) -> dict[str, Path]:
        """Benchmark -> its data, of every variant's benchmarks that have data of their own.

        Data that a benchmark fetches itself are not among them. Variants share them, or they could not share their
        preferences. The same benchmark on other data is numbered.
        """
        found: dict[Path, str] = {}
        uses: Counter[str] = Counter()
        every = [benchmark for study in self.loaded.variants.values() for benchmark in study.evaluate.benchmarks]
        for benchmark in every:
            path = self._data_of(benchmark)
            if path is not None and path not in found and path.exists():
                uses[name := benchmark.name()] += 1
                found[path] = name + (f"-{uses[name]}" if uses[name] > 1 else "")
        return {name: path for path, name in found.items()}

    def fetched(self) -> list[str]:
        """The benchmarks, of every variant, that bring data themselves which the run does not have."""
        every = [benchmark for study in self.loaded.variants.values() for benchmark in study.evaluate.benchmarks]
        compare_pair = set(self.benchmark_data().values())
        unread = [one for one in every if one.fetches and self._data_of(one) not in compare_pair]
        return sorted({benchmark.title for benchmark in unread})

    def _data_of(self, benchmark: Benchmark) -> Path | None:
        """Where a benchmark's own data are; None where it reads the run's."""
        return None if benchmark.data is None else data_path(benchmark, self.loaded.data_root, {}).resolve()

    def selected(self, variant: str, seed: int, study: Study, cleaned: Stage) -> Stage:
        """Train -> the part of it that is trained on."""
        asked = study.select.models(study.model)
        inputs = {
            "clean": cleaned.content,  # not its key: another benchmark that removes nothing changes nothing
            "strategy": registry.cache_identity(study.select),
            "models": [self.training.model_key(name) for name in asked],
            "seed": seed if study.select.seeded else None,
            "embedder": self.training.model_key(embedder)
            if (embedder := getattr(study.select, "embedder", None))
            else None,
            "code": stage_cache.code_key("unipref.select", *registry.code_modules(study.select)),
        }
        candidates, cache = cleaned.folder / "train.parquet", self.dir.folder / "cache"
        stage = self.dir.stage(
            f"selected/{variant}/{seed}",
            inputs,
            lambda out: choose(study.select, candidates, out, seed, cache, study.model),
        )
        if stage.planned:
            return stage
        for note in [*stage.result["notes"], *stage.result["account"]["warnings"]]:
            self.listener.note(note)
        return self.manifest.selected(variant, seed, stage)

    def trained(
        self,
        variant: str,
        seed: int,
        study: Study,
        selected: Stage,
        cleaned: Stage,
        only: Collection[str] | None = None,
    ) -> dict[str, Trained]:
        """The training steps in order, or those named `only`, which must be with all that they start from."""
        done = {BASE: self.base(study)}
        for (trainer, name), origin in zip(steps_of(study), origins(study).values(), strict=True):
            if only is not None and name not in only:
                continue
            start, judge = done[origin.start], done[origin.judge] if origin.judge else None
            asked = {one.name: done[one.name][:2] if one.name in done else _named(one.name) for one in trainer.judges()}
            step = Step(
                place=f"train/{variant}/{seed}/{name}",
                trainer=trainer,
                seed=seed,
                start=start[:2],
                judge=judge[:2] if judge else None,
                asked=asked,
                selected=selected,
                cleaned=cleaned,
            )
            stage = self.training.step(step, study)
            if not stage.planned:
                self.manifest.trained(variant, seed, name, stage, about(trainer, origin.start))
            done[name] = Trained(str(stage.folder), stage.key, trainer.makes)
        return {name: model for name, model in done.items() if name != BASE}

    def scored(self, variant: str, seed: int | None, step: str, study: Study, model: Trained, cleaned: Stage) -> None:
        """One model on every benchmark that can judge it."""
        name, key, kind = model
        splits = splits_of(cleaned, study)
        shelf = ModelCache()
        for benchmark, label in study.labelled_benchmarks():
            if kind not in benchmark.measures:
                continue
            data = data_path(benchmark, self.loaded.data_root, splits)
            inputs: dict[str, Any] = {
                "model": key,
                "benchmark": registry.cache_identity(benchmark),
                "label": label,
                "data": self.training.data_hash(benchmark, data, cleaned),
                "surroundings": benchmark.surroundings(),
                "code": stage_cache.code_key(*SCORING, *registry.code_modules(benchmark)),
            }

            # A reward model is asked for rewards, the base for likelihoods: they share no measure.
            comparable = step != BASE and kind == self.base(study).makes
            base = self._base_scores.get((variant, label)) if comparable else None
            inputs["base"] = base.key if base else None

            def work(out: Path, benchmark: Any = benchmark, label: str = label, base: Any = base) -> dict[str, Any]:
                scores = evaluate(
                    name,
                    [benchmark],
                    data_root=self.loaded.data_root,
                    splits=splits,
                    out=out,
                    labels=[label],
                    on_note=self.listener.note,
                    load=shelf.load,
                )
                return {"scores": scores, "against_base": compare_pair(base.folder, out) if base else []}

            place = self._shared("evaluated/base", variant) if step == BASE else f"evaluated/{variant}/{seed}/{step}"
            stage = self.dir.stage(f"{place}/{label}", inputs, work)
            if step == BASE:
                self._base_scores[variant, label] = stage
            if stage.planned:
                continue
            shared = stage.folder.parent.name == BASE
            self.manifest.scored(BASE if shared else variant, seed, step, name, stage)

    def base(self, study: Study) -> Trained:
        """The study's model."""
        if study.model is None:
            raise AssertionError("the study is checked to have a model where one is needed")
        return Trained(study.model, self.training.model_key(study.model), _kind(study.model))

    def _shared(self, name: str, variant: str) -> str:
        """The folder of a stage that variants share unless they change its settings."""
        return name if variant == next(iter(self.loaded.variants)) else f"{name}-{variant}"


def _kind(model: str) -> str:
    """What can measure a model: benchmarks of policies or of reward models."""
    return "reward" if loading.is_reward_model(model) else "policy"


def _named(name: str) -> tuple[str, str]:
    """A model that no step trains, and its key."""
    return name, loading.model_key(name)
