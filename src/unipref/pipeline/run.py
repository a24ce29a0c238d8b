"""The stages in order.

sources -> unify -> clean -> select -> check -> train -> evaluate -> verdicts, report, for every variant and seed. After
training, the models answer examples. A stage is skipped if its inputs, settings and code have not changed;
`stage_inputs.py` lists these.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from unipref import report
from unipref.analysis.verdicts import write_verdicts
from unipref.core.errors import ResourceError, UserError, describe, first_line, resource_error
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import VERDICTS, RunFolder
from unipref.core.stage_cache import Stage, StageCache, stage_kind
from unipref.core.work_progress import show_phase
from unipref.models import gguf
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
CHECKED = "checked"
"""The kind of the stages that check the training steps."""


class Run:
    """Runs the stages of one study in one folder.

    Args:
        resolved: the study.
        folder: the run folder.
        listener: receives stages, notes and progress.
        launch: the processes that train one model together; None: this process alone.
        dry_run: as in `StageCache`.
        done_by_others: as in `StageCache`.
        only: the variants to run; None: all. The study as written must be among them.
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
        only: Collection[str] | None = None,
    ) -> None:
        self.only = resolved.variants if only is None else only
        cache = StageCache(folder, listener.stage, dry_run=dry_run, done_by_others=done_by_others)
        hashes = InputHashes(resolved.data_root)
        self.context = RunContext(resolved, cache, ManifestWriter(cache, resolved), listener, hashes, launch)
        self.data = DataStages(self.context)
        self.training = TrainingStage(self.context)
        self.evaluation = EvaluationStage(self.context)
        self._unified: dict[str, Stage] = {}

    def execute(self, until: str) -> Path:
        """Runs all variants and seeds up to the stage `until`, and writes manifest, scores, verdicts and report.

        Cards, verdicts and report only show results: if one cannot be made, a warning says so, and the run is finished.
        A resource that is missing for them stops the run, unless it had nothing to do.
        """
        folder = self.context.cache.folder
        try:
            self.run_stages(until)
            if until != "evaluate":
                if self._leaves_finished_run():
                    self.context.manifest.write_checks()
                    self.context.listener.note(f"the data and models of {folder} are unchanged; so are its records")
                    self._show_results(folder)
                    return folder
                self._carry_over_scores()
        except BaseException:
            if not self._has_executed() and RunFolder(folder).has_manifest:
                raise  # the records of the earlier run stay
            # The error that stopped the run counts, not that the same full disk has no room for its records.
            with contextlib.suppress(OSError):
                self.context.manifest.write()
                self._attempt("cards of data and models", lambda: report.write_cards(folder))
            raise
        try:
            self.context.manifest.write()
            self._attempt("cards of data and models", lambda: report.write_cards(folder))
            if not self._attempt("verdicts", lambda: write_verdicts(folder)):
                (folder / VERDICTS).unlink(missing_ok=True)
            missing = None
        except Exception as error:
            missing = self._allow_missing_resource(error)
        self._show_results(folder)
        if missing is None:
            try:
                self._write_report(folder)
            except Exception as error:
                missing = self._allow_missing_resource(error)
        if missing is not None:
            self.context.listener.note(f"nothing was to do, and the report was not written again: {missing.what}")
        return folder

    def _write_report(self, folder: Path) -> None:
        if not self._attempt("report", lambda: report.write(folder, self.context.listener.warn)):
            # The pages of an earlier run would be taken for this one's.
            for name in (report.TEXT, report.PAGE):
                (folder / name).unlink(missing_ok=True)

    def _attempt(self, what: str, work: Callable[[], object]) -> bool:
        """Does work that no result depends on. Returns False, with a warning, if it fails.

        Raises:
            Exception: a resource of the machine is missing.
        """
        try:
            with show_phase(f"writing the {what}"):
                work()
        except Exception as error:
            if resource_error(error) is not None:
                raise
            folder = self.context.cache.folder
            self.context.listener.warn(
                f"The {what} could not be written: {describe(error, with_place=True)}. All results are in {folder}. "
                f"To try again: unipref report {folder}"
            )
            return False
        return True

    def _show_results(self, folder: Path) -> None:
        """Shows the results; if their output fails, such as on a closed pipe, the report is still made."""
        try:
            self.context.listener.results(folder)
        except OSError as error:
            self.context.listener.warn(f"The results could not be printed: {first_line(error)}. They are in {folder}.")

    def _allow_missing_resource(self, error: Exception) -> ResourceError:
        """Returns the resource that is missing, if this run had nothing to do; raises the error otherwise."""
        missing = resource_error(error)
        if missing is None or self._has_executed() or not (self.context.cache.folder / report.PAGE).is_file():
            raise error
        return missing

    def _has_executed(self) -> bool:
        """Whether this run has executed a stage, and not found all of them in the cache."""
        return any(not stage.cached for stage in self.context.cache.stages)

    def _leaves_finished_run(self) -> bool:
        """Whether the folder holds a run with models, and this run changed none of its data and models.

        Then its study, scores and report stay as they are, and its manifest but for what the checks say.
        """
        folder = RunFolder(self.context.cache.folder)
        try:
            earlier = folder.manifest_if_any
        except UserError:
            return False
        if not earlier.train and not folder.has_scores:
            return False
        contents = {stage.folder: stage.content for stage in earlier.stages}
        return all(
            stage.cached or contents.get(place) == stage.content
            for stage in self.context.cache.stages
            if stage_kind(place := stage.folder.relative_to(folder.path).as_posix()) != CHECKED
        )

    def _carry_over_scores(self) -> None:
        """Takes over the scores that an earlier run has of the same models, and removes those of replaced models."""
        if self.context.manifest.has_scores():
            earlier = Run(self.context.resolved, self.context.cache.folder, ProgressListener(), dry_run=True)
            earlier.run_stages("evaluate")
            self.context.manifest.carry_over(earlier.context.manifest)

    def run_stages(self, until: str) -> None:
        """Runs the stages in order, up to `until`."""
        depth, context = STAGES.index(until), self.context
        runs_all = self.only is context.resolved.variants
        data = self.prepare(depth)
        if depth < STAGES.index("train"):
            return
        if (main := context.resolved.study).model is not None:
            origin = None if context.cache.is_dry_run else gguf.read_origin(gguf.open_as_folder(main.model))
            context.manifest.record_model(context.base_model(main).key, origin.describe() if origin else None)
        policies = {}
        for variant, (study, cleaned, selected) in data.items():
            if study.model is None:
                continue
            base = self.evaluation.run_base(variant, study, cleaned) if depth >= STAGES.index("evaluate") else {}
            for seed, chosen in selected.items():
                models = self.training.run_steps(variant, seed, study, chosen, cleaned)
                for step, model in models.items() if depth >= STAGES.index("evaluate") else ():
                    measured = self.evaluation.run_benchmarks(variant, seed, step, study, model, cleaned)
                    if runs_all:
                        self.evaluation.compare_with_base(variant, seed, step, study, model, base, measured)
                if seed == study.seeds[0] and (policy := find_last_policy(variant, models)):
                    policies[variant] = policy
        if depth >= STAGES.index("evaluate") and runs_all:
            self._run_examples(data, policies)

    def prepare(self, depth: int) -> dict[str, VariantData]:
        """Runs the data stages and the checks, up to `STAGES[depth]`. Returns variant -> its data."""
        data = {
            variant: self.prepare_variant(variant, study, depth)
            for variant, study in self.context.resolved.variants.items()
            if variant in self.only
        }
        if depth >= STAGES.index("check"):
            self.training.run_checks(data)
        return data

    def prepare_variant(self, variant: str, study: Study, depth: int) -> VariantData:
        """Runs the data stages of one variant; that of the study as written must run before others."""
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
