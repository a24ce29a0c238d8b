"""Asks a chat endpoint in the form of OpenAI's API, with retries, a time limit and a count of tokens."""

import email.utils
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from unipref.core.contracts import JudgeStopped
from unipref.core.errors import first_line, legible
from unipref.core.secrets import hide_secrets

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP states that may pass; any other error stops the judge at once."""
TOO_BUSY = frozenset({503, 529})
"""The server did not begin; after another 5xx or HTTP 408 it may have written a reply that it charges."""
LONGEST_WAIT = 60.0
"""Most seconds between two tries; a server that asks for more stops the judge."""
MOST_BYTES = 10_000_000
"""A longer reply is no chat reply."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would send the key to the new host, and no request body."""

    def redirect_request(self, *args: Any) -> None:
        """Returns no request, so that the redirect is an `HTTPError`."""


class Reply(NamedTuple):
    """A reply.

    Attributes:
        text: of the first choice; empty if it has none.
        tokens_in, tokens_out: as the endpoint counts them; 0 if it does not say.
        is_counted: whether the endpoint said how many tokens it used.
    """

    text: str
    tokens_in: int
    tokens_out: int
    is_counted: bool


class OneTryFailed(Exception):
    """One try failed; the next one may not.

    Args:
        why: without a full stop.
        wait: seconds that the server asks to wait.
        may_cost: whether the server may have written a reply all the same.
    """

    def __init__(self, why: str, wait: float | None = None, may_cost: bool = True) -> None:
        self.why, self.wait, self.may_cost = why, wait, may_cost
        super().__init__(why)


class NoFurtherTry(Exception):
    """Another try is not allowed; `stop` says why."""

    def __init__(self, stop: JudgeStopped) -> None:
        self.stop = stop
        super().__init__(stop.why)


class Tries(Protocol):
    """Counts tries."""

    def send(self, is_further_try: bool) -> Callable[[Reply | None, str | None, bool], None]:
        """Counts a try before it is sent; returns a function that takes its reply, its fault and whether it may cost.

        Raises:
            NoFurtherTry: there must be no further try.
        """


