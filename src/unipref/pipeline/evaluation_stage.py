"""Evaluation: one stage for each benchmark and model, then one for each model that compares it with the base model.

A measurement depends on its model alone. So models are measured in any order, and a base model that has to be measured
again leaves the measurements of others valid.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unipref.core.records import BASE
from unipref.core.stage_cache import Stage
from unipref.evaluate import data_path, evaluate
from unipref.evaluate.compare import compare_pair
from unipref.models.model_cache import ModelCache
from unipref.pipeline import stage_inputs
from unipref.pipeline.context import RunContext
from unipref.pipeline.stage_data import TrainedModel, find_held_out_files
from unipref.study.schema import Study


class EvaluationStage:
    """Measures the models of one run on its benchmarks.

    Args:
        context: of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._base_scores: dict[tuple[str, str], Stage] = {}

    def run_base(self, variant: str, study: Study, cleaned: Stage) -> None:
        """Measures the study's model on every benchmark that can; models that come after it are compared with it."""
        self.run_benchmarks(variant, None, BASE, study, self.context.base_model(study), cleaned)

    def run_benchmarks(
        self, variant: str, seed: int | None, step: str, study: Study, model: TrainedModel, cleaned: Stage
    ) -> None:
        """Measures one model on every benchmark that can measure it, unless the study leaves its step out."""
        if not study.is_measured(step):
            return
        context = self.context
        root, splits = context.resolved.data_root, find_held_out_files(cleaned, study)
        models = ModelCache()
        compared: list[tuple[Stage, Stage]] = []
        for benchmark, label in study.labelled_benchmarks():
            if model.model_kind not in benchmark.measures:
                continue
            data = data_path(benchmark, root, splits)
            inputs = stage_inputs.evaluate_inputs(context.hashes, model.key, benchmark, label, data, cleaned)

            def work(out: Path, benchmark: Any = benchmark, label: str = label) -> dict[str, Any]:
                scores = evaluate(
                    model.folder,
                    [benchmark],
                    data_root=root,
                    splits=splits,
                    out=out,
                    labels=[label],
                    on_note=context.listener.note,
                    load=models.load,
                    key=model.key,
                )
                return {"scores": scores}

            folder = (
                context.shared_folder("evaluated/base", variant)
                if step == BASE
                else f"evaluated/{variant}/{seed}/{step}"
            )
            stage = context.cache.stage(f"{folder}/{label}", inputs, work)
            if step == BASE:
                self._base_scores[variant, label] = stage
            elif base := self._base_scores.get((variant, label)):
                compared.append((base, stage))
            if stage.pending:
                continue
            is_shared = stage.folder.parent.name == BASE
            context.manifest.record_evaluation(BASE if is_shared else variant, seed, step, model.folder, stage)
        # Rewards and likelihoods are not comparable.
        if compared and model.model_kind == context.base_model(study).model_kind:
            self._compare(variant, seed, step, model, compared)

    def _compare(
        self, variant: str, seed: int | None, step: str, model: TrainedModel, pairs: Sequence[tuple[Stage, Stage]]
    ) -> None:
        """Compares the measurements of a model with those of the base model, which come first in each pair."""

        def work(out: Path) -> dict[str, Any]:
            return {"rows": [row for base, ours in pairs for row in compare_pair(base.folder, ours.folder)]}

        stage = self.context.cache.stage(f"compared/{variant}/{seed}/{step}", stage_inputs.compare_inputs(pairs), work)
        if not stage.pending:
            self.context.manifest.record_comparison(variant, seed, step, model.folder, stage)
