"""Trains and evaluates in parallel: a scheduler in this process, and N processes that run one job at a time.

A job is one training step of one variant and seed, with the feedback of its round and the evaluation of its model. A
stage's key is computed from the keys of its inputs, so the scheduler knows all unfinished stages and their dependencies
before any job starts. A stage that variants share belongs to one job only, and dependent jobs wait for it. So two
processes never write one stage.
"""

import concurrent.futures
import contextlib
import graphlib
import os
import pickle
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from unipref.core import terminal
from unipref.core.errors import ResourceError, report_missing_resources
from unipref.core.leaves import iterate_leaves
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE
from unipref.core.stage_cache import PendingStage, Stage
from unipref.core.workers.pool import Pool
from unipref.pipeline.run import STAGES, Run
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study
from unipref.study.steps import find_origins

SCHEDULED_STAGES = ("collected", "train", "evaluated")
"""Kinds of stages that jobs run; the other stages run after them, in this process."""


class Job(NamedTuple):
    """One training step of one variant and seed, and the evaluation of its model."""

    variant: str
    seed: int
    step: str

    def __str__(self) -> str:
        return f"{self.variant}/{self.seed}/{self.step}"


class Outcome(NamedTuple):
    """The result of a job.

    Attributes:
        keys: keys of the stages that it ran.
        folders: key -> folder, of these stages and of those that it used.
        notes: notes for the reader.
        seconds: duration.
    """

    keys: list[str]
    folders: dict[str, str]
    notes: list[str]
    seconds: float


def run_side_by_side(
    resolved: ResolvedStudy,
    folder: Path,
    until: str,
    jobs: int,
    listener: ProgressListener,
    only: Collection[str] | None = None,
) -> set[str]:
    """Runs all stages up to `until`: data and checks here, then training and evaluation in `jobs` processes.

    Args:
        resolved: the study.
        folder: the run folder.
        until: 'train' or 'evaluate'.
        jobs: number of processes.
        listener: receives stages, notes and progress.
        only: as in `Run`; the manifest on disk then stays as it is.

    Returns:
        The keys of the stages that ran.

    Raises:
        UserError: as for `pipeline.run`. Finished stages are kept; running jobs stop with the process.
    """
    depth = STAGES.index(until)
    run = Run(resolved, folder, listener, only=only)
    cache = run.context.cache
    try:
        for variant, (study, cleaned, _) in run.prepare(depth).items():
            if until == "evaluate":
                run.evaluation.run_base(variant, study, cleaned)
    except BaseException:
        # The error that stopped the run counts, not that the same full disk has no room for its records.
        with contextlib.suppress(OSError):
            if only is None:
                run.context.manifest.write()
        raise
    if only is None:
        run.context.manifest.write()
    done = {stage.key for stage in cache.stages if not stage.cached}
    rest = Run(resolved, folder, ProgressListener(), dry_run=True, only=only)
    rest.run_stages(until)
    jobs_before = find_predecessors(rest.context.cache.pending)
    processes = min(jobs, max(1, len(jobs_before)))
    for outcome in _run_jobs(jobs_before, resolved, folder, until, processes, listener, cache.folders()):
        done |= set(outcome.keys)
    return done


def find_predecessors(pending: Sequence[PendingStage]) -> dict[Job, set[Job]]:
    """Returns job -> the jobs that must finish before it, in the order of the study.

    Args:
        pending: the unfinished stages, from a dry run.
    """
    owner: dict[str, Job] = {}
    before: dict[Job, set[Job]] = {}
    for name, key, inputs in pending:
        kind, *place = name.split("/")
        if kind not in SCHEDULED_STAGES:
            continue
        variant, seed, step = place[:3]
        job = Job(variant, int(seed), step)
        owner[key] = job
        # The content of a pending stage is its key with a word before it.
        keys = [str(leaf).removeprefix("of ") for _, leaf in iterate_leaves(inputs)]
        before.setdefault(job, set()).update({owner[key] for key in keys if key in owner} - {job})
    return before


