"""How fast work goes: units and rows per second, and the time left. Nothing is estimated before a unit is done."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from unipref.core.work_progress import Unit


class Pace(NamedTuple):
    """How fast the work of a label goes, on average from its begin to its latest report.

    Attributes:
        elapsed: seconds since it began.
        per_second: units per second; None as long as no unit was finished since it began.
        rows_per_second: the same of rows; None where rows are not counted.
        seconds_left: None as long as the rate or the total is not known, and once the work takes longer than that.
    """

    elapsed: float
    per_second: float | None
    rows_per_second: float | None
    seconds_left: float | None


@dataclass
class Work:
    """The state of the work of one label.

    Attributes:
        label, done, total, unit, rows: as in `report_work`; of rows, `rows` is `done`.
        figures: the latest metrics.
        begun, latest: the times of its first and its latest report, in seconds.
        done_before, rows_before: what was finished then.
    """

    label: str
    done: int
    total: int | None
    unit: Unit
    rows: int | None
    begun: float
    latest: float
    figures: dict[str, Any] = field(default_factory=dict)
    done_before: int = 0
    rows_before: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether all units are done."""
        return self.total is not None and self.done >= self.total

    def measure(self, now: float) -> Pace:
        """Measures the pace at a time. Rates are those up to the latest report: large units are reported rarely."""
        elapsed, counted = max(0.0, now - self.begun), self.latest - self.begun
        per_second = _divide(self.done - self.done_before, counted)
        left: float | None = None
        if self.is_finished:
            left = 0.0
        elif self.total is not None and per_second:
            left = (self.total - self.done) / per_second - max(0.0, now - self.latest)
        rows_per_second = None if self.rows is None else _divide(self.rows - self.rows_before, counted)
        return Pace(elapsed, per_second, rows_per_second, left if left is None or left >= 0 else None)


class Works:
    """The work of all labels of a stage."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}
        self.current: Work | None = None
        """The work that was reported last."""

    def __iter__(self) -> Iterator[Work]:
        return iter(self._works.values())

    def clear(self) -> None:
        """Forgets all work."""
        self._works.clear()
        self.current = None

    def take_job(self, job: str) -> list[Work]:
        """Forgets the work of a job that has finished, and returns it."""
        taken = [work for label, work in self._works.items() if label.startswith(f"{job}: ")]
        for work in taken:
            del self._works[work.label]
            if self.current is work:
                self.current = None
        return taken

    def update(
        self,
        label: str,
        done: int,
        total: int | None,
        figures: dict[str, Any] | None,
        unit: Unit,
        rows: int | None,
        now: float,
    ) -> tuple[Work, bool]:
        """Updates the work of a label, and returns it, and whether it begins: for the first time, or again."""
        rows = done if unit == "rows" else rows
        work = self._works.get(label)
        begins = work is None or done < work.done
        if work is None or done < work.done:
            work = Work(label, done, total, unit, rows, now, now, done_before=done, rows_before=rows or 0)
            self._works[label] = work
        work.done, work.total, work.unit, work.rows, work.latest = done, total, unit, rows, now
        work.figures = dict(figures or {})
        self.current = work
        return work, begins


def _divide(count: int, seconds: float) -> float | None:
    return count / seconds if count > 0 and seconds > 0 else None
