"""The stages before a round of training: the newest policy answers, judges compare, and preferences are made of it.

Each round has four stages in `collected/VARIANT/SEED/STEP/`: `feedback`, `unified`, `clean` and `selected`. What the
judges and the policy say while `feedback` is under way is in `cache/collected/`, so a killed round goes on there.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref import sources
from unipref.clean import SplitSettings
from unipref.clean.benchmark_leaks import BenchmarkLeaks
from unipref.collect import scoring
from unipref.collect.feedback_file import ANSWERS, FEEDBACK, RULES
from unipref.collect.load import ResolvedCollection
from unipref.collect.prompts import Prompt, PromptCounts
from unipref.collect.run import PAGE, REPORT, check_judges, collect_on, make_job, write_rules
from unipref.collect.schema import Answers, Collection
from unipref.core import json_files
from unipref.core.attempts import replace_folder
from unipref.core.contracts import Judge
from unipref.core.errors import ResourceError, UserError
from unipref.core.folder_lock import use_alone
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE
from unipref.core.stage_cache import Stage
from unipref.core.work_progress import Unit, report_work
from unipref.pipeline import round_inputs, stage_inputs
from unipref.pipeline.context import RunContext
from unipref.pipeline.data_stages import DataStages
from unipref.pipeline.round_prompts import draw_prompts
from unipref.pipeline.round_records import (
    count_decided,
    describe_round,
    describe_votes,
    drop_answers_prefix,
    list_notes,
)
from unipref.pipeline.stage_data import TrainedModel, find_steps_place
from unipref.sources import Limits
from unipref.study.rounds import Rounds
from unipref.study.schema import Study
from unipref.study.source import Source, resolve_source
from unipref.study.steps import Round, Step, list_steps
from unipref.unify import ResolvedSource

GOLD = "judged/gold"
"""What judges said of gold pairs, in the folder of a collection."""
CATALOG_NAME = "unipref_collect"
"""The entry of the catalog that reads the feedback."""
SEEDS = 2**32
"""Number of seeds of the sampling."""


class RoundStages:
    """Makes the data of rounds in one run.

    Args:
        context: of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.data = DataStages(context)
        self._leaks: BenchmarkLeaks | None = None
        self._folders: dict[str, Path] = {}
        """Place of a round -> the folder of the collection that it, or the round that it shares, is made in."""

    def run_round(
        self,
        variant: str,
        seed: int,
        study: Study,
        step: Step,
        start: str,
        models: Mapping[str, TrainedModel],
        cleaned: Stage,
    ) -> Stage:
        """Runs the stages before a round; returns the last one, which has the preferences to train on.

        Args:
            variant: of the run.
            seed: of the run.
            study: the variant.
            step: the round.
            start: name of the policy that answers.
            models: step -> its model, of the steps so far and of the study's model.
            cleaned: the study's cleaned data.

        Raises:
            UserError: there are too few prompts, or no pair is decided, or no preference is left. What the policy and
                the judges said is kept.
        """
        assert step.round is not None
        place, where = f"collected/{variant}/{seed}/{step.name}", find_steps_place(variant)
        try:
            feedback = self._collect(place, seed, study, step, models[start], models, cleaned)
            stages = {"feedback": feedback, **self._make_preferences(place, seed, study, step, feedback, cleaned)}
        except UserError as error:
            raise _add_place(error, f"{where}.{step.place}.rounds, {step.name}") from None
        if not stages["selected"].pending:
            for name in ("unified", "clean", "selected"):
                if stages[name].folder == self.context.cache.folder / place / name:  # not another variant's
                    for note in list_notes(name, stages[name]):
                        self.context.listener.note(f"{step.name}: {note.removeprefix(f'{step.name}: ')}")
            about = describe_round(step, start, stages, self._resolve(study, step.round.settings.prompts.sources))
            self.context.manifest.record_round(variant, seed, step.name, about, stages)
        return stages["selected"]

    def check(self, variant: str, study: Study, seed: int, cleaned: Stage) -> list[str]:
        """Checks the prompts and judges of all rounds before any training. Returns a note on each step with rounds.

        Judges that need the model of a step are checked in the round itself.
        """
        notes = []
        for step in list_steps(study):
            if step.round is None or step.round.number > 1:
                continue
            rounds = step.round.settings
            place = f"{find_steps_place(variant)}.{step.place}.rounds"
            with tempfile.TemporaryDirectory(prefix="unipref-rounds-") as folder:
                prompts, _ = self._draw(study, seed, step, cleaned, Path(folder), f"{place}.prompts")
                loaded = self._make_collection(study, step, seed, "", rounds.judges, [])
                write_rules(loaded, prompts, Path(folder))
                names = {BASE, *(one.name for one in list_steps(study))}
                ready = [judge for judge in rounds.judges if not names & {m.name for m in judge.model_dependencies()}]
                try:
                    check_judges(ready, make_job(loaded, Path(folder), ProgressListener()))
                except UserError as error:
                    raise _add_place(error, place) from None
            which = "the same" if rounds.prompts.repeat else "new"
            more = f" and later rounds, {rounds.n} in all" if rounds.n > 1 else ""
            notes.append(f"{step.name}{more}: {rounds.k} answers to {len(prompts)} {which} prompts")
        return notes

    def check_inputs(self, study: Study, seed: int, cleaned: Stage) -> list[dict[str, Any]]:
        """Returns what `check` depends on, by step with rounds."""
        rounds = [step.round for step in list_steps(study) if step.round is not None and step.round.number == 1]
        return [self._make_inputs(study, seed, round_, cleaned) for round_ in rounds]

    def _make_inputs(self, study: Study, seed: int, round_: Round, cleaned: Stage) -> dict[str, Any]:
        prompts, gold = round_.settings.prompts.sources, round_.settings.gold.sources
        own_sources = [*self._resolve(study, prompts), *self._resolve(study, gold)]
        benchmarks = self.data.find_benchmark_data()
        return round_inputs.round_inputs(self.context.hashes, study, round_, own_sources, cleaned, benchmarks, seed)

    def _collect(
        self,
        place: str,
        seed: int,
        study: Study,
        step: Step,
        policy: TrainedModel,
        models: Mapping[str, TrainedModel],
        cleaned: Stage,
    ) -> Stage:
        """Lets the policy answer and the judges compare."""
        assert step.round is not None
        context, rounds = self.context, step.round.settings
        judging = {
            model.name: models.get(model.name) or self._find_model(model.name, model.model_kind)
            for judge in rounds.judges
            for model in judge.model_dependencies()
        }
        gold = self._resolve(study, rounds.gold.sources)
        inputs = round_inputs.collect_inputs(self._make_inputs(study, seed, step.round, cleaned), policy, judging)

        earlier = place.removesuffix(str(step.round.number)) + str(step.round.number - 1)
        before = self._folders.get(earlier)

        def work(out: Path) -> dict[str, Any]:
            folder = context.cache.folder / "cache" / place
            judges = [_fill_in_models(judge, judging) for judge in rounds.judges]
            loaded = self._make_collection(study, step, seed, policy.folder, judges, gold)
            with use_alone(folder):
                _take_tests(folder, before)
                drawn, counts = self._draw(study, seed, step, cleaned, folder, "prompts")
                self.forget_benchmarks()
                try:
                    listener = _WithoutStages(context.listener, step.name)
                    report = collect_on(drawn, counts, loaded, folder, "judges", rounds.jobs, listener)
                except UserError as error:
                    raise _add_folder(error, folder) from None
                finally:
                    scoring.unload_models()
            # As in the study file: the folder of a model is different on each machine.
            for entry, judge in zip(report["judges"], rounds.judges, strict=True):
                entry["settings"] = judge.model_dump(mode="json")
            report["decided_pairs"] = count_decided(folder / FEEDBACK)
            if not report["decided_pairs"]:
                raise UserError(
                    f"the judges decided none of {report['answers']['pairs']} pairs of answers, so there is nothing to "
                    f"train on: {describe_votes(report)}.",
                    mend="Raise 'temperature', 'k', 'max_new_tokens' or the number of prompts, or use other judges. "
                    f"The answers and judgements are kept in {folder}, and all models that are trained stay.",
                )
            for name in (FEEDBACK, ANSWERS, RULES):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, out / name)
            json_files.write_json(out / REPORT, report)
            return report

        stage = context.cache.stage(f"{place}/feedback", inputs, work)
        # A variant that shares the round has no folder of its own for it.
        shared = stage.folder.parent.relative_to(context.cache.folder)
        self._folders[place] = context.cache.folder / "cache" / shared
        return stage

    def _make_preferences(
        self, place: str, seed: int, study: Study, step: Step, feedback: Stage, cleaned: Stage
    ) -> dict[str, Stage]:
        """Unifies, cleans and selects the feedback as that of a study, but holds nothing out of it."""
        assert step.round is not None
        own = study.model_copy(update={"split": SplitSettings(dev=0.0, test=0.0), "select": step.round.settings.select})
        if feedback.pending:
            resolved, hashes = [], {}
            inputs: dict[str, Any] = {"feedback": feedback.content}
        else:
            run = self.context.cache.folder
            folder = feedback.folder.relative_to(run).as_posix()
            resolved = [resolve_feedback(run, folder, step.name, study.limits)]
            hashes = sources.hash_files(resolved[0].parts)
            inputs = stage_inputs.unify_inputs(own, resolved, hashes)
        unified = self.data.unify_sources(f"{place}/unified", inputs, own, resolved, hashes)
        clean = self.data.clean_preferences(f"{place}/clean", own, unified)
        selected = self.data.select_preferences(f"{place}/selected", own, resolved, clean, cleaned, seed)
        return {"unified": unified, "clean": clean, "selected": selected}

    def _draw(
        self, study: Study, seed: int, step: Step, cleaned: Stage, work: Path, where: str
    ) -> tuple[list[Prompt], dict[str, PromptCounts]]:
        assert step.round is not None
        other = self._resolve(study, step.round.settings.prompts.sources)
        if self._leaks is None and (benchmarks := self.data.find_benchmark_data()):
            report_work("reading the benchmarks", 0, 1)
            self._leaks = BenchmarkLeaks(benchmarks)
            report_work("reading the benchmarks", 1, 1)
        return draw_prompts(step.round, seed, cleaned.folder, other, self._leaks, work, where)

    def forget_benchmarks(self) -> None:
        """Frees the texts of the benchmarks, which all checks read once: training may need the memory."""
        self._leaks = None

    def _make_collection(
        self, study: Study, step: Step, seed: int, policy: str, judges: list[Judge], gold: list[ResolvedSource]
    ) -> ResolvedCollection:
        """Makes the settings of the collection that a round is."""
        assert step.round is not None
        rounds, root = step.round.settings, self.context.resolved.data_root
        sampling = {name: getattr(rounds, name) for name in Answers.model_fields if name in Rounds.model_fields}
        settings = Collection(
            name=step.name,
            model=policy,
            sources=study.sources,
            answers=Answers(**sampling, seed=seed % SEEDS),
            constraints=rounds.constraints,
            pairs=rounds.pairs,
            judges=judges,
            gold=rounds.gold.model_copy(update={"sources": []}),
            objective=rounds.objective,
        )
        return ResolvedCollection(settings, {"rounds": study.train[step.place].rounds}, root, [], gold)

    def _resolve(self, study: Study, several: list[Source]) -> list[ResolvedSource]:
        root = self.context.resolved.data_root
        return [resolve_source(source, place, root, study.limits) for place, source in enumerate(several)]

    def _find_model(self, name: str, kind: str) -> TrainedModel:
        """Finds a model that no step trains by its folder, relative to the data, or its hub name."""
        folder = scoring.resolve_model(name, self.context.resolved.data_root)
        return TrainedModel(folder, self.context.hashes.model_key(folder), kind)


