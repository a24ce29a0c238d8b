"""Trains and evaluates in parallel: a scheduler in this process, and N processes that each run one job at a time.

A job is one training step of one variant and seed, with the feedback of its round and the evaluation of its model. A
stage's key is computed from the keys of its inputs, so the scheduler knows all unfinished stages and their dependencies
before any job starts. A stage that variants share belongs to one job only, and dependent jobs wait for it. So two
processes never write one stage.
"""

import concurrent.futures
import contextlib
import graphlib
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from unipref.core.leaves import iterate_leaves
from unipref.core.progress import ProgressListener
from unipref.core.stage_cache import PendingStage
from unipref.pipeline.job_workers import Job, JobWorkers, Outcome, open_workers
from unipref.pipeline.run import STAGES, Run
from unipref.pipeline.stage_data import VariantData
from unipref.study.load import ResolvedStudy

SCHEDULED_STAGES = ("collected", "train", "evaluated")
"""Kinds of stages that jobs run; the other stages run after them, in this process."""


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
    cache, done = run.context.cache, set[str]()
    with open_workers(resolved, folder, until, jobs) as workers:
        try:
            prepared = run.prepare(depth)
            if until == "evaluate":
                done = _measure_bases(run, prepared, workers, listener)
        except BaseException:
            # The error that stopped the run counts, not that the same full disk has no room for its records.
            with contextlib.suppress(OSError):
                if only is None:
                    run.context.manifest.write()
            raise
        if only is None:
            run.context.manifest.write()
        done |= {stage.key for stage in cache.stages if not stage.cached}
        rest = Run(resolved, folder, ProgressListener(), dry_run=True, only=only)
        rest.run_stages(until)
        jobs_before = find_predecessors(rest.context.cache.pending)
        for outcome in _run_jobs(jobs_before, workers, jobs, listener, cache.folders()):
            done |= set(outcome.keys)
    return done


def _measure_bases(
    run: Run, prepared: Mapping[str, VariantData], workers: JobWorkers, listener: ProgressListener
) -> set[str]:
    """Measures the base models, and returns the keys of the stages that other processes ran for it."""
    outcome = None
    if workers.measure_bases is not None and _has_pending_bases(run, prepared):
        outcome = workers.measure_bases(list(prepared), run.context.cache.folders())
    for note in outcome.notes if outcome else ():
        listener.note(note)
    for variant, (study, cleaned, _) in prepared.items():
        run.evaluation.run_base(variant, study, cleaned)
    return set(outcome.keys) if outcome else set()


def _has_pending_bases(run: Run, prepared: Mapping[str, VariantData]) -> bool:
    plan = Run(run.context.resolved, run.context.cache.folder, ProgressListener(), dry_run=True, only=prepared.keys())
    for variant, (study, cleaned, _) in plan.prepare(STAGES.index("evaluate")).items():
        plan.evaluation.run_base(variant, study, cleaned)
    return any(stage.name.startswith("evaluated") for stage in plan.context.cache.pending)


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
    workers: JobWorkers,
    most: int,
    listener: ProgressListener,
    folders: dict[str, str],
) -> list[Outcome]:
    """Runs each job as soon as the jobs before it have finished, at most `most` at a time.

    A process knows only the stages that it ran itself. `folders` (key -> folder) lists those of other processes, which
    variants may share; without it, a process would run them again in another folder.
    """
    order = graphlib.TopologicalSorter(jobs_before)
    order.prepare()
    outcomes, notes = list[Outcome](), set[str]()
    ready, running = deque[Job](), dict[concurrent.futures.Future[Outcome], Job]()
    while order.is_active():
        ready.extend(order.get_ready())
        while ready and len(running) < most:
            job = ready.popleft()
            running[workers.submit(job, dict(folders))] = job
        finished, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in finished:
            outcomes.append(outcome := workers.take(future, running))
            job = running.pop(future)
            folders |= outcome.folders
            order.done(job)
            listener.stage(f"{job} ({len(outcomes)} of {len(jobs_before)}, {outcome.seconds:.0f} s)", False)
            for note in outcome.notes:
                # Jobs that start from the same step repeat its notes.
                if note not in notes:
                    listener.note(note)
                notes.add(note)
    return outcomes
