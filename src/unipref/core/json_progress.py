"""Writes stages, notes and progress for a program: one JSON object per line, on standard error."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unipref.core.errors import describe
from unipref.core.terminal import echo_json_line
from unipref.core.watched_work import WatchedWork
from unipref.core.work_pace import Work

SECONDS_BETWEEN_LINES = 0.25
"""Least seconds between two lines of one label, besides its first and its last."""
SECONDS_OF_SILENCE = 1.5
"""Seconds after which unfinished work that says nothing gets a further line: with the time between two looks, two."""


class JsonProgress(WatchedWork):
    """Writes a JSON object per line for each stage, note, warning and error, and for the progress of each label: the
    first and the last, and at most four a second between.

    Args:
        on_results: called with the run folder when all results are written, before the report is made.
    """

    def __init__(self, on_results: Callable[[Path], None] | None = None) -> None:
        super().__init__()
        self._on_results = on_results
        self._stage: str | None = None
        self._last_line: dict[str, float] = {}
        """Label -> when its last line was written, in this stage."""
        self._written: dict[str, tuple[int, int | None]] = {}
        """Label -> what was done, and of how much, by its last line."""

    def stage(self, name: str, cached: bool) -> None:
        """Writes that a stage begins, or is skipped."""
        with self.lock:
            self._end_works()
            self._stage = name
            self._write("stage", cached=cached)

    def start_jobs(self, total: int, at_once: int) -> None:
        """Writes how many jobs come. They are outside a stage."""
        with self.lock:
            self._end_works()
            self._stage = None
            self._write("jobs", total=total, at_once=at_once)

    def finish_job(self, job: str, done: int, total: int, seconds: float) -> None:
        """Writes the last progress of a job, and that it has finished."""
        with self.lock:
            for work in self.works.take_job(job):
                self._write_end(work)
            self._write("job", job=job, done=done, total=total, seconds=round(seconds, 3))

    def note(self, text: str) -> None:
        """Writes a note."""
        with self.lock:
            self._write("note", text=text)

    def warn(self, text: str) -> None:
        """Writes a warning."""
        with self.lock:
            self._write("warn", text=text)

    def results(self, folder: Path) -> None:
        """Writes that all results are in a folder, and calls `on_results`."""
        with self.lock:
            self._end_works()
            self._stage = None
            self._write("results", folder=str(folder))
        if self._on_results is not None:
            self._on_results(folder)

    def show(self, work: Work, begins: bool, now: float) -> None:
        """Writes the first and the last progress of a label, and some between."""
        last = self._last_line.get(work.label)
        is_last = work.is_finished and (last is None or not self._is_finished_in_lines(work.label))
        if begins or is_last or last is None or now - last >= SECONDS_BETWEEN_LINES:
            self._write_work(work, now)

    def look(self, work: Work, now: float) -> None:
        """Writes the progress again after some seconds of silence."""
        if now - self._last_line.get(work.label, 0.0) >= SECONDS_OF_SILENCE:
            self._write_work(work, now)

    def end(self, error: BaseException | None) -> None:
        """Writes the last progress of each label, and the error that ended the work."""
        self._end_works()
        if isinstance(error, Exception):
            self._write("error", text=describe(error))

    def _is_finished_in_lines(self, label: str) -> bool:
        done, total = self._written[label]
        return total is not None and done >= total

    def _end_works(self) -> None:
        for work in self.works:
            self._write_end(work)
        self.works.clear()
        self._last_line.clear()
        self._written.clear()

    def _write_end(self, work: Work) -> None:
        if self._written.get(work.label) != (work.done, work.total):
            self._write_work(work, work.latest)

    def _write_work(self, work: Work, now: float) -> None:
        self._last_line[work.label], self._written[work.label] = now, (work.done, work.total)
        pace = work.measure(now)
        self._write(
            "progress",
            label=work.label,
            done=work.done,
            total=work.total,
            unit=work.unit,
            per_second=_round(pace.per_second),
            seconds_left=_round(pace.seconds_left),
            elapsed=_round(pace.elapsed),
            rows=work.rows,
            rows_per_second=_round(pace.rows_per_second),
            figures={name: _read_number(value) for name, value in work.figures.items()},
        )

    def _write(self, event: str, **values: Any) -> None:
        echo_json_line({"event": event, "stage": self._stage, **values})


def _read_number(value: Any) -> float | None:
    """Returns a metric as a number of JSON, which has no NaN."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _round(value: float | None) -> float | None:
    """Rounds to three decimals."""
    return None if value is None else round(value, 3)
