"""What the listeners that print progress share: the state of all work, and a look at it while it says nothing."""

import threading
import time
from types import TracebackType
from typing import Any, Self

from unipref.core.progress import ProgressListener
from unipref.core.work_pace import Work, Works
from unipref.core.work_progress import Unit

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_END = 1.0
"""How long to wait for a look to end; it does not while standard error takes nothing."""


class WatchedWork(ProgressListener):
    """Keeps the state of all work, and shows it.

    As a context manager, it also looks at the work twice a second: work that cannot be counted, such as one call of a
    library, says nothing itself. Subclasses hold `lock` while they print.
    """

    def __init__(self) -> None:
        self.works = Works()
        self.lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._exit: SystemExit | None = None

    def __enter__(self) -> Self:
        self._ended.clear()
        self._thread = threading.Thread(target=self._look_repeatedly, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(SECONDS_TO_END)
        self.end(error)

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
        """Updates the state of the work, and shows it."""
        if self._exit is not None:
            raise self._exit
        now = time.monotonic()
        with self.lock:
            work, begins = self.works.update(label, done, total, figures, unit, rows, now)
            self.show(work, begins, now)

    def show(self, work: Work, begins: bool, now: float) -> None:
        """Shows work that was reported at a time.

        Args:
            work: its state.
            begins: whether it begins now.
            now: the time in seconds.
        """

    def look(self, work: Work, now: float) -> None:
        """Shows unfinished work that may have said nothing for some time."""

    def end(self, error: BaseException | None) -> None:
        """Shows what is not shown yet.

        Args:
            error: what ended the context; None: nothing did.
        """

    def look_now(self) -> None:
        """Looks at the work that was reported last."""
        with self.lock:
            if (work := self.works.current) is not None and not work.is_finished:
                self.look(work, time.monotonic())

    def _look_repeatedly(self) -> None:
        try:
            while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
                self.look_now()
        except (OSError, ValueError):
            pass  # the next line of the main thread meets the closed standard error too
        except SystemExit as stop:  # of rich; in a thread, it would end the thread alone
            self._exit = stop
