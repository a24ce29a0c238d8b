"""Evaluation: one stage for each benchmark and model, compared with the base model."""

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
        """Measures the study's model on every benchmark that can; runs before the models compared with it."""
        self.run_benchmarks(variant, None, BASE, study, self.context.base_model(study), cleaned)

    def is_comparable(self, study: Study, model: TrainedModel) -> bool:
        """Whether a trained model is compared with the base model: rewards and likelihoods are not comparable."""
        return model.model_kind == self.context.base_model(study).model_kind

    def run_benchmarks(
        self, variant: str, seed: int | None, step: str, study: Study, model: TrainedModel, cleaned: Stage
    ) -> None:
        """Measures one model on every benchmark that can measure it, unless the study leaves its step out."""
        if not study.is_measured(step):
            return
        context = self.context
        root, splits = context.resolved.data_root, find_held_out_files(cleaned, study)
        models = ModelCache()
        comparable = step != BASE and self.is_comparable(study, model)
        for benchmark, label in study.labelled_benchmarks():
            if model.model_kind not in benchmark.measures:
                continue
            base = self._base_scores.get((variant, label)) if comparable else None
            data = data_path(benchmark, root, splits)
            inputs = stage_inputs.evaluate_inputs(context.hashes, model.key, benchmark, label, data, cleaned, base)

            def work(out: Path, benchmark: Any = benchmark, label: str = label, base: Any = base) -> dict[str, Any]:
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
                return {"scores": scores, "against_base": compare_pair(base.folder, out) if base else []}

            folder = (
                context.shared_folder("evaluated/base", variant)
                if step == BASE
                else f"evaluated/{variant}/{seed}/{step}"
            )
            stage = context.cache.stage(f"{folder}/{label}", inputs, work)
            if step == BASE:
                self._base_scores[variant, label] = stage
            if stage.pending:
                continue
            is_shared = stage.folder.parent.name == BASE
            context.manifest.record_evaluation(BASE if is_shared else variant, seed, step, model.folder, stage)
