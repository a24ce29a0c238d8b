"""The progress of jobs in other processes reaches the listener of the run."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from unipref.core.progress import ProgressListener
from unipref.core.work_progress import Unit, report_work, show_work
from unipref.pipeline import job_progress, job_workers
from unipref.pipeline.job_progress import JobProgress, open_progress, read_progress, remove_progress
from unipref.pipeline.job_workers import Job, Outcome
from unipref.pipeline.scheduler import run_jobs

SFT, DPO = (Job("train", "main", 0, step) for step in ("sft", "dpo"))
OTHER = Job("train", "main", 1, "sft")


class Reported(ProgressListener):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.works: list[tuple[str, int, int | None]] = []
        self.stages: list[str] = []
        self.notes: list[str] = []

    def stage(self, name: str, cached: bool) -> None:
        self.stages.append(name)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, label: str, done: int, total: int | None, *figures: Any, **counted: Any) -> None:
        self.works.append((label, done, total))


class SlowWorkers:
    """Ends a job when the scheduler has waited for it a few times; meanwhile the jobs report one work after another."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.running = folder, dict[Future[Outcome], tuple[Job, Any]]()
        monkeypatch.setattr("unipref.pipeline.scheduler.concurrent.futures.wait", self.wait)

    def submit(self, job: Job, folders: dict[str, str]) -> "Future[Outcome]":
        assert read_progress(self.folder, str(job)) is None
        works = [("opening", 0, 1), ("training", 1, 8), ("asking", 0, 3), ("training", 5, 8)]
        future: Future[Outcome] = Future()
        self.running[future] = job, iter(works)
        return future

    def take(self, future: "Future[Outcome]", running: Any) -> Outcome:
        return future.result()

    def wait(self, futures: Any, seconds: float, return_when: str) -> tuple[set[Any], set[Any]]:
        done = set[Future[Outcome]]()
        for future, (job, works) in list(self.running.items()):
            work = next(works, None)
            if work is not None:
                progress = JobProgress(*work, {"loss": float("nan")}, "steps", None)
                job_progress.ProgressFile(job_progress._find_path(self.folder, str(job))).write(progress)
                continue
            del self.running[future]
            remove_progress(self.folder, str(job))
            future.set_result(Outcome([], {}, ["shared", str(job)], 2.0))
            done.add(future)
        return done, set(futures) - done


def test_the_listener_is_told_what_each_running_job_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Reported()
    stale = JobProgress("training", 7, 8, {}, "steps", None)
    job_progress.ProgressFile(job_progress._find_path(tmp_path, str(SFT))).write(stale)  # a run was killed
    workers = SlowWorkers(tmp_path, monkeypatch)
    assert len(run_jobs({SFT: set(), OTHER: set(), DPO: {SFT}}, workers, 2, tmp_path, listener, {})) == 3
    assert listener.stages[2:] == ["train/main/0/dpo (3 of 3, 2 s)"]
    assert sorted(stage.split()[0] for stage in listener.stages[:2]) == ["train/main/0/sft", "train/main/1/sft"]
    assert sorted(listener.notes) == ["shared", "train/main/0/dpo", "train/main/0/sft", "train/main/1/sft"]
    works = [
        ("starting", 0, 1),
        ("starting", 1, 1),
        ("opening", 0, 1),
        ("opening", 1, 1),
        ("training", 1, 8),
        ("asking", 0, 3),  # within the training, which has not ended
        ("training", 5, 8),
    ]
    for job in (SFT, OTHER, DPO):
        own = [work for work in listener.works if work[0].startswith(f"{job}: ")]
        assert own == [(f"{job}: {label}", done, total) for label, done, total in works]
    assert listener.works[:2] == [(f"{job}: starting", 0, 1) for job in (SFT, OTHER)]


def test_the_listener_of_a_job_writes_its_progress_and_keeps_its_notes(tmp_path: Path) -> None:
    listener = job_workers._JobListener()
    listener.progress("too early", 1, 2)
    listener.note("a note")
    listener.warn("a warning")
    with open_progress(tmp_path, "a") as listener.file, show_work(listener.progress):
        report_work("reading", 1, 9, "rows")
        assert read_progress(tmp_path, "a") == JobProgress("reading", 1, 9, {}, "rows", None)
    assert listener.notes == ["a note", "a warning"]


def test_a_job_writes_its_progress_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(job_progress.time, "monotonic", lambda: now[0])
    job_progress._find_path(tmp_path, "a/b").write_text("half a file")
    assert read_progress(tmp_path, "a/b") is None
    remove_progress(tmp_path, "a/b")

    def receive(label: str, done: int, total: int | None, *, unit: Unit = "steps", rows: int | None = None) -> None:
        file.write(JobProgress(label, done, total, {}, unit, rows))

    with open_progress(tmp_path, "a/b") as file, show_work(receive):
        assert read_progress(tmp_path, "a/b") is None
        report_work("reading", 1, 9, "rows")
        report_work("reading", 2, 9, "rows")  # too soon
        assert read_progress(tmp_path, "a/b") == JobProgress("reading", 1, 9, {}, "rows", None)
        now[0] = 0.6
        report_work("reading", 3, 9, "rows")
        assert read_progress(tmp_path, "a/b") == JobProgress("reading", 3, 9, {}, "rows", None)
        report_work("writing", 0, None)  # another work is not too soon
        assert read_progress(tmp_path, "a/b") == JobProgress("writing", 0, None, {}, "steps", None)
        monkeypatch.setattr(job_progress, "write_json", lambda *given: (_ for _ in ()).throw(OSError("full")))
        report_work("ending", 0, 1)  # the job goes on
    assert not list((tmp_path / ".locks").glob("*.progress"))
