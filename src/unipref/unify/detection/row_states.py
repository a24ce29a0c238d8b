"""Recognises fields that tell about a whole row: a failed request, a contested label, a discarded row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from unipref.core.records import Row
from unipref.unify.detection.column import Column
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import CHECK_NAMES, PEOPLE
from unipref.unify.detection.verdict_words import have_verdicts, read_verdict

CONTEST_NAMES = {
    *("agree", "agrees", "agreed", "disagree", "disagrees", "disagreed", "disputed", "contested", "confirmed"),
    *("overruled", "overturned", "unanimous", "consensus", "disagreement", "verified", "unverified", "adjudicated"),
}
"""Words in the names of flags that say whether a person agrees with the label."""
CONTEST_VALUES = {
    *("agree", "agrees", "agreed", "disagree", "disagrees", "disagreed", "upheld", "overturned", "confirmed"),
    *("disputed", "contested", "overruled", "unsure", "partly_agree", "concur", "dissent"),
}
"""Values with which a person agrees with a label, or does not."""
WITHDRAWN_NAMES = {
    *("discarded", "discard", "excluded", "exclude", "cancelled", "canceled", "retracted", "withdrawn", "spam"),
    *("valid", "invalid", "usable", "unusable", "deleted", "duplicate", "ignored", "removed"),
}
"""Words in the names of flags that say whether a row counts."""
WORK_NAMES = {"assignment", "submission", "hit", "task", "review", "qa", "qc", "approval", "moderation", "acceptance"}
"""Words in the names of fields that say whether a person's work was accepted."""
KEPT = {
    "approved",
    "accepted",
    "submitted",
    "valid",
    "passed",
    "published",
    "reviewed",
    "included",
    "completed",
    "paid",
}
LEFT_OUT = {
    *("rejected", "discarded", "draft", "skipped", "excluded", "invalid", "spam", "deleted", "removed", "expired"),
    *("returned", "abandoned", "withdrawn", "banned", "blocked", "not_approved", "unapproved"),
}
UNDECIDED = {"pending", "in_review", "awaiting_review", "in_progress", "active", "reviewable"}
"""Values of a status of such work that counts, that does not, and that is not finished."""
ERROR_NAMES = {"error", "exception", "traceback", "failure", "err", "stderr"}
"""Words in the names of fields that say why a request failed."""
STATUS_NAMES = {"status", "state", "level", "severity"}
FAILED = {
    *("error", "failed", "failure", "fail", "timeout", "timed_out", "exception", "aborted", "crashed", "cancelled"),
    *("canceled", "rate_limited", "incomplete", "fatal", "critical"),
}
"""Values of a status that say that a request failed."""
FINISHED = {"ok", "success", "succeeded", "successful", "completed", "complete", "done", "finished", "running", "info"}
MAX_FAILED = 0.9
"""Largest share of rows with the text of an error."""
NEITHER = {"pending", "queued", "debug", "warning", "warn", "started"}
SUCCESS_NAMES = {"success", "succeeded", "successful", "ok", "completed", "request", "call"}
CALL_NAMES = {
    *("http", "latency", "duration", "elapsed", "endpoint", "error", "exception", "retries", "timeout", "cached"),
    *("code", "method", "attempt", "attempts"),
}
"""Words in the names of fields that describe the call of a program."""
STOP_NAMES = {"finish", "stop", "end"}
CUT = {"length", "max_tokens", "max_length", "content_filter", "safety", "error", "timeout", "cancelled", "refusal"}
"""Values of the reason why an answer ended, which say that it is cut or refused."""


@dataclass(frozen=True)
class RowState:
    """A field that tells about whole rows.

    Attributes:
        column: the field.
        kind: what it tells: the request failed, the answer was cut, the label is contested, a second person checked
            the label or the answers, the row was withdrawn, or the work of the person who judged was reviewed.
        doubt: the same for the user.
    """

    column: Column
    kind: Literal["failed", "cut", "contested", "checked", "withdrawn", "reviewed"]
    doubt: str


