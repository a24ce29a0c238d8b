"""The progress of jobs in other processes reaches the listener of the run."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from unipref.core.progress import ProgressListener
from unipref.core.work_progress import Unit, report_work, show_work
from unipref.pipeline import job_progress
from unipref.pipeline.job_progress import JobProgress, open_progress, read_progress
from unipref.pipeline.job_workers import Job, Outcome
from unipref.pipeline.scheduler import run_jobs

SFT, DPO = (Job("train", "main", 0, step) for step in ("sft", "dpo"))


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
        self.works.append((label, done, total))


class SlowWorkers:
    """Runs a job until the scheduler has looked at it a few times; meanwhile the job reports one work after another."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.running = folder, list[tuple[Job, Future[Outcome], Any]]()
        self.works = [("opening", 0, 1), ("training", 1, 8), ("training", 5, 8)]
        monkeypatch.setattr("unipref.pipeline.scheduler.concurrent.futures.wait", self.wait)

    def submit(self, job: Job, folders: dict[str, str]) -> "Future[Outcome]":
        future: Future[Outcome] = Future()
        self.running.append((job, future, iter(self.works)))
        return future

    def take(self, future: "Future[Outcome]", running: Any) -> Outcome:
        return future.result()

    def wait(self, futures: Any, seconds: float, return_when: str) -> tuple[set[Any], set[Any]]:
        job, future, works = self.running[0]
        work = next(works, None)
        if work is None:
            self.running.pop(0)
            job_progress._find_path(self.folder, str(job)).unlink()
            future.set_result(Outcome([], {}, ["shared", str(job)], 2.0))
            return {future}, set()
        progress = JobProgress(*work, {"loss": float("nan")}, "steps", None)
        job_progress.ProgressFile(job_progress._find_path(self.folder, str(job))).write(progress)
        return set(), set(futures)


def test_the_listener_is_told_what_each_running_job_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Reported()
    outcomes = run_jobs({SFT: set(), DPO: {SFT}}, SlowWorkers(tmp_path, monkeypatch), 2, tmp_path, listener, {})
    assert len(outcomes) == 2
    assert listener.stages == ["train/main/0/sft (1 of 2, 2 s)", "train/main/0/dpo (2 of 2, 2 s)"]
    assert listener.notes == ["shared", "train/main/0/sft", "train/main/0/dpo"]
    works = [
        ("starting", 0, 1),
        ("starting", 1, 1),
        ("opening", 0, 1),
        ("opening", 1, 1),
        ("training", 1, 8),
        ("training", 5, 8),
    ]
    assert listener.works == [(f"{job}: {label}", done, total) for job in (SFT, DPO) for label, done, total in works]


def test_a_job_writes_its_progress_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(job_progress.time, "monotonic", lambda: now[0])
    job_progress._find_path(tmp_path, "a/b").write_text("half of a kill")
    assert read_progress(tmp_path, "a/b") is None

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