class _WithoutStages(ProgressListener):
    """Forwards what a collection tells, but not its parts, which are no stages of the run."""

    def __init__(self, listener: ProgressListener, step: str) -> None:
        self._listener, self._step = listener, step

    def note(self, text: str) -> None:
        self._listener.note(f"{self._step}: {drop_answers_prefix(text)}")

    def warn(self, text: str) -> None:
        self.note(text)

    def progress(
        self,
        label: str,
        done: int,
        total: int | None,
        figures: dict[str, Any] | None = None,
        *,
        unit: Unit = "steps",
        rows: int | None = None,
    ) -> None:
        self._listener.progress(f"{self._step}: {label}", done, total, figures, unit=unit, rows=rows)


def resolve_feedback(run: Path, folder: str, step: str, limits: Limits) -> ResolvedSource:
    """Returns the feedback of a round as a source with the name of its step; the origins of rows start in the run.

    Args:
        run: the run folder.
        folder: of the feedback, relative to it.
        step: the round.
        limits: on the file.
    """
    source = Source(name=step, dataset=CATALOG_NAME, path=f"{folder}/{FEEDBACK}")
    return resolve_source(source, 0, run.resolve(), limits)


def _take_tests(folder: Path, before: Path | None) -> None:
    """Takes over what judges said of the gold pairs in the round before: they need not say it again.

    Args:
        folder: of the collection.
        before: that of the round before; None: this is the first round.
    """
    if before is not None and (before / GOLD).is_dir() and not (folder / GOLD).exists():
        with replace_folder(folder / GOLD) as partial:
            shutil.copytree(before / GOLD, partial, dirs_exist_ok=True)


def _fill_in_models(judge: Judge, models: Mapping[str, TrainedModel]) -> Judge:
    """Returns a judge whose settings name the folders of models."""
    return judge.model_copy(update={model.place: models[model.name].folder for model in judge.model_dependencies()})


def _add_place(error: UserError, place: str) -> UserError:
    """Returns an error of a round with the place of its settings; a missing resource is not about settings."""
    if isinstance(error, ResourceError):
        return error
    where = f"{place} ({error.where})" if error.where else place
    return UserError(drop_answers_prefix(error.what), where=where, mend=drop_answers_prefix(error.mend or ""))


def _add_folder(error: UserError, folder: Path) -> UserError:
    """Returns an error of a collection with the paths of the files in its folder that it names."""
    if isinstance(error, ResourceError):
        return error
    what, mend = error.what, error.mend or ""
    for name in (PAGE, ANSWERS, FEEDBACK):
        what, mend = what.replace(name, str(folder / name)), mend.replace(name, str(folder / name))
    return UserError(what, where=error.where, mend=mend)
