"""Tries requests to the hub several times, with a line per try, and turns what its client raises into messages."""

import time
from collections.abc import Callable
from typing import TypeVar

from unipref.core import secrets, terminal
from unipref.core.errors import UserError, describe, first_line, near_name, raise_if_resource
from unipref.core.hub.address import Address
from unipref.core.hub.client import find_window_end

T = TypeVar("T")
TRIES = 5
FIRST_WAIT = 1.0
"""Seconds between the first and the second try; each later wait is twice as long."""
LONGEST_WAIT = 60.0
LONGEST_TOLD_WAIT = 600.0
"""Most seconds that a busy hub is waited for as it tells; it counts requests in windows of five minutes."""
BUSY = 429
"""The status of an answer to too many requests."""
_RETRIED = (408, 425, BUSY, 500, 502, 503, 504)


def try_often(work: Callable[[], T], address: Address, what: str, commit: str | None = None) -> T:
    """Does work that asks the hub, again after a failure that may pass. Every failed try prints a line.

    Args:
        work: what to do.
        address: the repository.
        what: the file or the request, for the lines and errors.
        commit: at which commit.

    Raises:
        UserError: it cannot be done, and what can be done about it.
    """
    remember_token()
    for attempt in range(1, TRIES + 1):
        try:
            return work()
        except UserError:
            raise
        except Exception as error:
            raise_if_resource(error, what)
            told = find_wait(error)
            if not may_pass(error) or attempt == TRIES or (told or 0.0) > LONGEST_TOLD_WAIT:
                raise explain(error, address, what, commit, attempt) from error
            wait = told or min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
            terminal.echo(
                f"{address.repo}: {what}: try {attempt} of {TRIES} failed ({_shorten(error)}); next in {wait:g} s",
                err=True,
            )
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def remember_token() -> None:
    """Hides the user's token in every text, wherever it is stored; it is never written by unipref."""
    from huggingface_hub import get_token

    if token := get_token():
        secrets.remember(token)


