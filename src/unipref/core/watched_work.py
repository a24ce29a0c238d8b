"""What the listeners that print progress share: the state of all work, and a look at it while it says nothing."""

import contextlib
import threading
import time
from types import TracebackType
from typing import Any, Self

from unipref.core.progress import ProgressListener
from unipref.core.work_pace import Work, Works
from unipref.core.work_progress import Unit

SECONDS_BETWEEN_LOOKS = 0.5


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
            self._thread.join()
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
        # A closed standard error is met by the next line of this process's own work.
        with contextlib.suppress(OSError, ValueError):
            while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
                self.look_now()
