"""Training and evaluation side by side: a scheduler in this process, and N processes that do one job at a time.

A job is one training step of one variant and seed, with the evaluation of its model. Which stages are left and what
each waits for is known before any is done, for a stage's key is made of the keys of what goes into it. A stage that
variants share is in one job only; the jobs behind it wait. So no two processes write one stage.
"""

import concurrent.futures
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE
from unipref.core.workers.parent_process import exit_with_parent
from unipref.pipeline.run import STAGES, Run
from unipref.study.schema import ResolvedStudy, origins

UPSTREAM_KEYS = ("start", "reward", "model", "base")
"""Inputs of a stage that are keys of other stages."""
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
    """What a job has done: the keys of its stages, where they and those it used lie, what is to be told, and how long
    it took.
    """

    keys: list[str]
    places: dict[str, str]
    notes: list[str]
    seconds: float


def side_by_side(loaded: ResolvedStudy, folder: Path, until: str, jobs: int, listener: ProgressListener) -> set[str]:
    """Does all stages as far as `until`: data and checks here, then training and evaluation in `jobs` processes.

    Args:
        loaded: the study.
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
    run = Run(loaded, folder, listener)
    try:
        for variant, (study, cleaned, _) in run.prepared(depth).items():
            if until == "evaluate":
                run.scored(variant, None, BASE, study, run.base(study), cleaned)
    finally:
        run.manifest.write()
    done = {stage.key for stage in run.dir.stages if not stage.cached}
    planned = Run(loaded, folder, ProgressListener(), planning=True)
    planned.walk(until)
    waits = waiting(planned.dir.planned)
    places = run.dir.places()
    for outcome in _scheduled(waits, loaded, folder, until, min(jobs, max(1, len(waits))), listener, places):
        done |= set(outcome.keys)
    return done


def waiting(planned: Sequence[tuple[str, str, Mapping[str, Any]]]) -> dict[Job, set[Job]]:
    """Job -> the jobs that must be done before it, in the order of the study.

    Args:
        planned: name, key and inputs of each stage that is to be done, as in `RunDir.planned`.
    """
    owner: dict[str, Job] = {}
    waits: dict[Job, set[Job]] = {}
    for name, key, inputs in planned:
        kind, *whose = name.split("/")
        if kind not in SCHEDULED_STAGES:
            continue
        variant, seed, step = whose[:3]
        job = Job(variant, int(seed), step)
        owner[key] = job
        keys = [*(inputs.get(of) for of in UPSTREAM_KEYS), *inputs.get("judges", {}).values()]
        waits.setdefault(job, set()).update({owner[key] for key in keys if key in owner} - {job})
    return waits


def _scheduled(
    waits: Mapping[Job, set[Job]],
    loaded: ResolvedStudy,
    folder: Path,
    until: str,
    processes: int,
    listener: ProgressListener,
    places: dict[str, str],
) -> list[Outcome]:
    """Does the jobs, each when what it waits for is done.

    A process knows of the stages it has made itself. `places` (key -> folder) tells it of the others', which two
    variants may share: without it, it would do them again in a folder of its own.
    """
    left = {job: set(before) for job, before in waits.items()}
    total, outcomes, told = len(left), list[Outcome](), set[str]()
    pool = concurrent.futures.ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(loaded, folder, os.getpid()),
    )
    running: dict[concurrent.futures.Future[Outcome], Job] = {}
    try:
        while left or running:
            for job in [job for job, before in left.items() if not before]:
                del left[job]
                running[pool.submit(_work, job, until, dict(places))] = job
            ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                job = running.pop(future)
                outcomes.append(outcome := future.result())
                places |= outcome.places
                for before in left.values():
                    before.discard(job)
                listener.stage(f"{job} ({len(outcomes)} of {total}, {outcome.seconds:.0f} s)", False)
                for note in outcome.notes:
                    # The steps that a job goes on from are told of by each.
                    if note not in told:
                        listener.note(note)
                    told.add(note)
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
    """Keeps what is to be told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


class _Worker:
    """What a process keeps from job to job: the run, and each variant's data."""

    def __init__(self, loaded: ResolvedStudy, folder: Path) -> None:
        self.notes = _Notes()
        self.run = Run(loaded, folder, self.notes)
        self._ready: dict[str, Any] = {}

    def work(self, job: Job, until: str, places: dict[str, str]) -> Outcome:
        self.run.dir.known |= places
        start, before = time.monotonic(), len(self.run.dir.stages)
        study = self.run.loaded.variants[job.variant]
        depth = STAGES.index(until)
        if job.variant not in self._ready:
            cleaned = self.run.cleaned(job.variant, study, self.run.unified(job.variant, study))
            if depth >= STAGES.index("evaluate"):
                self.run.scored(job.variant, None, BASE, study, self.run.base(study), cleaned)
            self._ready[job.variant] = cleaned
        cleaned = self._ready[job.variant]
        chosen = self.run.selected(job.variant, job.seed, study, cleaned)
        # What was told of the data has been told by the process that made them.
        self.notes.told = []
        models = self.run.trained(job.variant, job.seed, study, chosen, cleaned, only=_ancestry(study, job.step))
        if depth >= STAGES.index("evaluate"):
            self.run.scored(job.variant, job.seed, job.step, study, models[job.step], cleaned)
        keys = [stage.key for stage in self.run.dir.stages[before:] if not stage.cached]
        return Outcome(keys, self.run.dir.places(), self.notes.told, time.monotonic() - start)


def _ancestry(study: Any, step: str) -> set[str]:
    """The step and all that it comes from."""
    found, came = set[str](), origins(study)
    open_: list[str | None] = [step]
    while open_:
        name = open_.pop()
        if name is not None and name != BASE and name not in found:
            found.add(name)
            open_ += [came[name].start, came[name].judge, *came[name].asked]
    return found


_worker: _Worker | None = None


def _begin(loaded: ResolvedStudy, folder: Path, parent: int) -> None:
    """Sets a process up: one thread of computation, and an end when the run is no more."""
    global _worker
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(1)
    exit_with_parent(parent)
    _worker = _Worker(loaded, folder)


def _work(job: Job, until: str, places: dict[str, str]) -> Outcome:
    assert _worker is not None
    return _worker.work(job, until, places)