def is_offline() -> bool:
    """Whether the user forbids requests to the hub (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def may_pass(error: BaseException) -> bool:
    """Whether a failure may pass by itself: a busy hub, a lost connection, a file that ended too early."""
    if is_offline():
        return False
    for one in _causes(error):
        status = find_status(one)
        if status is not None:
            return status in _RETRIED
        if _names(one) & {"TransportError", "TimeoutException"} or isinstance(one, ConnectionError | TimeoutError):
            return True
        if "Consistency check failed" in str(one) or isinstance(one, IncompleteFile):
            return True
    return False


class IncompleteFile(Exception):
    """A file ended before its last byte."""


def find_status(error: BaseException) -> int | None:
    """Returns the status of the hub's answer; None if there was none."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def is_unreachable(error: BaseException) -> bool:
    """Whether no answer came from the hub at all."""
    return any(_names(one) & {"TransportError", "TimeoutException"} for one in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def find_wait(error: BaseException) -> float | None:
    """Returns the seconds that a busy hub asks to wait, in `Retry-After` or as the end of its present window."""
    for one in _causes(error):
        headers = getattr(getattr(one, "response", None), "headers", None) or {}
        value = str(headers.get("Retry-After", "")).strip()
        if value.isdecimal():
            return float(value)
        if find_status(one) == BUSY and (seconds := find_window_end(headers)) is not None:
            return float(seconds)
    return None


def _shorten(error: BaseException) -> str:
    for one in _causes(error):
        if status := find_status(one):
            return f"the hub answered {status}"
    return first_line(_causes(error)[-1])


def explain(error: BaseException, address: Address, what: str, commit: str | None, tries: int = 1) -> UserError:
    """Returns the message for an error of the hub's client."""
    from huggingface_hub import errors

    where = address.key
    causes = _causes(error)
    if any(isinstance(one, errors.GatedRepoError) for one in causes):
        what = f"{address.describe()} is gated: its owner decides which accounts may fetch its files."
        return UserError(what, where=where, mend=_advise_on_gate(address))
    if any(isinstance(one, errors.RepositoryNotFoundError) for one in causes):
        mend = f"Check the name. {_token_advice()}"
        return UserError(f"{address.describe()} is not on the hub, or it is private.", where=where, mend=mend)
    if any(isinstance(one, errors.RevisionNotFoundError) for one in causes):
        return explain_revision(address, commit)
    status = next(filter(None, map(find_status, causes)), None)
    if status == BUSY:
        return UserError(f"{what} failed: too many requests.", where=where, mend=_advise_on_limit(find_wait(error)))
    if status in (401, 403):
        return UserError(f"the hub refused {what} ({status}).", where=where, mend=_token_advice())
    if is_unreachable(error) or status is not None or may_pass(error):
        often = f" after {tries} tries" if tries > 1 else ""
        mend = "Try again later: files that are fetched stay in the cache. doctor tests the connection."
        reason = f"the hub answered {status}" if status else first_line(causes[-1])
        return UserError(f"{what} failed{often} ({reason}).", where=where, mend=mend)
    return UserError(f"{what} failed: {describe(error)}.", where=where)


def explain_revision(address: Address, commit: str | None) -> UserError:
    """Returns the message for a revision that the repository lacks."""
    if commit is not None and commit != address.revision:
        return UserError(
            f"the commit {commit}, to which this run pinned {address.revision}, is no longer on the hub.",
            where=address.key,
            mend="Its history was rewritten. To take the present commit, remove the name from hub.json in the run "
            "folder, and expect other results.",
        )
    return UserError(
        f"{address.describe()} has no revision '{address.revision}'.",
        where=address.key,
        mend=f"Its branches, tags and commits: {address.page}/tree/main",
    )


def explain_missing(address: Address, commit: str | None, file: str) -> UserError:
    """Returns the message for a file that offline work needs and the cache lacks."""
    from huggingface_hub import constants

    kind = " --repo-type dataset" if address.kind == "dataset" else ""
    at = f" --revision {commit or address.revision}"
    command = f"hf download {address.repo}{f' {file}' if file else ''}{kind}{at}"
    what = f"the file {file} of {address.describe(commit)}" if file else f"{address.describe()} ({address.revision})"
    return UserError(
        f"{what} is not in the cache, and HF_HUB_OFFLINE forbids to fetch it.",
        where=address.key,
        mend=f"With a connection, run once: {command} (cache: {constants.HF_HUB_CACHE})",
    )


def explain_no_file(address: Address, commit: str, pattern: str, files: list[str], where: str) -> UserError:
    """Returns the message for a pattern that matches no file of a repository."""
    listed = [file for file in files if not file.startswith(".")]
    mend = near_name(pattern, listed) if listed else "The repository is empty."
    if mend.startswith("Known names"):
        mend = f"It has {len(listed)} files: {', '.join(listed[:8])}{', ...' if len(listed) > 8 else ''}"
    return UserError(f"{address.describe(commit)} has no file '{pattern}'.", where=where, mend=mend)


def _advise_on_gate(address: Address) -> str:
    from huggingface_hub import get_token

    ask = f"Ask for access at {address.page} in a browser."
    if get_token() is None:
        return f"{ask} Then set HF_TOKEN to a token of that account, or log in with: hf auth login"
    return (
        f"{ask} The account of the present token has none: set HF_TOKEN to a token of an account that has access. "
        "A fine-grained token needs the permission to read gated repositories."
    )


def _advise_on_limit(wait: float | None) -> str:
    from huggingface_hub import get_token

    when = "later" if wait is None else f"in {wait:g} s, as the hub says"
    advice = "" if get_token() else " It allows more requests to those with a token: set HF_TOKEN."
    return f"Try again {when}: files that are fetched stay in the cache.{advice}"


def _token_advice() -> str:
    from huggingface_hub import get_token

    if get_token() is None:
        return "No token is set: for a private repository set HF_TOKEN, or log in with: hf auth login"
    return "A token is set (HF_TOKEN, or by hf auth login); check that it may read this repository."
