"""Evaluation: one stage for each benchmark and model, and one for its comparison with the base model.

A measurement depends on its model alone. So models are measured in any order, and a base model that has to be measured
again leaves the measurements of others valid.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.core.errors import UserError, near_name
from unipref.core.records import BASE, MAIN
from unipref.core.stage_cache import Stage
from unipref.core.stats.chance import WHOLE
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

    def run_base(self, variant: str, study: Study, cleaned: Stage) -> dict[str, Stage]:
        """Measures the study's model; returns as `run_benchmarks`.

        Raises:
            UserError: a benchmark has no figure of the metric that the study chose for it. Only its scores tell.
        """
        measured = self.run_benchmarks(variant, None, BASE, study, self.context.base_model(study), cleaned)
        if variant == MAIN and not self.context.cache.is_dry_run:  # the verdicts judge by the study as written
            check_headlines(study, measured)
        return measured

    def run_benchmarks(
        self, variant: str, seed: int | None, step: str, study: Study, model: TrainedModel, cleaned: Stage
    ) -> dict[str, Stage]:
        """Measures one model on every benchmark that can measure it, unless the study leaves its step out.

        Returns:
            Label of a benchmark -> the measurement.
        """
        if not study.is_measured(step):
            return {}
        context = self.context
        root, splits = context.resolved.data_root, find_held_out_files(cleaned, study)
        models = ModelCache()
        measured: dict[str, Stage] = {}
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
            stage = measured[label] = context.cache.stage(f"{folder}/{label}", inputs, work)
            if stage.pending:
                continue
            is_shared = stage.folder.parent.name == BASE
            context.manifest.record_evaluation(BASE if is_shared else variant, seed, step, model.folder, stage)
        return measured

    def compare_with_base(
        self,
        variant: str,
        seed: int,
        step: str,
        study: Study,
        model: TrainedModel,
        base: Mapping[str, Stage],
        measured: Mapping[str, Stage],
    ) -> None:
        """Compares a model with the base model, example by example, if both are of the same kind.

        Args:
            variant: of the model.
            seed: of the model.
            step: the step that trained it.
            study: the variant's study.
            model: the model.
            base: label -> measurement of the base model.
            measured: label -> measurement of the model.
        """
        context = self.context
        if model.model_kind != context.base_model(study).model_kind:
            return  # the likelihoods of a policy say nothing about the scores of a reward model
        for label, stage in measured.items():
            if label not in base:
                continue

            def work(out: Path, label: str = label, stage: Stage = stage) -> dict[str, Any]:
                return {"rows": compare_pair(base[label].folder, stage.folder)}

            inputs = stage_inputs.compare_inputs(base[label], stage)
            compared = context.cache.stage(f"compared/{variant}/{seed}/{step}/{label}", inputs, work)
            if not compared.pending:
                context.manifest.record_comparison(variant, seed, step, model.folder, compared)


def check_headlines(study: Study, measured: Mapping[str, Stage]) -> None:
    """Checks that the base model has the metrics that the study chose in place of the benchmarks' own.

    Raises:
        UserError: it has others.
    """
    for benchmark, label in study.labelled_benchmarks():
        own, metric = benchmark.headline_metric, study.verdicts.headline.get(label)
        if own is None or metric in (None, own.metric) or label not in measured:
            continue
        rows = measured[label].result["scores"]
        metrics = {row["metric"] for row in rows if row["slice"] == WHOLE and row["mode"] != "paper"}
        if rows and metric not in metrics:
            what = f"the benchmark has no metric '{metric}' of the base model."
            raise UserError(what, where=f"verdicts.headline.{label}", mend=near_name(metric, metrics))
