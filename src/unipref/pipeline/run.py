"""The stages in order.

sources -> unify -> clean -> select -> check -> train -> evaluate -> verdicts, report, for every variant and seed. After
training, the models answer examples. A stage is skipped if its inputs, settings and code have not changed;
`stage_inputs.py` lists these.
"""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

from unipref import report
from unipref.analysis.verdicts import write_verdicts
from unipref.core.errors import resource_error
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.stage_cache import Stage, StageCache
from unipref.pipeline.context import RunContext
from unipref.pipeline.data_stages import DataStages
from unipref.pipeline.evaluation_stage import EvaluationStage
from unipref.pipeline.examples import AnsweringModel
from unipref.pipeline.examples_stage import ExamplesStage, find_last_policy
from unipref.pipeline.launcher import Launch
from unipref.pipeline.manifest import ManifestWriter
from unipref.pipeline.stage_data import VariantData
from unipref.pipeline.stage_inputs import InputHashes
from unipref.pipeline.training_stage import TrainingStage
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study

STAGES = ("unify", "select", "check", "train", "evaluate")
"""The stages at which a run can stop."""


class Run:
    """Runs the stages of one study in one folder.

    Args:
        resolved: the study.
        folder: the run folder.
        listener: receives stages, notes and progress.
        launch: the processes that train one model together; None: this process alone.
        dry_run: as in `StageCache`.
        done_by_others: as in `StageCache`.
    """

    def __init__(
        self,
        resolved: ResolvedStudy,
        folder: Path,
        listener: ProgressListener,
        launch: Launch | None = None,
        *,
        dry_run: bool = False,
        done_by_others: Collection[str] = (),
    ) -> None:
        cache = StageCache(folder, listener.stage, dry_run=dry_run, done_by_others=done_by_others)
        hashes = InputHashes(resolved.data_root)
        self.context = RunContext(resolved, cache, ManifestWriter(cache, resolved), listener, hashes, launch)
        self.data = DataStages(self.context)
        self.training = TrainingStage(self.context)
        self.evaluation = EvaluationStage(self.context)
        self._unified: dict[str, Stage] = {}

    def execute(self, until: str) -> Path:
        """Runs all variants and seeds up to the stage `until`, and writes manifest, verdicts and report."""
        folder = self.context.cache.folder
        try:
            self.run_stages(until)
            if until != "evaluate":
                self._carry_over_scores()
        except BaseException:
            # The error that stopped the run counts, not that the same full disk has no room for its records.
            with contextlib.suppress(OSError):
                self._write_records()
            raise
        try:
            self._write_records()
            write_verdicts(folder)
            report.write(folder)
        except OSError as error:
            missing = resource_error(error)
            if missing is None or self._has_executed() or not (folder / report.PAGE).is_file():
                raise
            self.context.listener.note(f"nothing was to do, and the report was not written again: {missing.what}")
        return folder

    def _write_records(self) -> None:
        self.context.manifest.write()
        report.write_cards(self.context.cache.folder)

    def _has_executed(self) -> bool:
        """Whether this run executed a stage, so that its report has something new."""
        return any(not stage.cached for stage in self.context.cache.stages)

    def _carry_over_scores(self) -> None:
        """Takes over the scores that an earlier run has of the same models, and removes those of replaced models."""
        if self.context.manifest.has_scores():
            earlier = Run(self.context.resolved, self.context.cache.folder, ProgressListener(), dry_run=True)
            earlier.run_stages("evaluate")
            self.context.manifest.carry_over(earlier.context.manifest)

    def run_stages(self, until: str) -> None:
        """Runs the stages in order, up to `until`."""
        depth, context = STAGES.index(until), self.context
        data = self.prepare(depth)
        if depth < STAGES.index("train"):
            return
        if (main := context.resolved.study).model is not None:
            context.manifest.record_model(context.base_model(main).key)
        policies = {}
        for variant, (study, cleaned, selected) in data.items():
            if study.model is None:
                continue
            if depth >= STAGES.index("evaluate"):
                self.evaluation.run_base(variant, study, cleaned)
            for seed, chosen in selected.items():
                models = self.training.run_steps(variant, seed, study, chosen, cleaned)
                for step, model in models.items() if depth >= STAGES.index("evaluate") else ():
                    self.evaluation.run_benchmarks(variant, seed, step, study, model, cleaned)
                if seed == study.seeds[0] and (policy := find_last_policy(variant, models)):
                    policies[variant] = policy
        if depth >= STAGES.index("evaluate"):
            self._run_examples(data, policies)

    def prepare(self, depth: int) -> dict[str, VariantData]:
        """Runs the data stages and the checks, up to `STAGES[depth]`. Returns variant -> its data."""
        data = {
            variant: self._prepare_variant(variant, study, depth)
            for variant, study in self.context.resolved.variants.items()
        }
        if depth >= STAGES.index("check"):
            self.training.run_checks(data)
        return data

    def _prepare_variant(self, variant: str, study: Study, depth: int) -> VariantData:
        self._unified[variant] = self.data.run_unify(variant, study)
        cleaned = self.data.run_clean(variant, study, self._unified[variant])
        seeds = study.seeds if depth >= STAGES.index("select") else []
        selected = {seed: self.data.run_select(variant, seed, study, cleaned) for seed in seeds}
        return VariantData(study, cleaned, selected)

    def _run_examples(self, data: Mapping[str, VariantData], policies: Mapping[str, AnsweringModel]) -> None:
        """Makes examples of what the models answer, before and after training."""
        main = data[MAIN]
        if main.study.model is None:
            return
        base = self.context.base_model(main.study)
        # A variant with another split or cleaning may have trained on the preferences held out here.
        comparable = {n: policy for n, policy in policies.items() if data[n].cleaned.content == main.cleaned.content}
        excluded = [policy.label for name, policy in policies.items() if name not in comparable]
        answering = AnsweringModel(BASE, base.folder, base.key)
        ExamplesStage(self.context).run_examples(main, self._unified[MAIN], answering, comparable, excluded)
