"""A language model behind an endpoint in the form of OpenAI's API."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from unipref.collect.account import FOLDER, MEND, Account, Limits, Rate, Reserve, StoppedWithOthers, Tokens
from unipref.collect.chat_endpoint import Endpoint, Reply
from unipref.core.contracts import Judge, JudgeJob, JudgeStopped, Opinion, PairToJudge, Settings, Vote
from unipref.core.messages import show_message, split_reasoning

RUBRIC = (
    "You compare two answers to the same request. The better answer does what the request asks for, in the form that "
    "it asks for, is correct, and is no longer than it needs to be. Do not prefer an answer because it is longer or "
    "because it comes first. Give a short reason. Then end with one line of its own: 'Verdict: A' if answer A is "
    "better, 'Verdict: B' if answer B is better, or 'Verdict: tie' if neither is."
)
_VERDICT = re.compile(
    r"\bverdict\b[^\w\n]{0,6}(?:answer[^\w\n]{0,3})?\b(A|B|tie)\b[^\w\n]*$", re.IGNORECASE | re.MULTILINE
)
_MENTION = re.compile(r"\bverdict\b", re.IGNORECASE)
_ALONE = re.compile(r"\W*(A|B|tie)\W*", re.IGNORECASE)
FIRST_REPLIES = 20
"""If none of so many first replies has a verdict, none is likely to come."""


class Budget(Settings):
    """What a judge of this label may use, over all runs of one collection together, also with other settings. A request
    is not sent if it might exceed a limit; those without a reply and further tries count too.
    """

    requests: int | None = Field(default=None, ge=1)
    """Most requests."""
    tokens: int | None = Field(default=None, ge=1)
    """Most tokens, read and written."""
    cost: float | None = Field(default=None, gt=0)
    """Most cost, in the currency of the price."""


class Price(Settings):
    """The price of a million tokens, in any one currency."""

    input: float = Field(default=0.0, ge=0)
    """Of tokens that the model reads."""
    output: float = Field(default=0.0, ge=0)
    """Of tokens that it writes."""


class Llm(Judge):
    """Asks a language model which of two answers is better, once in each order. If the two verdicts differ, the pair is
    a tie. A reply without a verdict gives none. Replies, tokens and the rubric are kept with each judgement.
    """

    url: str = Field(pattern=r"^https?://[^\s/]+")
    """Base of an endpoint in the form of OpenAI's API, such as http://localhost:8000/v1."""
    model: str
    """The model's name at the endpoint."""
    key: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key; the key itself is never written."""
    rubric: str = RUBRIC
    """What makes an answer better, and the form of the verdict: a line `Verdict: A`, `Verdict: B` or `Verdict: tie`."""
    temperature: float = Field(default=0.0, ge=0)
    """Temperature of the sampling."""
    max_tokens: int = Field(default=300, ge=1)
    """Longest reply, in tokens."""
    timeout: float = Field(default=60.0, gt=0)
    """Most seconds for one reply."""
    retries: int = Field(default=4, ge=0)
    """Further tries if the endpoint is down, slow or busy."""
    wait: float = Field(default=1.0, ge=0)
    """Seconds before the first retry; they double with each one."""
    parallel: int = Field(default=4, ge=1, le=64)
    """Requests at a time."""
    price: Price = Price()
    """The price of its tokens; default: free."""
    budget: Budget = Budget()
    """What it may use; when it is spent, the collection ends with what is judged."""

    chunk: ClassVar[int] = 1
    example: ClassVar[dict[str, Any]] = {"settings": {"url": "http://localhost:8000/v1", "model": "judge"}}

    def identity(self, job: JudgeJob) -> dict[str, Any]:
        """Leaves out what changes no verdict: time limits, prices and the budget."""
        changing = {"label", "key", "timeout", "retries", "wait", "parallel", "price", "budget"}
        return {"judge": self.name(), "settings": self.model_dump(mode="json", exclude=changing)}

    def check(self, job: JudgeJob) -> None:
        """Checks the key and the account; the endpoint may be started later."""
        self._make_endpoint().make_headers()
        self._open_account(job)

    @model_validator(mode="after")
    def _has_price_for_budget(self) -> Self:
        if self.budget.cost is not None and not (self.price.input or self.price.output):
            raise ValueError("'budget.cost' limits nothing while the 'price' of the tokens is 0; set 'price'")
        return self

    @field_validator("url")
    @classmethod
    def _can_be_asked(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            is_host = bool(parts.hostname) and parts.port != 0
            (parts.hostname or "").encode("idna")
        except ValueError as error:
            raise ValueError(f"the host or port of the URL is not valid: {error}") from None
        if not is_host:
            raise ValueError("the URL names no host, as in http://localhost:8000/v1")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("the URL has a space or a character that a URL writes otherwise, such as %20 for a space")
        return url

    @field_validator("url")
    @classmethod
    def _has_no_password(cls, url: str) -> str:
        if "@" in urlsplit(url).netloc:
            raise ValueError("a user or a password in the URL is not supported; name the variable of the key as 'key'")
        return url

    def _make_endpoint(self, sleep: Callable[[float], object] = time.sleep) -> Endpoint:
        return Endpoint(self.url, self.model, self.key, self.timeout, self.retries, self.wait, sleep)

    def _open_account(self, job: JudgeJob) -> Account:
        path = job.out / FOLDER / f"{self.annotator()}.jsonl"
        limits = Limits(self.budget.requests, self.budget.tokens, self.budget.cost)
        account = Account(path, self.model, Rate(self.price.input, self.price.output), limits)
        account.is_uncounted = any(details["tokens"] is None for details in job.past)
        return account

    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        """Asks about each pair in both orders, several pairs at a time; opinions come in the order of the pairs.

        If it stops at a pair, it finishes the pairs that it has begun; those without an opinion get an empty list.
        """
        account = self._open_account(job)
        try:
            with account.append(job.past):
                yield from self._judge_all(pairs, account, job)
        finally:
            if account.unanswered:
                silent = f"{account.unanswered} of {account.requests} requests of this collection had no reply"
                job.note(f"{self.annotator()}: {silent}; they count for its budget")

    def _judge_all(self, pairs: Sequence[PairToJudge], account: Account, job: JudgeJob) -> Iterator[list[Opinion]]:
        endpoint, form = self._make_endpoint(account.stops_tries.wait), _Form(job.past)
        running: deque[Future[list[Reply]]] = deque()
        rest, most = deque(pairs), max(1, self.parallel // 2)
        stop: JudgeStopped | None = None
        with ThreadPoolExecutor(most) as threads:
            try:
                for _ in pairs:
                    stop, limit = stop or form.find_fault(), None
                    while rest and len(running) < most and stop is None and not account.stops_tries.is_set():
                        reserve = account.reserve(self._count_longest(rest[0]), 2)
                        if isinstance(reserve, str):
                            limit = reserve
                            break
                        running.append(threads.submit(self._ask_both, endpoint, rest.popleft(), reserve, account))
                    if not running:
                        raise stop or JudgeStopped(f"its budget is spent: {limit}", MEND, is_planned=True)
                    try:
                        opinions = [self._conclude(running.popleft().result())]
                        form.add(opinions[0].details)
                    except JudgeStopped as error:
                        opinions = []
                        stop = error if stop is None or isinstance(stop, StoppedWithOthers) else stop
                    yield opinions
                if stop is not None:
                    raise stop
            finally:
                account.stops_requests.set()
                account.stops_tries.set()
                for future in running:
                    future.cancel()

    def _count_longest(self, pair: PairToJudge) -> Tokens:
        """Returns the most tokens of one request: no tokenizer makes more than one token of each byte."""
        texts = "".join(message["content"] for message in self.make_messages(pair, turned=False))
        return Tokens(len(texts.encode("utf-8", "surrogatepass")) + 64, self.max_tokens)

    def make_messages(self, pair: PairToJudge, *, turned: bool) -> list[dict[str, str]]:
        """Makes the request about a pair; `turned` shows the second answer first."""
        first, second = (pair.second, pair.first) if turned else (pair.first, pair.second)
        turns = [f"[{message['role']}]\n{show_message(message)}" for message in pair.prompt]
        request = turns[0].partition("\n")[2] if len(turns) == 1 else "\n\n".join(turns)
        content = (
            f"<request>\n{request}\n</request>\n\n<answer_A>\n{first}\n</answer_A>\n\n<answer_B>\n{second}\n</answer_B>"
        )
        return [{"role": "system", "content": self.rubric}, {"role": "user", "content": content}]

    def _ask_both(self, endpoint: Endpoint, pair: PairToJudge, reserve: Reserve, account: Account) -> list[Reply]:
        try:
            return [
                endpoint.ask(self.make_messages(pair, turned=turned), self.max_tokens, self.temperature, reserve)
                for turned in (False, True)
            ]
        except JudgeStopped:
            account.stops_tries.set()
            raise
        finally:
            reserve.release()

    def _conclude(self, replies: Sequence[Reply]) -> Opinion:
        """Returns the opinion that the replies of both orders give."""
        verdicts = [read_verdict(reply.text) for reply in replies]
        votes = [_to_vote(verdicts[0], turned=False), _to_vote(verdicts[1], turned=True)]
        tokens = [sum(reply.tokens_in for reply in replies), sum(reply.tokens_out for reply in replies)]
        details = {
            "votes": votes,
            "replies": [reply.text for reply in replies],
            "requests": len(replies),
            "tokens": tokens if all(reply.is_counted for reply in replies) else None,
            "rubric": self.rubric,
        }
        in_orders = (votes[0], votes[1])
        if votes[0] is None or votes[1] is None:
            why = "a reply has no verdict in the form that the rubric asks for"
            return Opinion(None, details=details, why_not=why, in_orders=in_orders)
        return Opinion(votes[0] if votes[0] == votes[1] else "tie", details=details, in_orders=in_orders)


class _Form:
    """Whether replies have verdicts."""

    def __init__(self, past: Sequence[dict[str, Any]]) -> None:
        self._requests = self._pairs = self._unreadable = 0
        self._last_reply = ""
        for details in past:
            self.add(details)

    def add(self, details: dict[str, Any]) -> None:
        """Counts a judgement."""
        self._requests += details["requests"]
        self._pairs += 1
        self._last_reply = " ".join(details["replies"][0].split())[:120]
        self._unreadable += all(vote is None for vote in details["votes"])

    def find_fault(self) -> JudgeStopped | None:
        """Returns why to stop if there are enough replies, and none has a verdict."""
        if self._requests < FIRST_REPLIES or self._unreadable < self._pairs:
            return None
        return JudgeStopped(
            f"none of the first {self._requests} replies has a verdict; one begins with '{self._last_reply}'",
            "Use a model that follows the rubric, or word the 'rubric' in another way.",
        )


def read_verdict(reply: str) -> str | None:
    """Reads the verdict of a reply: a line that ends as `Verdict: A`, or a reply that is nothing but `A`.

    Of several, the last one counts; None if the reply speaks of its verdict again after it. Reasoning in `<think>` does
    not count.
    """
    reply = split_reasoning(reply)[1]
    if alone := _ALONE.fullmatch(reply):
        return alone[1].upper()
    verdicts = list(_VERDICT.finditer(reply))
    if not verdicts or _MENTION.search(reply, verdicts[-1].end()):
        return None
    return verdicts[-1][1].upper()


def _to_vote(verdict: str | None, *, turned: bool) -> Vote | None:
    if verdict is None:
        return None
    if verdict == "TIE":
        return "tie"
    return "first" if (verdict == "A") != turned else "second"
