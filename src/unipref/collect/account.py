"""What a judge has used of its endpoint: a file with a line before each request and one after it, for budgets.

The file counts what was sent, not what was judged: also requests without a reply, further tries, replies of a pair that
was not finished, and requests with other settings of a judge of the same label.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from unipref.collect.chat_endpoint import NoFurtherTry, Reply
from unipref.core.contracts import JudgeStopped
from unipref.core.errors import UserError, legible
from unipref.core.secrets import hide_secrets

FOLDER = "accounts"
MEND = "Raise the judge's 'budget' and run again; it goes on where it stopped."


class Tokens(NamedTuple):
    """Tokens of a request: those that the model reads, and those that it writes."""

    read: int
    written: int


class Rate(NamedTuple):
    """The price of a million tokens, read and written."""

    read: float
    written: float


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A request, written before it is sent. `longest` are the most tokens that it can use."""

    number: int
    model: str
    rate: Rate
    longest: Tokens


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The end of a request. `tokens` is None if nobody knows them; `fault` is None if there is a reply."""

    number: int
    tokens: Tokens | None
    fault: str | None = None


class Earlier(msgspec.Struct, frozen=True, tag="earlier"):
    """What the judgements of a collection without an account used."""

    requests: int
    model: str
    rate: Rate
    tokens: Tokens


class Limits(NamedTuple):
    """Most requests, tokens and cost; None: any."""

    requests: int | None
    tokens: int | None
    cost: float | None


class Account:
    """What was used, and whether a further request may exceed a limit. Threads may share it.

    Args:
        path: the file.
        model: of the requests to come.
        rate: its present price. Requests to other models keep the price that they were sent with.
        limits: of all requests in the file together.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(self, path: Path, model: str, rate: Rate, limits: Limits) -> None:
        self._path, self._model, self._rate, self._limits = path, model, rate, limits
        self._lock = threading.RLock()
        self._used: dict[tuple[str, Rate], Tokens] = {}
        self._open: dict[int, Sent] = {}
        self._held = (0, Tokens(0, 0))
        self._file: BinaryIO | None = None
        self.requests = self.unanswered = self._last = 0
        self.is_uncounted = False
        self.stops_tries = threading.Event()
        self.stops_requests = threading.Event()
        self._read()

    def _read(self) -> None:
        """Reads the file; a last line that a killed run left unfinished is removed."""
        content = self._path.read_bytes() if self._path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                self._count(msgspec.json.decode(line, type=Sent | Ended | Earlier))
            except (msgspec.DecodeError, KeyError) as error:
                mend = "Restore the file. If it is deleted, only the judgements of the present settings count."
                raise UserError("the line is none of an account.", where=f"{self._path}:{number}", mend=mend) from error
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))

    def _count(self, line: Sent | Ended | Earlier) -> None:
        """Counts a line. A request counts with its longest use until its tokens are known."""
        if isinstance(line, Earlier):
            self.requests += line.requests
            self._use(line.model, line.rate, line.tokens)
        elif isinstance(line, Sent):
            self.requests += 1
            self.unanswered += 1
            self._last = max(self._last, line.number)
            self._open[line.number] = line
            self._use(line.model, line.rate, line.longest)
        else:
            sent = self._open.pop(line.number)
            self.unanswered -= line.fault is None
            if line.tokens is not None:
                change = Tokens(*(used - most for used, most in zip(line.tokens, sent.longest, strict=True)))
                self._use(sent.model, sent.rate, change)

    def _use(self, model: str, rate: Rate, tokens: Tokens) -> None:
        self._used[model, rate] = _add(self._used.get((model, rate), Tokens(0, 0)), tokens)

    @contextlib.contextmanager
    def append(self, past: Sequence[dict[str, Any]]) -> Iterator[None]:
        """Opens the file for further lines; one without a request begins with what earlier judgements used.

        Args:
            past: the details of these judgements.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            self._file = file
            if not self.requests and past:
                self._write(self._sum_up(past))
            yield

    def _sum_up(self, past: Sequence[dict[str, Any]]) -> Earlier:
        tokens = [Tokens(*one["tokens"]) for one in past if one["tokens"] is not None]
        total = Tokens(sum(one.read for one in tokens), sum(one.written for one in tokens))
        return Earlier(sum(one["requests"] for one in past), self._model, self._rate, total)

    def _write(self, line: Sent | Ended | Earlier) -> None:
        """Adds a line to the file, whole or not at all, and counts it."""
        assert self._file is not None
        content = msgspec.json.encode(line) + b"\n"
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise
        self._count(line)

    def reserve(self, longest: Tokens, count: int) -> "Reserve | str":
        """Reserves requests of at most `longest` tokens each; returns the limit that they might exceed, if any."""
        with self._lock:
            limit = self._find_limit(longest, count, "pair")
            if limit is not None:
                return limit
            self._hold(longest, count)
            return Reserve(self, longest, count)

    def _hold(self, longest: Tokens, count: int) -> None:
        requests, tokens = self._held
        self._held = (requests + count, _add(tokens, Tokens(count * longest.read, count * longest.written)))

    def _find_limit(self, longest: Tokens, count: int, what: str) -> str | None:
        """Returns the limit that further requests, beside those that are reserved, might exceed; None if none."""
        limits, (held, held_tokens) = self._limits, self._held
        if self.is_uncounted and (limits.tokens or limits.cost):
            return "the endpoint does not say how many tokens it uses, so a budget of tokens or cost cannot be kept"
        silent = f", {self.unanswered} of them without a reply" if self.unanswered else ""
        if limits.requests is not None and self.requests + held + count > limits.requests:
            return f"{self.requests} of {limits.requests} requests{silent}"
        more = _add(held_tokens, Tokens(count * longest.read, count * longest.written))
        used = sum(map(sum, self._used.values()))
        if limits.tokens is not None and used + sum(more) > limits.tokens:
            return f"{used} of {limits.tokens} tokens{silent}, and the next {what} may need {sum(more)}"
        cost, further = self.cost, _price(more, self._rate)
        if limits.cost is not None and cost + further > limits.cost:
            return f"{cost:.4g} of {limits.cost:g}{silent}, and the next {what} may cost {further:.2g}"
        return None

    @property
    def cost(self) -> float:
        """The cost of all requests so far; those without a count of tokens with the most that they can cost."""
        rates = ((self._rate if model == self._model else rate) for model, rate in self._used)
        return sum(_price(tokens, rate) for tokens, rate in zip(self._used.values(), rates, strict=True))

    def start(self, reserve: "Reserve", is_further_try: bool) -> int:
        """Writes a request down before it is sent; returns its number.

        Raises:
            NoFurtherTry: a further try might exceed a limit, or the judge stops.
        """
        with self._lock:
            if self.stops_requests.is_set() or (is_further_try and self.stops_tries.is_set()):
                raise NoFurtherTry(StoppedWithOthers("the judge stops", ""))
            if is_further_try:
                limit = self._find_limit(reserve.longest, 1, "request")
                if limit is not None:
                    raise NoFurtherTry(
                        JudgeStopped(f"its budget allows no further try: {limit}", MEND, is_planned=True)
                    )
            else:
                reserve.left -= 1
                self._hold(reserve.longest, -1)
            number = self._last + 1
            self._write(Sent(number, self._model, self._rate, reserve.longest))
            return number

    def end(self, number: int, tokens: Tokens | None, fault: str | None) -> None:
        """Writes down how a request ended."""
        with self._lock:
            self.is_uncounted |= tokens is None and fault is None
            self._write(Ended(number, tokens, None if fault is None else hide_secrets(legible(fault))[:200]))

    def release(self, reserve: "Reserve") -> None:
        """Gives back the requests that were reserved and not sent."""
        with self._lock:
            self._hold(reserve.longest, -reserve.left)
            reserve.left = 0


class Reserve:
    """Requests of one pair that fit into the budget. An endpoint counts each try here."""

    def __init__(self, account: Account, longest: Tokens, left: int) -> None:
        self._account, self.longest, self.left = account, longest, left

    def send(self, is_further_try: bool) -> Callable[[Reply | None, str | None, bool], None]:
        """Counts a try before it is sent; returns a function that takes its reply, its fault and whether it may cost.

        Raises:
            NoFurtherTry: there must be no further try.
        """
        number = self._account.start(self, is_further_try)

        def end(reply: Reply | None, fault: str | None, may_cost: bool) -> None:
            if reply is not None:
                tokens = Tokens(reply.tokens_in, reply.tokens_out) if reply.is_counted else None
            else:
                tokens = None if may_cost else Tokens(0, 0)
            self._account.end(number, tokens, fault)

        return end

    def release(self) -> None:
        """Gives back what was not sent."""
        self._account.release(self)


class StoppedWithOthers(JudgeStopped):
    """A pair is not judged because the judge stops for another reason."""


def _add(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(one.read + other.read, one.written + other.written)


def _price(tokens: Tokens, rate: Rate) -> float:
    return (tokens.read * rate.read + tokens.written * rate.written) / 1e6
