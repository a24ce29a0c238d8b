"""Prints stages, notes and progress for a person: bars on a terminal, lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core.display import format_seconds
from unipref.core.terminal import make_console, show_text
from unipref.core.watched_work import WatchedWork
from unipref.core.work_pace import Work

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BEFORE_NEW_WORK = 1.5
"""Seconds without a line after which work that has none yet gets one: with the time between two looks, two."""
SECONDS_BETWEEN_REFRESHES = 0.1
SHOWN_METRICS = ("loss", "reward", "kl", "entropy", "accuracy", "rewards/accuracies")
"""Metrics shown with a trainer's progress; the run's curves have all the logged ones."""
SHOWN_RATES = ("rows", "texts")
"""Units whose number per second is shown: of others it is small, and the time that is left tells as much."""


class ConsoleProgress(WatchedWork):
    """Prints a line per stage and note. Progress is a bar on a terminal. Elsewhere it is a line every ten seconds for
    each work, and one for further work after two seconds without a line.

    As a context manager it ends a bar that is still shown.

    Args:
        console: where it prints; None: standard error.
        on_results: called with the run folder when all results are written, before the report is made.
    """

    def __init__(self, console: "Console | None" = None, on_results: Callable[[Path], None] | None = None) -> None:
        super().__init__()
        self._console = console or make_console(err=True)
        self._on_results = on_results
        self._last_line = time.monotonic()
        self._last_lines: dict[str, float] = {}
        """Label -> when it last had a line, or began without one, in this stage."""
        self._last_refreshes: dict[str, float] = {}
        """Label -> when its bar was drawn last."""
        self._shown_work: Work | None = None
        self._printed_notes: set[str] = set()
        self._referred = False
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def stage(self, name: str, cached: bool) -> None:
        """Prints one line: the stage's folder, and whether it is cached."""
        with self.lock:
            self._end_bars()
            self.works.clear()
            self._last_lines.clear()
            self._referred = False
            self._print(name, "bold", " already done" if cached else "")

    def start_jobs(self, total: int, at_once: int) -> None:
        """Prints how many jobs come."""
        with self.lock:
            self._end_bars()
            self.works.clear()
            self._last_lines.clear()
            jobs = (
                "1 job (a training step or a measured model)"
                if total == 1
                else f"{total} jobs (training steps and measured models), {at_once} at a time"
            )
            self._print(jobs, "bold")

    def finish_job(self, job: str, done: int, total: int, seconds: float) -> None:
        """Prints one line. The progress of other jobs goes on."""
        with self.lock:
            self._end_bars()
            self.works.take_job(job)
            self._referred = False
            self._print(job, "bold", f" ({done} of {total}, {format_seconds(seconds)})")

    def note(self, text: str) -> None:
        """Prints one indented line. If an earlier stage had the same note, the line only refers to it."""
        with self.lock:
            self._end_bars()
            if text in self._printed_notes:
                if not self._referred:
                    self._print("", "", "  (and as noted above)")
                self._referred = True
                return
            self._printed_notes.add(text)
            self._print("  " + text.replace("\n", "\n    "))

    def warn(self, text: str) -> None:
        """Prints a warning, even if it repeats an earlier one."""
        with self.lock:
            self._end_bars()
            self._print("Warning: " + text.replace("\n", "\n    "))

    def results(self, folder: Path) -> None:
        """Ends the bars, and calls `on_results`."""
        with self.lock:
            self._end_bars()
            self.works.clear()
        if self._on_results is not None:
            self._on_results(folder)

    def show(self, work: Work, begins: bool, now: float) -> None:
        """Updates a bar on a terminal; elsewhere prints a line now and then."""
        if self._console.is_terminal:
            self._update_bar(work, now)
        elif now - self._last_lines.setdefault(work.label, now) > SECONDS_BETWEEN_LINES or (
            begins and now - self._last_line > SECONDS_BEFORE_NEW_WORK
        ):
            self._print_work(work, now)

    def look(self, work: Work, now: float) -> None:
        """Refreshes the bar on a terminal; elsewhere prints a line if there was none for some time."""
        if self._console.is_terminal:
            self._update_bar(work, now)
            return
        has_line = work is self._shown_work
        if now - self._last_line > (SECONDS_BETWEEN_LINES if has_line else SECONDS_BEFORE_NEW_WORK):
            self._print_work(work, now)

    def end(self, error: BaseException | None) -> None:
        """Ends a bar that is still shown."""
        del error
        self._end_bars()

    def _print_work(self, work: Work, now: float) -> None:
        self._last_lines[work.label], self._shown_work = now, work
        self._print(f"  {', '.join([f'{work.label} {_count(work)}', *_describe_pace(work, now)])}{_list_metrics(work)}")

    def _print(self, text: str, style: str = "", more: str = "") -> None:
        """Prints a line: a text, which may come from data, and a dim remark."""
        from rich.text import Text

        self._last_line = time.monotonic()
        line = Text.assemble((show_text(text), style), (more, "dim"))
        self._console.print(line, soft_wrap=True, highlight=False)

    def _update_bar(self, work: Work, now: float) -> None:
        if self._bars is None:
            self._bars = _make_bars(self._console)
            self._bars.start()
        if work.label not in self._tasks:
            self._tasks[work.label] = self._bars.add_task(show_text(work.label), total=work.total, shown="")
        if not work.is_finished and now - self._last_refreshes.get(work.label, 0.0) <= SECONDS_BETWEEN_REFRESHES:
            return
        # Drawn here, not by a thread of rich: it would draw while this process forks.
        self._last_refreshes[work.label] = now
        shown = ", ".join([_count(work), *_describe_pace(work, now)]) + _list_metrics(work)
        self._bars.update(self._tasks[work.label], completed=work.done, total=work.total, shown=shown)
        self._bars.refresh()

    def _end_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks, self._last_refreshes = None, {}, {}