def _run_jobs(
    jobs_before: Mapping[Job, set[Job]],
    resolved: ResolvedStudy,
    folder: Path,
    until: str,
    processes: int,
    listener: ProgressListener,
    folders: dict[str, str],
) -> list[Outcome]:
    """Runs each job as soon as the jobs before it have finished.

    A process knows only the stages that it ran itself. `folders` (key -> folder) lists those of other processes, which
    variants may share; without it, a process would run them again in another folder.
    """
    order = graphlib.TopologicalSorter(jobs_before)
    order.prepare()
    outcomes, notes = list[Outcome](), set[str]()
    # The study is unpickled in the process when it can import the study's own code.
    pool = Pool(processes, _prepare_process, pickle.dumps(resolved), folder)
    running: dict[concurrent.futures.Future[Outcome], Job] = {}
    try:
        while order.is_active():
            for job in order.get_ready():
                running[pool.submit(_run_job, job, until, dict(folders))] = job
            finished, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                outcomes.append(outcome := future.result())
                folders |= outcome.folders
                order.done(job)
                listener.stage(f"{job} ({len(outcomes)} of {len(jobs_before)}, {outcome.seconds:.0f} s)", False)
                for note in outcome.notes:
                    # Jobs that start from the same step repeat its notes.
                    if note not in notes:
                        listener.note(note)
                    notes.add(note)
    except BrokenProcessPool as error:
        pool.kill()
        job_names = ", ".join(str(job) for job in running.values())
        mend = "Usually memory runs out: use fewer --jobs. Run the same command again to resume."
        raise ResourceError(f"a process died while it ran {job_names}.", where="--jobs", mend=mend) from error
    except BaseException:
        pool.kill()
        raise
    pool.close()
    return outcomes


class _Notes(ProgressListener):
    """Collects the notes of a job."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class _Worker:
    """The state that a process keeps between jobs: the run, and each variant's cleaned data."""

    def __init__(self, resolved: ResolvedStudy, folder: Path) -> None:
        self.listener = _Notes()
        self.run = Run(resolved, folder, self.listener)
        self._cleaned: dict[str, Stage] = {}

    def run_job(self, job: Job, until: str, folders: dict[str, str]) -> Outcome:
        run, cache = self.run, self.run.context.cache
        cache.folders_of_others |= folders
        start, before = time.monotonic(), len(cache.stages)
        study = run.context.resolved.variants[job.variant]
        evaluates = STAGES.index(until) >= STAGES.index("evaluate")
        if job.variant not in self._cleaned:
            cleaned = run.data.run_clean(job.variant, study, run.data.run_unify(job.variant, study))
            if evaluates:
                run.evaluation.run_base(job.variant, study, cleaned)
            self._cleaned[job.variant] = cleaned
        cleaned = self._cleaned[job.variant]
        selected = run.data.run_select(job.variant, job.seed, study, cleaned)
        # The process that made the data has already reported their notes.
        self.listener.notes = []
        step_names = _find_ancestry(study, job.step)
        models = run.training.run_steps(job.variant, job.seed, study, selected, cleaned, only=step_names)
        if evaluates:
            run.evaluation.run_benchmarks(job.variant, job.seed, job.step, study, models[job.step], cleaned)
        keys = [stage.key for stage in cache.stages[before:] if not stage.cached]
        return Outcome(keys, cache.folders(), self.listener.notes, time.monotonic() - start)


def _find_ancestry(study: Study, step: str) -> set[str]:
    """The step and all steps whose models it needs, directly or not."""
    ancestry, origin_of = set[str](), find_origins(study)
    todo: list[str | None] = [step]
    while todo:
        name = todo.pop()
        if name is not None and name != BASE and name not in ancestry:
            ancestry.add(name)
            origin = origin_of[name]
            todo += [origin.start, origin.reward_model, *origin.dependencies]
    return ancestry


_study: tuple[bytes, Path] | None = None
_worker: _Worker | None = None


def _prepare_process(pickled: bytes, folder: Path) -> None:
    """Prepares a process, which computes with one thread.

    Args:
        pickled: the study. It is read with the first job, which can report an error; this function cannot.
        folder: the run folder.
    """
    global _study
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    terminal.guard_libraries()
    torch.set_num_threads(1)
    _study = pickled, folder


def _run_job(job: Job, until: str, folders: dict[str, str]) -> Outcome:
    global _worker
    assert _study is not None
    with report_missing_resources(str(job)):
        if _worker is None:
            _worker = _Worker(pickle.loads(_study[0]), _study[1])
        return _worker.run_job(job, until, folders)
