"""Regular expressions that users write, with a limit of time per row.

A pattern such as `(a|b?)*c` can take longer than the age of the world on a text of 40 characters. The package `regex`
can stop; Python's `re` cannot. `regex` reads the patterns of `re`; `docs/study.md` names the differences.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import regex

from unipref.core.display import shorten
from unipref.core.records import Reason, Reject

ROW_SECONDS = 2.0
"""CPU time that all patterns together may take for one row, unless a study says otherwise."""

_allowed = _left = ROW_SECONDS


def limit_rows(seconds: float) -> None:
    """Sets the CPU time that the patterns may take for each of the rows that this process reads from now on."""
    global _allowed
    _allowed = seconds
    start_row()


def start_row() -> None:
    """Begins a row: its patterns have the whole time."""
    global _left
    _left = _allowed


@cache
def compile_pattern(pattern: str) -> "regex.Pattern[str]":
    """Compiles a pattern.

    Raises:
        ValueError: the pattern is invalid.
    """
    try:
        return regex.compile(pattern, regex.V0)
    except regex.error as error:
        raise ValueError(f"invalid regular expression: {error}") from error


def search(pattern: str, content: str, field: str) -> "regex.Match[str] | None":
    """Returns the first match of a pattern in a text.

    Raises:
        Reject: `over_limit` if the row's time is up.
    """
    with _on_time(pattern, content, field):
        return compile_pattern(pattern).search(content, timeout=_left)


def find_all(pattern: str, content: str, field: str) -> list[str | tuple[str, ...]]:
    """Returns all matches: the text of the only group, or a tuple if there are several; errors as `search`."""
    with _on_time(pattern, content, field):
        return list(compile_pattern(pattern).findall(content, timeout=_left))


@contextmanager
def _on_time(pattern: str, content: str, field: str) -> Iterator[None]:
    global _left
    start = time.process_time()
    try:
        yield
    except TimeoutError:
        detail = (
            f"the pattern {pattern!r} takes more than {_allowed:g} seconds for {shorten(content, 60)!r}."
            " Write it so that a text matches in one way only, or raise 'limits.pattern_seconds'"
        )
        raise Reject(Reason.OVER_LIMIT, detail, field) from None
    finally:
        _left = max(_left - (time.process_time() - start), 1e-3)