class WarningsOnly(ConsoleProgress):
    """Prints warnings, and nothing else."""

    def start_jobs(self, total: int, at_once: int) -> None:
        """Prints nothing."""

    def finish_job(self, job: str, done: int, total: int, seconds: float) -> None:
        """Prints nothing."""

    def stage(self, name: str, cached: bool) -> None:
        """Prints nothing."""

    def note(self, text: str) -> None:
        """Prints nothing."""

    def show(self, work: Work, begins: bool, now: float) -> None:
        """Prints nothing."""

    def look(self, work: Work, now: float) -> None:
        """Prints nothing."""


def _count(work: Work) -> str:
    """Returns how much is done, as `5/17 parts`; steps have no name."""
    count = f"{work.done:,}" if work.total is None else f"{work.done:,}/{work.total:,}"
    return count if work.unit == "steps" else f"{count} {work.unit}"


def _describe_pace(work: Work, now: float) -> Iterator[str]:
    """Yields the rows where others are counted, the rate and the time left, as far as they are known."""
    pace = work.measure(now)
    if work.rows is not None and work.unit != "rows":
        yield f"{work.rows:,} rows"
    if pace.rows_per_second is not None:
        yield f"{_round(pace.rows_per_second)} rows/s"
    elif pace.per_second is not None and work.unit in SHOWN_RATES:
        yield f"{_round(pace.per_second)} {work.unit}/s"
    if work.is_finished:
        return
    if pace.seconds_left is not None:
        yield f"about {format_seconds(pace.seconds_left)} left"
    elif pace.elapsed >= 1:
        yield f"{format_seconds(pace.elapsed)} so far"


def _round(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _list_metrics(work: Work) -> str:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in work.figures.items() if _is_shown(name))
    return f"  {shown}" if shown else ""


def _is_shown(metric: str) -> bool:
    return metric in SHOWN_METRICS or metric.startswith("dev/")


def _make_bars(console: "Console") -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("  {task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[shown]}", markup=False),
        console=console,
        auto_refresh=False,
    )
