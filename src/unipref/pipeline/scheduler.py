"""Training and evaluation side by side: a scheduler in this process, and N processes that do one job at a time.

A job is one training step of one variant and seed, with the evaluation of its model. Which stages are left and what
each waits for is known before any is done, for a stage's key is made of the keys of what goes into it. A stage that
variants share is in one job only; the jobs behind it wait. So no two processes write one stage.
"""

import concurrent.futures
import graphlib
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE
from unipref.core.stage_cache import PendingStage, Stage
from unipref.core.workers.parent_process import exit_with_parent
from unipref.pipeline.run import STAGES, Run
from unipref.pipeline.stage_inputs import UPSTREAM_KEYS
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study
from unipref.study.steps import find_origins

SCHEDULED_STAGES = ("train", "evaluated")
"""Kinds of stages that jobs do; what is left comes after them."""


class Job(NamedTuple):
    """One training step of one variant and seed, and what is measured of it."""

    variant: str
    seed: int
    step: str

    def __str__(self) -> str:
        return f"{self.variant}/{self.seed}/{self.step}"


class Outcome(NamedTuple):
    """What a job has done.

    Attributes:
        keys: of the stages that it did.
        folders: key -> folder of these and of the stages that it used.
        notes: what a reader should know.
        seconds: how long it took.
    """

    keys: list[str]
    folders: dict[str, str]
    notes: list[str]
    seconds: float


def run_side_by_side(
    resolved: ResolvedStudy, folder: Path, until: str, jobs: int, listener: ProgressListener
) -> set[str]:
    """Does all stages as far as `until`: data and checks here, then training and evaluation in `jobs` processes.

    Args:
        resolved: the study.
        folder: of the run.
        until: 'train' or 'evaluate'.
        jobs: processes.
        listener: hears what happens.

    Returns:
        The keys of the stages that were done.

    Raises:
        UserError: as `pipeline.run`. What is done by then is kept; jobs that have begun are ended with the process.
    """
    depth = STAGES.index(until)
    run = Run(resolved, folder, listener)
    cache = run.context.cache
    try:
        for variant, (study, cleaned, _) in run.prepare(depth).items():
            if until == "evaluate":
                run.evaluation.run_base(variant, study, cleaned)
    finally:
        run.context.manifest.write()
    done = {stage.key for stage in cache.stages if not stage.cached}
    rest = Run(resolved, folder, ProgressListener(), dry_run=True)
    rest.run_stages(until)
    jobs_before = find_predecessors(rest.context.cache.pending)
    processes = min(jobs, max(1, len(jobs_before)))
    for outcome in _run_jobs(jobs_before, resolved, folder, until, processes, listener, cache.folders()):
        done |= set(outcome.keys)
    return done


def find_predecessors(pending: Sequence[PendingStage]) -> dict[Job, set[Job]]:
    """Job -> the jobs that must be done before it, in the order of the study.

    Args:
        pending: the stages that a dry run would do.
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
        keys = [*(inputs.get(upstream) for upstream in UPSTREAM_KEYS), *inputs.get("dependencies", {}).values()]
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
    """Does each job as soon as the jobs before it are done.

    A process knows the stages that it did itself. `folders` (key -> folder) tells it of those that others did, which
    two variants may share: without it, it would do them again in a folder of its own.
    """
    order = graphlib.TopologicalSorter(jobs_before)
    order.prepare()
    outcomes, notes = list[Outcome](), set[str]()
    pool = concurrent.futures.ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(resolved, folder, os.getpid()),
    )
    running: dict[concurrent.futures.Future[Outcome], Job] = {}
    try:
        while order.is_active():
            for job in order.get_ready():
                running[pool.submit(_work, job, until, dict(folders))] = job
            ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
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
        at_work = ", ".join(str(job) for job in running.values())
        mend = "Most often there is too little memory: take fewer --jobs. The same command goes on where it stopped."
        raise UserError(f"a process ended in the middle of its work ({at_work}).", where="--jobs", mend=mend) from error
    except BaseException:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        raise
    pool.shutdown()
    return outcomes


class _Notes(ProgressListener):
    """Collects the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class _Worker:
    """What a process keeps from job to job: the run, and each variant's cleaned data."""

    def __init__(self, resolved: ResolvedStudy, folder: Path) -> None:
        self.listener = _Notes()
        self.run = Run(resolved, folder, self.listener)
        self._cleaned: dict[str, Stage] = {}

    def work(self, job: Job, until: str, folders: dict[str, str]) -> Outcome:
        run, cache = self.run, self.run.context.cache
        cache.folders_of_others |= folders
        start, before = time.monotonic(), len(cache.stages)
        study = run.context.resolved.variants[job.variant]
        measures = STAGES.index(until) >= STAGES.index("evaluate")
        if job.variant not in self._cleaned:
            cleaned = run.data.run_clean(job.variant, study, run.data.run_unify(job.variant, study))
            if measures:
                run.evaluation.run_base(job.variant, study, cleaned)
            self._cleaned[job.variant] = cleaned
        cleaned = self._cleaned[job.variant]
        selected = run.data.run_select(job.variant, job.seed, study, cleaned)
        # The process that made the data has reported their notes.
        self.listener.notes = []
        needed = _find_ancestry(study, job.step)
        models = run.training.run_steps(job.variant, job.seed, study, selected, cleaned, only=needed)
        if measures:
            run.evaluation.run_benchmarks(job.variant, job.seed, job.step, study, models[job.step], cleaned)
        keys = [stage.key for stage in cache.stages[before:] if not stage.cached]
        return Outcome(keys, cache.folders(), self.listener.notes, time.monotonic() - start)


def _find_ancestry(study: Study, step: str) -> set[str]:
    """The step and all steps that it is made from, directly or not."""
    ancestry, origin_of = set[str](), find_origins(study)
    todo: list[str | None] = [step]
    while todo:
        name = todo.pop()
        if name is not None and name != BASE and name not in ancestry:
            ancestry.add(name)
            origin = origin_of[name]
            todo += [origin.start, origin.reward_model, *origin.dependencies]
    return ancestry


_worker: _Worker | None = None


def _begin(resolved: ResolvedStudy, folder: Path, parent: int) -> None:
    """Sets a process up: one thread of computation, and an end when the run is no more."""
    global _worker
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(1)
    exit_with_parent(parent)
    _worker = _Worker(resolved, folder)


def _work(job: Job, until: str, folders: dict[str, str]) -> Outcome:
    assert _worker is not None
    return _worker.work(job, until, folders)