@dataclass(frozen=True)
class Endpoint:
    """A chat endpoint.

    Attributes:
        url: its base, such as `https://api.example.org/v1`.
        model: the model's name there.
        key_variable: environment variable with the key; None: no key.
        timeout: most seconds of one try, from its start to the last byte.
        retries: further tries after a fault that may pass.
        first_wait: seconds before the first retry; they double each time.
        sleep: waits; for tests.
    """

    url: str
    model: str
    key_variable: str | None
    timeout: float
    retries: int
    first_wait: float
    sleep: Callable[[float], object] = field(default=time.sleep, compare=False)

    def ask(self, messages: list[dict[str, str]], max_tokens: int, temperature: float, tries: Tries) -> Reply:
        """Asks, and tries again after faults that may pass.

        Raises:
            JudgeStopped: the endpoint refuses, did not reply in any try, or must not be tried again.
        """
        body = {"model": self.model, "messages": messages, "max_tokens": max_tokens, "temperature": temperature}
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/chat/completions", json.dumps(body).encode("utf-8"), self.make_headers()
        )
        why, attempt = "", 0
        while True:
            try:
                return self._try_once(request, tries, attempt > 0)
            except OneTryFailed as failure:
                why, attempt = failure.why, attempt + 1
                wait = self.first_wait * 2 ** (attempt - 1) if failure.wait is None else failure.wait
            except NoFurtherTry as limit:
                if not attempt:
                    raise limit.stop from None
                whole = f"{self._describe_tries(attempt, why)}; {limit.stop.why}"
                raise type(limit.stop)(whole, limit.stop.mend, limit.stop.is_planned) from None
            if attempt > self.retries or wait > LONGEST_WAIT:
                mend = (
                    "Run again when it answers; what is judged is kept. 'timeout', 'retries' and 'wait' can be changed."
                )
                raise JudgeStopped(self._describe_tries(attempt, why), mend)
            self.sleep(wait)

    def _describe_tries(self, count: int, why: str) -> str:
        return f"{self.url} gave no reply in {count} {'try' if count == 1 else 'tries'}: {why}"

    def _try_once(self, request: urllib.request.Request, tries: Tries, is_further_try: bool) -> Reply:
        end = tries.send(is_further_try)
        try:
            reply = _read_reply(self._send(request))
        except OneTryFailed as failure:
            end(None, failure.why, failure.may_cost)
            raise
        except JudgeStopped as stop:
            end(None, stop.why, False)
            raise
        end(reply, None, True)
        return reply

    def _send(self, request: urllib.request.Request) -> bytes:
        deadline = time.monotonic() + self.timeout
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=self.timeout) as response:
                return _read_until(response, deadline)
        except urllib.error.HTTPError as error:
            raise self._explain_status(error) from None
        except TimeoutError as error:
            raise OneTryFailed(f"no reply within {self.timeout:g} seconds") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise OneTryFailed(f"no reply within {self.timeout:g} seconds") from error
            # The request was not sent to its end.
            why = f"it cannot be reached ({_describe_reason(error.reason)})"
            raise OneTryFailed(why, may_cost=False) from error
        except (http.client.InvalidURL, ValueError, OverflowError) as error:
            # A host or port that no request can have, or a character that no header can hold.
            raise JudgeStopped(
                f"{self.url} cannot be asked ({first_line(error)})", "Correct 'url' or the key."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise OneTryFailed(f"the connection broke ({first_line(error)})") from error

    def make_headers(self) -> dict[str, str]:
        """Makes the headers of a request, with the key.

        Raises:
            JudgeStopped: the environment has no key.
        """
        content = {"Content-Type": "application/json"}
        if self.key_variable is None:
            return content
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise JudgeStopped(
                f"the environment variable {self.key_variable} is not set", "Set it to the key of the endpoint."
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise JudgeStopped(
                f"the environment variable {self.key_variable} holds a space or a character that no key can have",
                "Set it to the key alone: one line of letters, digits and signs.",
            )
        return {**content, "Authorization": f"Bearer {key}"}

    def _explain_status(self, error: urllib.error.HTTPError) -> Exception:
        """Returns what an HTTP error means: a fault that may pass, or the end."""
        try:
            content = error.read(2000).decode("utf-8", "replace")
        except OSError:
            content = ""
        why = f"HTTP {error.code} {error.reason}"
        if 300 <= error.code < 400:
            return self._explain_redirect(why, error.headers.get("Location"))
        if error.code in RETRIED:
            may_cost = error.code == 408 or (error.code >= 500 and error.code not in TOO_BUSY)
            return OneTryFailed(why, _read_wait(error.headers.get("Retry-After")), may_cost)
        shown = hide_secrets(legible(" ".join(content.split())))[:300]
        mend = "Check 'url', 'model' and the key; what is judged is kept."
        return JudgeStopped(f"{self.url} refuses the request: {why}{f': {shown}' if shown else ''}", mend)

    def _explain_redirect(self, why: str, place: str | None) -> JudgeStopped:
        shown = hide_secrets(legible(urllib.parse.urljoin(self.url, place)))[:300] if place else "another place"
        mend = "The key goes to no other place. If you trust it, set 'url' to its base; what is judged is kept."
        return JudgeStopped(f"{self.url} redirects to {shown} ({why})", mend)


def _describe_reason(reason: Any) -> str:
    return first_line(reason) if isinstance(reason, BaseException) else str(reason)


def _read_until(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Reads a whole reply; a server that sends a byte now and then cannot hold it longer than the deadline."""
    parts, size = [], 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError
        if size > MOST_BYTES:
            raise OneTryFailed("the reply is longer than 10 MB")
    if response.length:
        raise OneTryFailed("the reply is shorter than announced")
    return b"".join(parts)


def _read_wait(value: str | None) -> float | None:
    """Reads the header `Retry-After`: seconds, or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _read_reply(content: bytes) -> Reply:
    """Reads the JSON of a reply.

    Raises:
        OneTryFailed: it is no chat reply; a proxy in trouble may send its own page.
    """
    try:
        value = json.loads(content)
        message = value["choices"][0]["message"]
        text = message.get("content")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise OneTryFailed("the reply is no chat completion in the form of OpenAI's API") from error
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    read, written = (_read_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    is_counted = read is not None and written is not None
    # Half a surrogate pair, which JSON may hold, cannot be written.
    readable = text.encode("utf-8", "replace").decode() if isinstance(text, str) else ""
    return Reply(readable, read or 0, written or 0, is_counted)


def _read_count(value: Any) -> int | None:
    """Returns a number of tokens; None if the endpoint gives none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
