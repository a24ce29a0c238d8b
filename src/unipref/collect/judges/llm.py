"""A language model behind an endpoint in the form of OpenAI's API."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

from pydantic import Field

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
    """What a judge may use, over all runs of one collection together. The next request is not sent if it might exceed
    a limit.
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
        """Checks that the key is set; the endpoint may be started later."""
        self._make_endpoint().make_headers()

    def _make_endpoint(self) -> Endpoint:
        return Endpoint(self.url, self.model, self.key, self.timeout, self.retries, self.wait)

    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        """Asks about each pair in both orders, several pairs at a time; opinions come in the order of the pairs."""
        endpoint = self._make_endpoint()
        account = _Account(self, job.past)
        running: deque[Future[list[Reply]]] = deque()
        submitted = 0
        with ThreadPoolExecutor(max(1, self.parallel // 2)) as threads:
            try:
                for _ in pairs:
                    account.check_form()
                    while submitted < len(pairs) and len(running) < max(1, self.parallel // 2):
                        if (why := account.find_limit(pairs[submitted], len(running))) is not None:
                            break
                        running.append(threads.submit(self._ask_both, endpoint, pairs[submitted]))
                        submitted += 1
                    if not running:
                        mend = "Raise the judge's 'budget' and run again; it goes on where it stopped."
                        raise JudgeStopped(f"its budget is spent: {why}", mend, is_planned=True)
                    opinion = self._conclude(running.popleft().result())
                    yield [opinion]
                    account.add(opinion)
            finally:
                for future in running:
                    future.cancel()

    def make_messages(self, pair: PairToJudge, *, turned: bool) -> list[dict[str, str]]:
        """Makes the request about a pair; `turned` shows the second answer first."""
        first, second = (pair.second, pair.first) if turned else (pair.first, pair.second)
        turns = [f"[{message['role']}]\n{show_message(message)}" for message in pair.prompt]
        request = turns[0].partition("\n")[2] if len(turns) == 1 else "\n\n".join(turns)
        content = (
            f"<request>\n{request}\n</request>\n\n<answer_A>\n{first}\n</answer_A>\n\n<answer_B>\n{second}\n</answer_B>"
        )
        return [{"role": "system", "content": self.rubric}, {"role": "user", "content": content}]

    def _ask_both(self, endpoint: Endpoint, pair: PairToJudge) -> list[Reply]:
        return [
            endpoint.ask(self.make_messages(pair, turned=turned), self.max_tokens, self.temperature)
            for turned in (False, True)
        ]

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
        if votes[0] is None or votes[1] is None:
            return Opinion(None, details=details, why_not="a reply has no verdict in the form that the rubric asks for")
        return Opinion(votes[0] if votes[0] == votes[1] else "tie", details=details)


class _Account:
    """What a judge has used, and whether the next pair may exceed its budget."""

    def __init__(self, judge: Llm, past: Sequence[dict[str, Any]]) -> None:
        self._judge = judge
        self._requests = self._read = self._written = self._unreadable = self._pairs = 0
        self._uncounted, self._last_reply = False, ""
        for details in past:
            self._count(details)

    def _count(self, details: dict[str, Any]) -> None:
        self._requests += details["requests"]
        self._uncounted |= details["tokens"] is None
        read, written = details["tokens"] or (0, 0)
        self._read += read
        self._written += written
        self._pairs += 1
        self._last_reply = " ".join(details["replies"][0].split())[:120]
        self._unreadable += all(vote is None for vote in details["votes"])

    def add(self, opinion: Opinion) -> None:
        """Counts a judgement."""
        self._count(opinion.details)

    def check_form(self) -> None:
        """Raises `JudgeStopped` if there are enough replies, and none has a verdict."""
        if self._requests >= FIRST_REPLIES and self._unreadable == self._pairs:
            raise JudgeStopped(
                f"none of the first {self._requests} replies has a verdict; one begins with '{self._last_reply}'",
                "Use a model that follows the rubric, or word the 'rubric' in another way.",
            )

    def find_limit(self, pair: PairToJudge, running: int) -> str | None:
        """Returns the limit that two more requests, beside those of the running pairs, might exceed; None if none."""
        budget, price = self._judge.budget, self._judge.price
        if self._uncounted and (budget.tokens or budget.cost):
            return "the endpoint does not say how many tokens it uses, so a budget of tokens or cost cannot be kept"
        # No tokenizer makes more than one token of each byte.
        longest = len("".join(one["content"] for one in self._judge.make_messages(pair, turned=False)).encode()) + 64
        read, written = 2 * (running + 1) * longest, 2 * (running + 1) * self._judge.max_tokens
        if budget.requests is not None and self._requests + 2 * (running + 1) > budget.requests:
            return f"{self._requests} of {budget.requests} requests"
        if budget.tokens is not None and self._read + self._written + read + written > budget.tokens:
            return (
                f"{self._read + self._written} of {budget.tokens} tokens, and the next pair may need {read + written}"
            )
        cost = (self._read * price.input + self._written * price.output) / 1e6
        more = (read * price.input + written * price.output) / 1e6
        if budget.cost is not None and cost + more > budget.cost:
            return f"{cost:.4g} of {budget.cost:g}, and the next pair may cost {more:.2g}"
        return None


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
