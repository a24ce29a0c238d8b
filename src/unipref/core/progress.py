"""How a run reports its stages, notes and progress. Nothing is printed unless a listener does so."""

from pathlib import Path
from typing import Any

from unipref.core.work_progress import Unit


class ProgressListener:
    """Receives stages, notes and progress, and ignores them. Subclasses print them."""

    def stage(self, name: str, cached: bool) -> None:
        """A stage begins, or is skipped because it is cached."""

    def start_jobs(self, total: int, at_once: int) -> None:
        """Other processes run the next stages, as `total` jobs, `at_once` of them at a time. Labels of their progress
        begin with the name of the job and a colon.
        """

    def finish_job(self, job: str, done: int, total: int, seconds: float) -> None:
        """A job has finished, as the `done`th of `total`; reported as a stage unless a subclass does it otherwise."""
        self.stage(f"{job} ({done} of {total}, {seconds:.0f} s)", False)

    def note(self, text: str) -> None:
        """Something a reader should know."""

    def warn(self, text: str) -> None:
        """Something failed, and the run goes on without it."""

    def results(self, folder: Path) -> None:
        """All results of the run are written to its folder; its report is not made yet."""

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
        """`done` of `total` units of the work `label` are finished.

        Args:
            label: what runs.
            done: number of finished units.
            total: number of all units; None: it is not known.
            figures: the latest metrics.
            unit: what is counted.
            rows: number of rows in the finished units, where another unit is counted and rows are too.
        """


class DeferredNotes(ProgressListener):
    """Forwards stages and notes of this process only: other processes have reported theirs.

    Args:
        listener: receives what is forwarded.
    """

    def __init__(self, listener: ProgressListener) -> None:
        self._listener, self._is_new = listener, False

    def stage(self, name: str, cached: bool) -> None:
        """Forwards a stage that begins now."""
        self._is_new = not cached
        if self._is_new:
            self._listener.stage(name, cached)

    def note(self, text: str) -> None:
        """Forwards notes only of stages executed in this process."""
        if self._is_new:
            self._listener.note(text)

    def warn(self, text: str) -> None:
        """Forwards every warning."""
        self._listener.warn(text)

    def results(self, folder: Path) -> None:
        """Forwards that all results are written."""
        self._listener.results(folder)
