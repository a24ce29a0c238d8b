"""How a run reports its stages, notes and progress. Nothing is printed unless a listener does so."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from unipref.core.display import format_seconds
from unipref.core.terminal import make_console, show_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BEFORE_NEW_WORK = 2.0
"""Seconds without a line after which work that begins gets one at once."""
SECONDS_BETWEEN_REFRESHES = 0.1
SHOWN_METRICS = ("loss", "reward", "kl", "entropy", "accuracy", "rewards/accuracies")
"""Metrics shown with a trainer's progress; the run's curves have all the logged ones."""


class ProgressListener:
    """Receives stages, notes and progress, and ignores them. Subclasses print them."""

    def stage(self, name: str, cached: bool) -> None:
        """A stage begins, or is skipped because it is cached."""

    def note(self, text: str) -> None:
        """Something a reader should know."""

    def warn(self, text: str) -> None:
        """Something failed, and the run goes on without it."""

    def results(self, folder: Path) -> None:
        """All results of the run are written to its folder; its report is not made yet."""

    def progress(self, label: str, done: int, total: int, figures: dict[str, Any] | None = None) -> None:
        """`done` of `total` units of the work `label` are finished; `figures` are the latest metrics."""


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


class ConsoleProgress(ProgressListener):
    """Prints a line per stage and note. Progress is a bar on a terminal, elsewhere a line every ten seconds,
    and one when work begins after two seconds without a line.

    As a context manager it ends a bar that is still shown.

    Args:
        console: where it prints; None: standard error.
        on_results: called with the run folder when all results are written, before the report is made.
    """

    def __init__(self, console: "Console | None" = None, on_results: Callable[[Path], None] | None = None) -> None:
        self._console = console or make_console(err=True)
        self._on_results = on_results
        self._last_line = self._last_progress = self._last_refresh = 0.0
        self._label, self._began, self._begun_at = "", 0.0, 0
        self._printed_notes: set[str] = set()
        self._referred = False
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end_bars()

    def stage(self, name: str, cached: bool) -> None:
        """Prints one line: the stage's folder, and whether it is cached."""
        self._end_bars()
        self._referred = False
        self._print(name, "bold", " already done" if cached else "")

    def note(self, text: str) -> None:
        """Prints one indented line. If an earlier stage had the same note, the line only refers to it."""
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
        self._end_bars()
        self._print("Warning: " + text.replace("\n", "\n    "))

    def results(self, folder: Path) -> None:
        """Ends the bars, and calls `on_results`."""
        self._end_bars()
        if self._on_results is not None:
            self._on_results(folder)

    def progress(self, label: str, done: int, total: int, figures: dict[str, Any] | None = None) -> None:
        """Updates a bar on a terminal; elsewhere prints a line every ten seconds."""
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in (figures or {}).items() if _is_shown(name))
        if self._console.is_terminal:
            self._update_bar(label, done, total, metrics)
            return
        now = time.monotonic()
        is_new = label != self._label
        if is_new:
            self._label, self._began, self._begun_at = label, now, done
        waited = now - self._last_progress > SECONDS_BETWEEN_LINES
        if waited or (is_new and now - self._last_line > SECONDS_BEFORE_NEW_WORK):
            self._last_progress = now
            more = [metrics] if metrics else []
            if (finished := done - self._begun_at) and done < total:
                more.append(f"about {format_seconds((now - self._began) / finished * (total - done))} left")
            self._print("  ".join([f"  {label} {done}/{total}", *more]))

    def _print(self, text: str, style: str = "", more: str = "") -> None:
        """Prints a line: a text, which may come from data, and a dim remark."""
        from rich.text import Text

        self._last_line = time.monotonic()
        line = Text.assemble((show_text(text), style), (more, "dim"))
        self._console.print(line, soft_wrap=True, highlight=False)

    def _update_bar(self, label: str, done: int, total: int, metrics: str) -> None:
        if self._bars is None:
            self._bars = _make_bars(self._console)
            self._bars.start()
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(show_text(label), total=total, metrics="")
        self._bars.update(self._tasks[label], completed=done, total=total, metrics=metrics)
        # Refreshed here, not by a thread of rich: a stage may fork.
        if done >= total or time.monotonic() - self._last_refresh > SECONDS_BETWEEN_REFRESHES:
            self._last_refresh = time.monotonic()
            self._bars.refresh()

    def _end_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks = None, {}


def _is_shown(metric: str) -> bool:
    return metric in SHOWN_METRICS or metric.startswith("dev/")


def _make_bars(console: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("  {task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[metrics]}", markup=False),
        console=console,
        auto_refresh=False,
    )
