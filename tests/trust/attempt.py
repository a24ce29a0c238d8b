"""One attempt of a fuzz campaign: any exception but `UserError`, and any attempt that takes too long, is a failure."""

import contextlib
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import FrameType

from trust.outcome import Outcome
from unipref.core.errors import UserError

LIMIT_SECONDS = 20
LIMIT_MEMORY_MB = 3000
SECONDS_BETWEEN_REPORTS = 10.0


class TookTooLong(BaseException):
    """The attempt ran out of time. Not an `Exception`, so that nothing it interrupts can catch it."""


@contextlib.contextmanager
def attempt(outcome: Outcome, kind: str, where: str) -> Iterator[None]:
    """Counts an attempt; records a failure unless the body ends, or raises a `UserError`, in time."""
    outcome.tries[kind] += 1

    def stop(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_SECONDS)
    try:
        yield
    except UserError:
        outcome.tries["refused with a message"] += 1
    except TookTooLong:
        outcome.failures.append(f"{where}: not done after {LIMIT_SECONDS} s")
    except Exception as error:  # every other exception is what the campaign looks for
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome.failures.append(f"{type(error).__name__}: {error} at {place.filename}:{place.lineno} in {where}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@contextlib.contextmanager
def measure(campaign: str, seed: int) -> Iterator[Outcome]:
    """Makes an outcome, prints its counts every ten seconds, and records the run time and the peak memory of the
    process, which has a limit.
    """
    outcome, started, ended = Outcome(campaign, seed), time.monotonic(), threading.Event()
    reporter = threading.Thread(target=_report, args=(outcome, ended), daemon=True)
    reporter.start()
    try:
        yield outcome
    finally:
        ended.set()
        reporter.join()
    outcome.seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    outcome.notes.append(f"peak memory of the process {peak:,.0f} MB")
    if peak > LIMIT_MEMORY_MB:
        outcome.failures.append(f"peak memory {peak:,.0f} MB is above {LIMIT_MEMORY_MB:,} MB")


def _report(outcome: Outcome, ended: threading.Event) -> None:
    """Prints the counts so far every ten seconds until the campaign has ended."""
    while not ended.wait(SECONDS_BETWEEN_REPORTS):
        print(
            f"  {outcome.count_tries() or 'no try yet'}; {len(outcome.failures)} failures", file=sys.stderr, flush=True
        )
