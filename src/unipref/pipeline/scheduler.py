"""Trains and evaluates in parallel: a scheduler in this process, and N processes that each run one job at a time.

A job is one training step of one variant and seed, with the feedback of its round, or the evaluation of one model. A
stage's key is computed from the keys of its inputs, so the scheduler knows all unfinished stages and their dependencies
before any job starts. A stage that variants share belongs to one job only, and dependent jobs wait for it. So two
processes never write one stage. Training waits for no evaluation: the base model is measured beside it.
"""

import concurrent.futures
import contextlib
import graphlib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from unipref.core.leaves import iterate_leaves
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.stage_cache import PendingStage
from unipref.pipeline.job_progress import JobProgress, read_progress, remove_progress
from unipref.pipeline.job_workers import Job, JobWorkers, Outcome, open_workers
from unipref.pipeline.run import STAGES, Run
from unipref.study.load import ResolvedStudy

SCHEDULED_STAGES = ("collected", "train", "evaluated")
"""Kinds of stages that jobs run; the other stages run after them, in this process."""

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the progress of the running jobs is read."""


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
    run = Run(resolved, folder, listener, only=only)
    cache = run.context.cache
    with open_workers(resolved, folder, jobs) as workers:
        try:
            run.prepare(STAGES.index(until))
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
        jobs_before = find_predecessors(rest.context.cache.pending, rest.context.cache.shared)
        folders = cache.folders() | rest.context.cache.folders()
        for outcome in run_jobs(jobs_before, workers, jobs, folder, listener, folders):
            done |= set(outcome.keys)
    return done


def find_predecessors(pending: Sequence[PendingStage], shared: Sequence[PendingStage] = ()) -> dict[Job, set[Job]]:
    """Returns job -> the jobs that must finish before it, in the order of the study.

    Args:
        pending: the unfinished stages, from a dry run.
        shared: stages of the same keys under other names, from the same dry run. A job that uses one waits for the job
            that runs it.
    """
    owner: dict[str, Job] = {}
    before: dict[Job, set[Job]] = {}
    for name, key, inputs in pending:
        job = _find_job(name)
        if job is None:
            continue
        owner[key] = job
        # The content of a pending stage is its key with a word before it.
        keys = [str(leaf).removeprefix("of ") for _, leaf in iterate_leaves(inputs)]
        before.setdefault(job, set()).update({owner[key] for key in keys if key in owner} - {job})
    for name, key, _ in shared:
        job = _find_job(name)
        if job in before and key in owner:
            before[job] |= {owner[key]} - {job}
    return before


def _find_job(stage: str) -> Job | None:
    """Returns the job that runs a stage; None if no job does."""
    kind, *place = stage.split("/")
    if kind not in SCHEDULED_STAGES:
        return None
    if kind == "evaluated" and len(place) == 2:  # base or base-VARIANT, and the benchmark
        return Job("evaluated", place[0].removeprefix(BASE).removeprefix("-") or MAIN, None, BASE)
    variant, seed, step = place[:3]
    return Job("evaluated" if kind == "evaluated" else "train", variant, int(seed), step)


class _JobReports:
    """Reports the jobs to a listener.

    Args:
        folder: the run folder.
        listener: receives the finished jobs, their notes, and the progress of running jobs.
        total: number of jobs.
    """

    def __init__(self, folder: Path, listener: ProgressListener, total: int) -> None:
        self._folder, self._listener, self._total = folder, listener, total
        self._finished, self._notes = 0, set[str]()
        self._latest: dict[Job, JobProgress] = {}

    def start(self, job: Job) -> None:
        """Reports that a job starts."""
        self._report(job, JobProgress("starting", 0, 1, {}, "steps", None))

    def report_running(self, running: Iterable[Job]) -> None:
        """Reports the progress of the running jobs."""
        for job in running:
            progress = read_progress(self._folder, str(job))
            if progress is not None:
                self._report(job, progress)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Reports that a job has finished."""
        self._finished += 1
        del self._latest[job]
        self._listener.finish_job(str(job), self._finished, self._total, outcome.seconds)
        for note in outcome.notes:
            # Jobs that start from the same step repeat its notes.
            if note not in self._notes:
                self._listener.note(note)
            self._notes.add(note)

    def _report(self, job: Job, progress: JobProgress) -> None:
        before = self._latest.get(job)
        self._latest[job] = progress
        if before is not None and before.label != progress.label and before.total == 1:
            # A single step ends when the next work begins; work of several steps may only be interrupted.
            self._send(job, before, 1)
        self._send(job, progress, progress.done)

    def _send(self, job: Job, progress: JobProgress, done: int) -> None:
        self._listener.progress(
            f"{job}: {progress.label}",
            done,
            progress.total,
            progress.figures,
            unit=progress.unit,
            rows=progress.rows,
        )


def run_jobs(
    jobs_before: Mapping[Job, set[Job]],
    workers: JobWorkers,
    at_once: int,
    folder: Path,
    listener: ProgressListener,
    folders: dict[str, str],
) -> list[Outcome]:
    """Runs each job as soon as the jobs before it have finished, at most `at_once` at a time.

    Args:
        jobs_before: job -> the jobs that must finish before it.
        workers: the processes.
        at_once: number of jobs at a time.
        folder: the run folder.
        listener: receives the finished jobs, notes, and the progress of the running jobs.
        folders: key -> folder of the finished stages, which variants may share; jobs add theirs. Without it, a process,
            which knows only the stages that it ran itself, would run those of others again in another folder.
    """
    reports = _JobReports(folder, listener, len(jobs_before))
    if jobs_before:
        listener.start_jobs(len(jobs_before), min(at_once, len(jobs_before)))
    order = graphlib.TopologicalSorter(jobs_before)
    order.prepare()
    outcomes = list[Outcome]()
    ready, running = deque[Job](), dict[concurrent.futures.Future[Outcome], Job]()
    while order.is_active():
        ready.extend(order.get_ready())
        while ready and len(running) < at_once:
            job = ready.popleft()
            remove_progress(folder, str(job))
            running[workers.submit(job, dict(folders))] = job
            reports.start(job)
        finished, _ = concurrent.futures.wait(
            running, SECONDS_BETWEEN_LOOKS, return_when=concurrent.futures.FIRST_COMPLETED
        )
        if not finished:
            reports.report_running(running.values())
        for future in finished:
            outcomes.append(outcome := workers.take(future, running))
            job = running.pop(future)
            folders |= outcome.folders
            order.done(job)
            reports.finish(job, outcome)
    return outcomes