def find_row_states(columns: Iterable[Column]) -> Iterator[RowState]:
    """Yields the fields that tell whether a row should be used, in their order."""
    for column in columns:
        words, shown = {*column.words}, f"'{column.path}' ({', '.join(column.distinct_values[:4])[:60]})"
        if tells_of_failure(column):
            yield RowState(column, "failed", f"{shown} says that requests failed: their answers may be errors")
        elif words & STOP_NAMES and "reason" in words and {*map(_plain, column.distinct_values)} & CUT:
            yield RowState(column, "cut", f"{shown} says that some answers are cut or were refused")
        elif says_success(column) and column.n_distinct > 1:
            yield RowState(column, "failed", f"{shown} may say that requests failed: their answers may be errors")
        elif _contests(column):
            yield RowState(column, "contested", f"{shown} says that a person contests some of the labels")
        elif _checks(column):
            yield RowState(column, "checked", f"{shown} says that a person contests some of the labels")
        elif _is_review_status(column):
            yield RowState(column, "reviewed", f"{shown} says that some rows were not accepted or are not finished")
        elif words & WITHDRAWN_NAMES and _is_yes_or_no(column):
            yield RowState(column, "withdrawn", f"{shown} says that some rows do not count")


def tells_of_failure(column: Column) -> bool:
    """Whether a field says that some requests failed: a status of HTTP, a status in words, or the text of an error."""
    words = {*column.words}
    if words & {*STATUS_NAMES, "http"} and column.numbers:
        codes = {*column.numbers}
        return all(100 <= code <= 599 for code in codes) and any(code >= 400 for code in codes)
    if is_request_status(column):
        values = {*map(_plain, [*column.distinct_values, *column.odd])}
        return bool(values & FAILED) and bool(values & FINISHED)
    around = {*split_words(column.path)}
    is_error = around & ERROR_NAMES and not around & {"rate", "count", "severity", "score", "analysis", "type"}
    is_text = column.kind in ("text", "code") and not column.numbers and column.share < MAX_FAILED
    return bool(is_error) and is_text and not any(map(read_verdict, column.distinct_values[:50]))


def is_request_status(column: Column) -> bool:
    """Whether a field says in words how a request, or a message of a log, went: 'success', 'timeout'."""
    values = {*map(_plain, [*column.distinct_values, *column.odd])}
    return bool({*column.words} & STATUS_NAMES and values) and values <= FAILED | FINISHED | NEITHER


def _is_review_status(column: Column) -> bool:
    """Whether a field says in words which pieces of work were accepted, such as the assignments of a crowd."""
    values = {*map(_plain, [*column.distinct_values, *column.odd])}
    is_status = bool({*column.words} & (STATUS_NAMES | WORK_NAMES))
    return is_status and values <= KEPT | LEFT_OUT | UNDECIDED and bool(values & KEPT) and bool(values & LEFT_OUT)


def says_success(column: Column) -> bool:
    """Whether a flag says that something succeeded, by its name alone: the call, or what the user wanted."""
    words = {*column.words} - {"is", "was", "has"}
    return column.kind == "flag" and bool(words) and words <= SUCCESS_NAMES


def _contests(column: Column) -> bool:
    """Whether a field says if a person agrees with the label: by its name and yes or no, or by its values."""
    words, values = {*column.words}, {*map(_plain, column.distinct_values)}
    if values <= CONTEST_VALUES and column.n_distinct > 1:
        return True
    return bool(words & {*CONTEST_NAMES, "agreement"}) and _is_yes_or_no(column)


def _checks(column: Column) -> bool:
    """Whether a second person's field praises and blames, by its name the answers or the label."""
    words = {*column.words}
    is_checked = bool(words & ({*PEOPLE, *CHECK_NAMES, "second", "adjudicator", "expert"} - {"quality"}))
    return is_checked and column.kind == "code" and have_verdicts(column.distinct_values)


def where_path(column: Column) -> str:
    """Returns the path for a condition on a field: of an error with parts, the whole error."""
    parts = column.path.split(".")
    return next((".".join(parts[: i + 1]) for i, p in enumerate(parts) if {*split_words(p)} & ERROR_NAMES), column.path)


def _plain(value: str) -> str:
    return value.strip().lower().replace(" ", "_").replace("-", "_")


def _is_yes_or_no(column: Column) -> bool:
    """Whether the values are true and false, yes and no, or 1 and 0."""
    if column.kind == "flag":
        return True
    if column.numbers:
        return {*column.numbers} <= {0.0, 1.0}
    verdicts = [read_verdict(value) for value in column.distinct_values]
    return column.kind == "code" and all(v is not None and v.needs_name for v in verdicts)


def can_be_where(rows: Iterable[Row], path: str) -> bool:
    """Whether a condition on a path works: no list is on the way, and every row has it."""
    return "*" not in path and all(_has(row, path) for row in rows)


def _has(row: object, path: str) -> bool:
    if isinstance(row, dict) and path in row:
        return True
    first, _, rest = path.partition(".")
    return isinstance(row, dict) and bool(rest) and _has(row.get(first), rest)
