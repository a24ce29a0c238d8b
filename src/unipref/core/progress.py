"""What a run says while it works: stages, notes and progress. Silent unless someone listens."""

import time
from typing import Any

SECONDS_BETWEEN_LINES = 10.0
TOLD = ("loss", "reward", "kl", "entropy", "accuracy", "rewards/accuracies")
"""Of the figures a trainer logs, those shown beside its progress; all are in the run's curves."""


class ProgressListener:
    """Hears what happens and says nothing."""

    def stage(self, name: str, cached: bool) -> None:
        """A stage begins, or was found done."""

    def note(self, text: str) -> None:
        """Something a reader should know."""

    def progress(self, label: str, done: int, total: int, figures: dict[str, Any] | None = None) -> None:
        """`done` of `total` units of the work called `label` are finished; `figures` is what is known so far."""


class DeferredNotes(ProgressListener):
    """Passes on what is done now, and is silent on what others have done and told.

    Args:
        listener: hears the rest.
    """

    def __init__(self, listener: ProgressListener) -> None:
        self._narrator, self._fresh = listener, False

    def stage(self, name: str, cached: bool) -> None:
        """Passed on where it begins."""
        self._fresh = not cached
        if self._fresh:
            self._narrator.stage(name, cached)

    def note(self, text: str) -> None:
        """Passed on where it is of a stage that has just been done."""
        if self._fresh:
            self._narrator.note(text)


class ConsoleProgress(ProgressListener):
    """Says it on standard error, one line per stage; progress as a line that rewrites itself on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console as RichConsole

        self._console = RichConsole(stderr=True, highlight=False)
        self._last_line = 0.0
        self._told: set[str] = set()
        self._referred = False
        self._open = False

    def stage(self, name: str, cached: bool) -> None:
        """One line: the stage's folder, and whether it had been done before."""
        self._close()
        self._referred = False
        self._console.print(f"[bold]{name}[/bold]" + (" [dim]already done[/dim]" if cached else ""))

    def note(self, text: str) -> None:
        """One indented line; a reference to what has been told in the same words of an earlier stage."""
        self._close()
        if text in self._told:
            if not self._referred:
                self._console.print("  [dim](and as noted above)[/dim]")
            self._referred = True
            return
        self._told.add(text)
        self._console.print(f"  {text}", markup=False, soft_wrap=True)

    def progress(self, label: str, done: int, total: int, figures: dict[str, Any] | None = None) -> None:
        """On a terminal a line that rewrites itself; elsewhere a line now and then."""
        known = {name: value for name, value in (figures or {}).items() if name in TOLD or name.startswith("dev/")}
        told = ", ".join(f"{name} {value:.4g}" for name, value in known.items())
        line = f"  {label} {done}/{total}" + (f"  {told}" if told else "")
        if self._console.is_terminal:
            self._console.print(line, end="\r", markup=False, no_wrap=True, overflow="crop", width=self._console.width)
            self._open = True
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._console.print(line, markup=False, soft_wrap=True)

    def _close(self) -> None:
        if self._open:
            self._console.print()
            self._open = False
