"""Measures mixtures of the models that were trained on one source each, each benchmark in a stage of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.analysis.value.contributions import MIXTURE, mixture_without
from unipref.analysis.value.design import Part
from unipref.analysis.verdicts.evidence import Evidence, Measured, Model, Variant
from unipref.analysis.verdicts.read import read_statistic
from unipref.core.chat_models import Policy
from unipref.core.contracts import Benchmark
from unipref.core.run_folder import CleanCounts, Manifest
from unipref.core.stats.statistic import Statistic
from unipref.evaluate import data_path, evaluate
from unipref.models.weight_merging import Recipe, WeightMerger
from unipref.pipeline import stage_inputs
from unipref.pipeline.merge.inputs import MergeInput, MergeSet, find_adapter
from unipref.pipeline.run import Run
from unipref.pipeline.value.plan import Plan

Figures = dict[tuple[str, Model], dict[int | None, Statistic]]
"""Objective and mixture -> seed -> its figure."""


class MixtureStages:
    """Merges and measures the mixtures of a plan.

    Args:
        plan: the plan; its variants are trained.
        run: with their finished stages.
        manifest: of these stages.
        evidence: their figures, whose headline metrics are measured.
    """

    def __init__(self, plan: Plan, run: Run, manifest: Manifest, evidence: Evidence) -> None:
        self.plan, self.run, self.manifest, self.evidence = plan, run, manifest, evidence
        self.study = plan.resolved.variants[plan.request.variant]
        labels = {side.benchmark for side in evidence.sides.values()}
        self.benchmarks = [pair for pair in self.study.labelled_benchmarks() if pair[1] in labels]
        clean = manifest.clean_of(plan.request.variant) or CleanCounts()
        counts = {part: clean.parts().get(part) for part in ("dev", "test")}
        self.splits = {part: plan.folder / clean.folder / f"{part}.parquet" for part, count in counts.items() if count}
        self._merger: tuple[Any, WeightMerger] | None = None

    def add_figures(self) -> Evidence:
        """Measures all mixtures and returns the evidence with their figures."""
        figures: Figures = {}
        for seed, left_out, parts in self.plan.list_mixtures():
            model = mixture_without(left_out) if left_out else Model(MIXTURE, MIXTURE)
            for benchmark, label in self.benchmarks:
                folder = self._measure(seed, model, parts, benchmark, label)
                for objective, side in self.evidence.sides.items():
                    if side.benchmark == label and (statistic := read_statistic(folder, side)) is not None:
                        figures.setdefault((objective, model), {})[seed] = statistic
        self._add_single(figures)
        measured = {objective: dict(models) for objective, models in self.evidence.measured.items()}
        for (objective, model), by_seed in figures.items():
            measured[objective][model] = Measured(by_seed)
        mixtures = {model.variant: Variant(model.variant, "unknown", 0.0, MIXTURE, ()) for _, model in figures}
        return Evidence(self.evidence.sides, measured, {**self.evidence.variants, **mixtures})

    def _add_single(self, figures: Figures) -> None:
        """Of two sources, the mixture without one is the model of the other, which is measured already."""
        alone = {part: v for part, v in self.plan.design.alone.items() if v not in self.plan.dropped}
        if len(alone) == 2 and figures:
            first, second = alone
            for left_out, kept in ((first, second), (second, first)):
                for objective, models in self.evidence.measured.items():
                    model = Model(alone[kept], self.plan.step)
                    if model in models:
                        figures[objective, mixture_without(left_out.name)] = dict(models[model].by_seed)

    def _measure(self, seed: int, model: Model, parts: list[Part], benchmark: Benchmark, label: str) -> Path:
        """Measures one mixture with one benchmark; returns the folder of the stage."""
        run, merge_set = self.run.context, self._make_set(seed)
        weights = self._weigh(parts)
        root = run.resolved.data_root
        data = data_path(benchmark, root, self.splits)
        folders = {name: merge_set.folder_of(name) for name in merge_set.parts}
        mixture = stage_inputs.mixture_inputs(run.hashes, merge_set.base, merge_set.tokenizer, folders, Recipe())
        inputs = stage_inputs.mixture_score_inputs(run.hashes, {**mixture, "weights": weights}, benchmark, data)

        def work(out: Path) -> dict[str, Any]:
            scores = evaluate(
                model.variant,
                [benchmark],
                data_root=root,
                splits=self.splits,
                out=out,
                labels=[label],
                on_note=run.listener.note,
                load=lambda name, precision: self._merge(seed, merge_set, weights, name, precision),
            )
            return {"scores": scores}

        return run.cache.stage(f"value/mixtures/{seed}/{model.variant}/{label}", inputs, work).folder

    def _weigh(self, parts: list[Part]) -> dict[str, float]:
        """Weighs the models by their numbers of preferences; the weights add up to 1."""
        counts = {part: self.plan.design.counts[part] for part in parts}
        return {part.name: round(count / sum(counts.values()), 9) for part, count in counts.items()}

    def _make_set(self, seed: int) -> MergeSet:
        parts = {}
        for part, variant in self.plan.design.alone.items():
            if variant not in self.plan.dropped:
                place = self.manifest.train[variant][str(seed)][self.plan.step].folder
                folder = self.plan.folder / place
                parts[part.name] = MergeInput(place, folder, find_adapter(folder), self.study.model)
        return MergeSet.of_parts(parts, self.plan.folder)[0]

    def _merge(self, seed: int, merge_set: MergeSet, weights: Mapping[str, float], name: str, precision: str) -> Policy:
        key = (seed, precision)
        if self._merger is None or self._merger[0] != key:
            self._merger = None  # frees the memory before the next one is loaded
            self._merger = key, merge_set.load_merger(precision)
        return self._merger[1].policy(weights, Recipe(), merge_set.tokenizer, name)
