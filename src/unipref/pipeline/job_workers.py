"""Processes that each run one job at a time, a training step or an evaluation: on this machine, or on a Ray cluster.

Both run the same functions on the same run folder. What a job needs of the study is unpickled in its process, when that
can import the study's own code.
"""

import contextlib
import os
import pickle
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from unipref.core import terminal
from unipref.core.errors import ResourceError, report_missing_resources
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.stage_cache import Stage
from unipref.core.work_progress import Unit, show_work
from unipref.core.workers import RayCluster
from unipref.core.workers.pool import Pool
from unipref.pipeline.cluster import open_cluster
from unipref.pipeline.job_progress import JobProgress, ProgressFile, open_progress
from unipref.pipeline.run import Run
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study
from unipref.study.steps import find_origins


class Job(NamedTuple):
    """One training step of one variant and seed, or the evaluation of one model.

    Attributes:
        kind: as the folder of its stages is called. A training step also collects the feedback of its round.
        variant: the first one, if several share the stages.
        seed: of the trained model; None for the base model.
        step: of the trained model; `BASE` for the base model.
    """

    kind: Literal["train", "evaluated"]
    variant: str
    seed: int | None
    step: str

    def __str__(self) -> str:
        if self.seed is None:
            return f"{self.kind}/{self.step}" + ("" if self.variant == MAIN else f"-{self.variant}")
        return f"{self.kind}/{self.variant}/{self.seed}/{self.step}"


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


class JobWorkers(Protocol):
    """Processes that run jobs."""

    def submit(self, job: Job, folders: dict[str, str]) -> "Future[Outcome]":
        """Starts a job; `folders` are those of the stages that other jobs ran."""
        ...

    def take(self, future: "Future[Outcome]", running: Mapping["Future[Outcome]", Job]) -> Outcome:
        """Returns the outcome of a finished job, one of those that are running.

        Raises:
            UserError: the job raised it, or its process was lost.
        """
        ...


@contextlib.contextmanager
def open_workers(resolved: ResolvedStudy, folder: Path, jobs: int) -> Iterator[JobWorkers]:
    """Opens the processes that the study's engine names; an error in the context ends running jobs at once.

    Args:
        resolved: the study.
        folder: the run folder.
        jobs: number of local processes.
    """
    # The study is unpickled in the process when it can import the study's own code.
    plan = JobPlan(pickle.dumps(resolved), str(folder.resolve()))
    with open_cluster(resolved.study, folder) as engine:
        if engine is not None:
            yield _ClusterWorkers(engine, plan)
            return
    pool = Pool(jobs, _prepare_process)
    try:
        yield _LocalWorkers(pool, plan)
    except BaseException:
        pool.kill()
        raise
    pool.close()


class JobPlan(NamedTuple):
    """What all jobs of a run share.

    Attributes:
        study: the pickled study.
        folder: the run folder.
    """

    study: bytes
    folder: str


class _LocalWorkers:
    def __init__(self, pool: Pool, plan: JobPlan) -> None:
        self._pool, self._plan = pool, plan

    def submit(self, job: Job, folders: dict[str, str]) -> "Future[Outcome]":
        return self._pool.submit(_run_job, (self._plan, job, folders))

    def take(self, future: "Future[Outcome]", running: Mapping["Future[Outcome]", Job]) -> Outcome:
        try:
            return future.result()
        except BrokenProcessPool as error:
            names = ", ".join(str(job) for job in running.values())  # any of them may have died
            mend = "Usually memory runs out: use fewer --jobs. Run the same command again to resume."
            raise ResourceError(f"a process died while it ran {names}.", where="--jobs", mend=mend) from error


class _ClusterWorkers:
    def __init__(self, engine: RayCluster, plan: JobPlan) -> None:
        self._engine, self._plan = engine, plan

    def submit(self, job: Job, folders: dict[str, str]) -> "Future[Outcome]":
        return self._engine.submit(_run_job, (self._plan, job, folders))

    def take(self, future: "Future[Outcome]", running: Mapping["Future[Outcome]", Job]) -> Outcome:
        return self._engine.take(future, str(running[future]))


class _JobListener(ProgressListener):
    """Collects the notes of a job, and writes its progress for the scheduler."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.file: ProgressFile | None = None

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.notes.append(text)

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
        if self.file is not None:
            self.file.write(JobProgress(label, done, total, figures or {}, unit, rows))


class _Worker:
    """The state that a process keeps between jobs: the run, and each variant's cleaned data."""

    def __init__(self, resolved: ResolvedStudy, folder: Path) -> None:
        self.listener = _JobListener()
        self.run = Run(resolved, folder, self.listener)
        self._cleaned: dict[str, Stage] = {}

    def clean(self, variant: str) -> Stage:
        """Returns the cleaned data of a variant."""
        if variant not in self._cleaned:
            data, study = self.run.data, self.run.context.resolved.variants[variant]
            self._cleaned[variant] = data.run_clean(variant, study, data.run_unify(variant, study))
        return self._cleaned[variant]

    def run_job(self, job: Job, folders: dict[str, str]) -> Outcome:
        cache, listener = self.run.context.cache, self.listener
        cache.folders_of_others |= folders
        start, before = time.monotonic(), len(cache.stages)
        with open_progress(cache.folder, str(job)) as listener.file, show_work(listener.progress):
            self._run_stages(job)
        keys = [stage.key for stage in cache.stages[before:] if not stage.cached]
        return Outcome(keys, cache.folders(), listener.notes, time.monotonic() - start)

    def _run_stages(self, job: Job) -> None:
        run, variant = self.run, job.variant
        study, cleaned = run.context.resolved.variants[variant], self.clean(variant)
        # The process that made the data has already reported their notes.
        self.listener.notes = []
        if job.seed is None:
            run.evaluation.run_base(variant, study, cleaned)
            return
        selected = run.data.run_select(variant, job.seed, study, cleaned)
        self.listener.notes = []
        step_names = _find_ancestry(study, job.step)
        model = run.training.run_steps(variant, job.seed, study, selected, cleaned, only=step_names)[job.step]
        if job.kind == "train":
            return
        run.evaluation.run_benchmarks(variant, job.seed, job.step, study, model, cleaned)


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


def _prepare_process() -> None:
    """Prepares a local process, which computes with one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    terminal.guard_libraries()


_worker: tuple[JobPlan, _Worker] | None = None
"""The worker of this process, for the plan that it was made for."""


def _open_worker(plan: JobPlan) -> _Worker:
    global _worker
    if _worker is None or _worker[0] != plan:
        import torch

        torch.set_num_threads(1)
        _worker = plan, _Worker(pickle.loads(plan.study), Path(plan.folder))
    return _worker[1]


def _run_job(given: tuple[JobPlan, Job, dict[str, str]]) -> Outcome:
    plan, job, folders = given
    with report_missing_resources(str(job)):
        return _open_worker(plan).run_job(job, folders)
