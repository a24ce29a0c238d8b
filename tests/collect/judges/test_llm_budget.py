"""The budget of a judge counts everything that was sent, over all runs of a collection."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.chat_server import ChatServer, serve
from unipref.collect.judged_file import JudgedFile
from unipref.collect.judges.llm import RUBRIC, Budget, Llm, Price
from unipref.collect.judging import judge_missing
from unipref.core.contracts import JudgeJob, JudgeStopped, PairToJudge
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.records import Message

PAIRS = [PairToJudge(f"p{n}", [Message(role="user", content="Which?")], f"left {n}.", f"right {n}.") for n in range(9)]
LONGEST = 20
"""Tokens of the longest reply."""


class Run:
    """A folder in which a judge judges again and again, as runs of a collection do."""

    def __init__(self, folder: Path, server: ChatServer) -> None:
        self.folder, self.server = folder, server
        self.notes: list[str] = []

    def judge(self, pairs: int = 9, **settings: Any) -> tuple[int, JudgeStopped | None]:
        """Judges what is missing; returns the number of judged pairs, and how the judge stopped."""
        usual = {"url": self.server.url, "model": "m", "wait": 0.0, "retries": 0, "parallel": 2, "max_tokens": LONGEST}
        llm, job = Llm(**{**usual, **settings}), JudgeJob(self.folder, self.folder, note=self.notes.append)
        file = JudgedFile(self.folder / "judged", llm, job, PAIRS[:pairs])
        try:
            judge_missing(llm, PAIRS[:pairs], file, [], job, ProgressListener(), "pairs")
        except JudgeStopped as stop:
            return len(file.opinions), stop
        return len(file.opinions), None

    @property
    def account(self) -> Path:
        return self.folder / "accounts" / "llm.jsonl"

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.account.read_text(encoding="utf-8").splitlines()]


def reply_unless(fails: Callable[[int], bool], fault: Any = (500, "broken")) -> Callable[[int, dict[str, Any]], Any]:
    return lambda number, body: fault if fails(number) else "Verdict: A"


def test_requests_of_pairs_that_fail_are_counted_in_all_further_runs(tmp_path: Path) -> None:
    with serve(reply_unless(lambda number: number % 2 == 1)) as server:
        run = Run(tmp_path, server)
        stops = [run.judge(budget=Budget(requests=4))[1] for _ in range(6)]
        assert len(server.requests) == 4
    assert "HTTP 500" in str(stops[1])
    assert str(stops[2]) == str(stops[5]) == "its budget is spent: 4 of 4 requests, 2 of them without a reply"
    assert stops[5] is not None
    assert stops[5].is_planned
    assert "2 of 4 requests of this collection had no reply" in run.notes[-1]


def test_further_tries_are_counted(tmp_path: Path) -> None:
    with serve(reply_unless(lambda number: number > 0)) as server:
        run = Run(tmp_path, server)
        judged, stop = run.judge(budget=Budget(requests=4), retries=9)
        assert len(server.requests) == 4
        assert judged == 0
        assert "3 tries: HTTP 500" in str(stop)
        assert "no further try: 4 of 4 requests, 3 of them" in str(stop)
        assert stop is not None
        assert stop.is_planned
        run.judge(budget=Budget(requests=4), retries=9)
        assert len(server.requests) == 4


def test_a_further_try_takes_nothing_that_another_pair_has_reserved(tmp_path: Path) -> None:
    with serve(reply_unless(lambda number: number == 0)) as server:
        judged, stop = Run(tmp_path, server).judge(budget=Budget(requests=4), retries=9, parallel=4)
        assert len(server.requests) <= 4
    assert judged == 1
    assert stop is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.5},
        {"rubric": "Another."},
        {"model": "another"},
        {"max_tokens": 10},
        {"url": "same, with a /"},
    ],
)
def test_other_settings_have_the_same_budget(tmp_path: Path, changes: dict[str, Any]) -> None:
    with serve(lambda number, body: "Verdict: A") as server:
        run = Run(tmp_path, server)
        assert run.judge(budget=Budget(requests=4))[0] == 2
        if "url" in changes:
            changes = {"url": f"{server.url}/"}
        judged, stop = run.judge(budget=Budget(requests=6), **changes)
        assert (judged, len(server.requests)) == (1, 6)
        assert str(stop) == "its budget is spent: 6 of 6 requests"
        assert run.judge(budget=Budget(requests=6), label="second-judge")[0] == 3


def test_finished_pairs_are_kept_when_another_pair_fails(tmp_path: Path) -> None:
    """The first pair waits until three others are done, and fails."""
    done = threading.Semaphore(0)

    def answer(number: int, body: dict[str, Any]) -> Any:
        if "left 0." in body["messages"][1]["content"]:
            for _ in range(6):
                done.acquire(timeout=5)
            return 403, "no"
        done.release()
        return "Verdict: A"

    with serve(answer) as server:
        run = Run(tmp_path, server)
        judged, stop = run.judge(parallel=8)
        assert "HTTP 403" in str(stop)
        assert judged == 3
        server.answer = lambda number, body: "Verdict: A"
        assert run.judge(parallel=8) == (9, None)
        assert len(server.requests) == 1 + 2 * 9
    assert sum(line["type"] == "sent" for line in run.read()) == 19


def test_when_a_pair_fails_others_are_not_tried_again(tmp_path: Path) -> None:
    """Two pairs begin; one is refused, and the other one would wait for a minute."""
    both = threading.Barrier(2)

    def answer(number: int, body: dict[str, Any]) -> Any:
        both.wait(5)
        return (403, "no") if "left 1." in body["messages"][1]["content"] else (503, "busy", {"Retry-After": "50"})

    with serve(answer) as server:
        stop = Run(tmp_path, server).judge(parallel=4, retries=5)[1]
        assert len(server.requests) == 2
    assert "HTTP 403" in str(stop)


@pytest.mark.parametrize(
    ("fault", "most"),
    [((429, "busy"), 0), ((503, "busy"), 0), ((400, "no"), 0), ((500, "?"), 1), ((504, "?"), 1), (None, 1), (0.5, 1)],
)
def test_a_request_without_a_reply_counts_with_the_most_that_it_may_cost(tmp_path: Path, fault: Any, most: int) -> None:
    with serve(lambda number, body: fault) as server:
        run = Run(tmp_path, server)
        assert run.judge(timeout=0.1)[0] == 0
        server.answer = lambda number, body: "Verdict: A"
        stop = run.judge(budget=Budget(tokens=1))[1]
    longest = run.read()[0]["longest"]
    assert longest[1] == LONGEST
    assert longest[0] > len(RUBRIC)
    assert f"budget is spent: {most * sum(longest)} of 1 tokens, 1 of them without" in str(stop)


def test_a_run_that_is_killed_after_it_sent_a_request_has_counted_it(tmp_path: Path) -> None:
    with serve(lambda number, body: "Verdict: A") as server:
        run = Run(tmp_path, server)
        seen: list[int] = []

        def answer(number: int, body: dict[str, Any]) -> Any:
            seen.append(len(run.read()))
            return "Verdict: A"

        server.answer = answer
        run.judge(pairs=2)
        assert seen == [1, 3, 5, 7]
        lines = run.account.read_bytes().splitlines(keepends=True)
        run.account.write_bytes(b"".join(lines[:-1]) + lines[-1][:-5])
        stop = run.judge(budget=Budget(requests=4))[1]
        assert "4 of 4 requests, 1 of them without a reply" in str(stop)
        assert run.account.read_bytes() == b"".join(lines[:-1])


def test_a_damaged_account_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    with serve(lambda number, body: "Verdict: A") as server:
        run = Run(tmp_path, server)
        run.judge(pairs=1)
        lines = run.account.read_bytes().splitlines(keepends=True)
        for damaged in (b"garbage\n", lines[1] + lines[1]):
            run.account.write_bytes(lines[0] + damaged + lines[2])
            with pytest.raises(UserError, match="none of an account") as error:
                run.judge()
            assert str(error.value.where).startswith(str(run.account))
            with pytest.raises(UserError, match="none of an account"):
                Llm(url=server.url, model="m").check(JudgeJob(tmp_path, tmp_path))


def test_another_model_keeps_the_cost_of_the_earlier_one(tmp_path: Path) -> None:
    """A pair reads 200 tokens and writes 20."""
    with serve(lambda number, body: "Verdict: A") as server:
        run = Run(tmp_path, server)
        run.judge(pairs=1, price=Price(input=1000, output=5000))
        for model, price, cost in [
            ("other", Price(input=1, output=1), 0.3),
            ("m", Price(input=1, output=1), 0.00022),
            ("m", Price(input=1000, output=5000), 0.3),
        ]:
            stop = run.judge(model=model, price=price, budget=Budget(cost=1e-9))[1]
            assert f"its budget is spent: {cost:g} of 1e-09, and the next pair" in str(stop)
        assert len(server.requests) == 2


def test_judgements_without_an_account_are_counted_once(tmp_path: Path) -> None:
    with serve(lambda number, body: "Verdict: A") as server:
        run = Run(tmp_path, server)
        run.judge(pairs=3)
        run.account.unlink()
        for _ in range(2):
            assert "6 of 6 requests" in str(run.judge(budget=Budget(requests=6))[1])
        assert "660 of 661 tokens" in str(run.judge(budget=Budget(tokens=661))[1])
        assert len(server.requests) == 6


def test_the_account_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_JUDGE_KEY", "very-secret-value")
    with serve(lambda number, body: (401, "wrong key very-secret-value")) as server:
        run = Run(tmp_path, server)
        run.judge(key="MY_JUDGE_KEY")
    assert "HTTP 401" in run.read()[1]["fault"]
    assert "very-secret" not in run.account.read_text(encoding="utf-8")


def test_a_budget_of_cost_needs_a_price() -> None:
    with pytest.raises(ValueError, match="limits nothing while the 'price'"):
        Llm(url="http://a/v1", model="m", budget=Budget(cost=1.0))
    Llm(url="http://a/v1", model="m", budget=Budget(cost=1.0), price=Price(output=1.0))
