"""A language model as judge, against a real server on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.chat_server import prefer, serve
from unipref.collect.judges.llm import Budget, Llm, Price, read_verdict
from unipref.core.contracts import JudgeJob, JudgeStopped, Opinion, PairToJudge
from unipref.core.records import Message


@pytest.fixture
def job(tmp_path: Path) -> JudgeJob:
    """A collection in an empty folder."""
    return JudgeJob(tmp_path, tmp_path)


def pairs(count: int) -> list[PairToJudge]:
    prompt = [Message(role="user", content="Say good.")]
    sides = [("good", "bad") if number % 2 == 0 else ("bad", "good") for number in range(count)]
    return [PairToJudge(f"p{n}", prompt, f"{a} {n}", f"{b} {n}") for n, (a, b) in enumerate(sides)]


def make(url: str, **settings: Any) -> Llm:
    return Llm(**{"url": url, "model": "m", "wait": 0.0, "timeout": 5.0, **settings})


def judge(judge: Llm, asked: list[PairToJudge], job: JudgeJob) -> list[Opinion]:
    return [opinion for opinions in judge.judge(asked, job) for opinion in opinions]


def take(opinions: Iterator[list[Opinion]], given: list[Opinion]) -> None:
    """Collects opinions, also those before an error."""
    for each in opinions:
        given += each


def test_it_is_asked_in_both_orders_and_its_votes_are_in_the_order_of_the_pairs(job: JudgeJob) -> None:
    with serve(prefer("good")) as server:
        opinions = judge(make(server.url, rubric="Be strict."), pairs(6), job)
    assert [opinion.vote for opinion in opinions] == ["first", "second"] * 3
    assert len(server.requests) == 12
    assert {request["messages"][0]["content"] for request in server.requests} == {"Be strict."}
    assert opinions[0].details["rubric"] == "Be strict."
    assert opinions[0].details["tokens"] == [200, 20]
    shown = {request["messages"][1]["content"].split("<answer_A>\n")[1].split("\n")[0] for request in server.requests}
    assert {"good 0", "bad 0"} <= shown


@pytest.mark.parametrize("always", ["A", "B"])
def test_who_always_prefers_one_place_only_ties(always: str, job: JudgeJob) -> None:
    with serve(lambda number, body: f"Verdict: {always}") as server:
        opinions = judge(make(server.url), pairs(2), job)
    assert [opinion.vote for opinion in opinions] == ["tie", "tie"]
    assert opinions[0].details["votes"] == (["first", "second"] if always == "A" else ["second", "first"])


def test_a_tie_stays_a_tie_and_a_reply_out_of_form_is_no_vote(job: JudgeJob) -> None:
    with serve(lambda number, body: "Verdict: tie") as server:
        assert judge(make(server.url), pairs(1), job)[0].vote == "tie"
    with serve(lambda number, body: "As a model I cannot say.") as server:
        opinion = judge(make(server.url), pairs(1), job)[0]
    assert opinion.vote is None
    assert "no verdict" in str(opinion.why_not)
    assert opinion.details["replies"] == ["As a model I cannot say."] * 2


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Both try. Verdict: B", "B"),
        ("**Verdict:** A", "A"),
        ("Verdict: [[B]]", "B"),
        ("verdict: Tie.", "TIE"),
        ("Verdict: A is my first thought.\nVerdict: B", "B"),
        ("A", "A"),
        (" B. ", "B"),
        ("A good answer. B is worse.", None),
        ("Verdict: Answer B", "B"),
        ("Verdict: Both", None),
        ("Verdict: A or B? I cannot say.", None),
        ("Verdict: not A", None),
        ("Verdict: A\nBut my verdict may be wrong.", None),
        ("Verdict: A\nNo, on second thought.\nVerdict: B", "B"),
        ("The verdict is a hard one.", None),
        ("<think>Verdict: A</think>\nVerdict: B", "B"),
        ("<think>Is it Verdict: A", None),
        ("", None),
    ],
)
def test_only_a_verdict_in_form_counts(reply: str, verdict: str | None) -> None:
    assert read_verdict(reply) == verdict


def test_faults_that_pass_are_tried_again(job: JudgeJob) -> None:
    faults = {0: (503, "busy"), 1: None, 2: (200, "<html>a proxy</html>"), 3: (429, "slow down", {"Retry-After": "0"})}
    with serve(lambda number, body: faults.get(number, "Verdict: tie")) as server:
        opinions = judge(make(server.url, parallel=1), pairs(1), job)
    assert [opinion.vote for opinion in opinions] == ["tie"]
    assert len(server.requests) == 6


def test_a_refusal_stops_at_once_and_names_its_reason(job: JudgeJob) -> None:
    with serve(lambda number, body: (401, '{"error": "wrong key sk-abcdefgh12345678abcdefgh"}')) as server:
        with pytest.raises(JudgeStopped, match=r"HTTP 401.*wrong key") as stop:
            judge(make(server.url, parallel=1), pairs(3), job)
        assert len(server.requests) == 1
    assert "sk-abc" not in stop.value.why
    assert not stop.value.is_planned


@pytest.mark.parametrize("state", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_stays_here(
    monkeypatch: pytest.MonkeyPatch, state: int, job: JudgeJob
) -> None:
    monkeypatch.setenv("MY_JUDGE_KEY", "very-secret-value")
    with serve(lambda number, body: "Verdict: A") as other:
        place = {"Location": f"{other.url}/chat/completions?key=very-secret-value"}
        with serve(lambda number, body: (state, "", place)) as server:
            with pytest.raises(JudgeStopped, match=rf"redirects to {other.url}.*HTTP {state}") as stop:
                judge(make(server.url, key="MY_JUDGE_KEY", parallel=1), pairs(1), job)
            assert len(server.requests) == 1
        assert other.keys == []
        assert other.other_requests == 0
    assert "'url'" in stop.value.mend
    assert "very-secret" not in stop.value.why
    assert not stop.value.is_planned


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="password in the URL is not supported"):
        make("http://me:hunter2secret@localhost/v1")
    make("http://localhost/v1/@me")
    make("http://localhost?user=@me")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://localhost:port/v1", "host or port of the URL is not valid"),
        ("http://localhost:99999/v1", "host or port of the URL is not valid"),
        ("http://[::1/v1", "host or port of the URL is not valid"),
        (f"http://{'a' * 64}.org/v1", "host or port of the URL is not valid"),
        ("http://a..org/v1", "host or port of the URL is not valid"),
        ("http://:8000/v1", "the URL names no host"),
        ("http://localhost:0/v1", "the URL names no host"),
        ("http://localhost/v 1", "the URL has a space or a character"),
        ("http://localhost/v1\u200b", "the URL has a space or a character"),
    ],
)
def test_a_url_that_no_request_can_have_is_named(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(url)


@pytest.mark.parametrize("key", ["two\nlines", "with space", "caf\u00e9", "\u200b"])
def test_a_key_that_no_header_can_hold_is_named_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch, job: JudgeJob
) -> None:
    monkeypatch.setenv("MY_JUDGE_KEY", key)
    llm = make("http://localhost/v1", key="MY_JUDGE_KEY")
    with pytest.raises(JudgeStopped, match="MY_JUDGE_KEY holds a space or a character that no key can have") as stop:
        llm.check(job)
    assert key not in stop.value.why + str(stop.value.mend)


def test_what_no_request_can_hold_stops_the_judge(job: JudgeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise UnicodeError("label too long")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fail)
    with pytest.raises(JudgeStopped, match=r"http://localhost/v1 cannot be asked \(label too long\)"):
        judge(make("http://localhost/v1"), pairs(1), job)


def test_a_slow_endpoint_stops_after_its_tries(job: JudgeJob) -> None:
    with (
        serve(lambda number, body: 0.5) as server,
        pytest.raises(JudgeStopped, match=r"in 2 tries.*within 0.1 seconds"),
    ):
        judge(make(server.url, timeout=0.1, retries=1, parallel=1), pairs(1), job)


def test_an_endpoint_that_is_down_stops_and_says_so(job: JudgeJob) -> None:
    with serve(lambda number, body: "") as server:
        url = server.url
    with pytest.raises(JudgeStopped, match=r"in 3 tries.*cannot be reached"):
        judge(make(url, retries=2), pairs(1), job)


def test_a_server_that_asks_to_wait_long_is_not_waited_for(job: JudgeJob) -> None:
    busy = (429, "", {"Retry-After": "3600"})
    with serve(lambda number, body: busy) as server, pytest.raises(JudgeStopped, match="in 1 try: HTTP 429"):
        judge(make(server.url, parallel=1), pairs(1), job)


def test_what_was_judged_before_a_fault_is_not_lost(job: JudgeJob) -> None:
    with serve(lambda number, body: "Verdict: tie" if number < 4 else (400, "no")) as server:
        given: list[Opinion] = []
        with pytest.raises(JudgeStopped):
            take(make(server.url, parallel=1).judge(pairs(5), job), given)
    assert [opinion.vote for opinion in given] == ["tie", "tie"]


def test_a_budget_of_requests_is_kept_over_all_runs(job: JudgeJob) -> None:
    with serve(lambda number, body: "Verdict: tie") as server:
        llm = make(server.url, budget=Budget(requests=7))
        given: list[Opinion] = []
        with pytest.raises(JudgeStopped, match="budget is spent: 6 of 7 requests") as stop:
            take(llm.judge(pairs(9), job), given)
        assert len(server.requests) == 6
        assert stop.value.is_planned
        with pytest.raises(JudgeStopped, match="6 of 7"):
            judge(llm, pairs(9)[3:], JudgeJob(job.out, job.out, past=[one.details for one in given]))
        with pytest.raises(JudgeStopped, match="6 of 7"):
            judge(llm, pairs(9)[3:], JudgeJob(job.out, job.out / "no account", past=[one.details for one in given]))
        assert len(server.requests) == 6


def test_a_budget_of_cost_is_never_exceeded(job: JudgeJob) -> None:
    with serve(lambda number, body: "Verdict: tie") as server:
        llm = make(server.url, budget=Budget(cost=0.02), price=Price(input=10, output=30), max_tokens=20)
        with pytest.raises(JudgeStopped, match="budget is spent") as stop:
            judge(llm, pairs(30), job)
    used = len(server.requests) * (100 * 10 + 10 * 30) / 1e6
    assert 0 < used <= 0.02
    assert "may cost" in stop.value.why


def test_a_budget_of_tokens_needs_an_endpoint_that_counts(job: JudgeJob) -> None:
    with serve(lambda number, body: "Verdict: tie") as server:
        server.counts_tokens = False
        with pytest.raises(JudgeStopped, match="does not say how many tokens"):
            judge(make(server.url, budget=Budget(tokens=100_000), parallel=1), pairs(5), job)
    assert len(server.requests) == 2


def test_a_model_that_never_follows_the_form_is_not_asked_for_ever(job: JudgeJob) -> None:
    why = "none of the first 20 replies has a verdict; one begins with 'Nice"
    with serve(lambda number, body: "Nice answers!") as server, pytest.raises(JudgeStopped, match=why):
        judge(make(server.url, parallel=1), pairs(40), job)
    assert len(server.requests) == 20


def test_a_reply_with_half_a_surrogate_pair_can_be_kept(job: JudgeJob) -> None:
    body = '{"choices": [{"message": {"content": "\\ud83d Verdict: A"}}]}'
    with serve(lambda number, _: (200, body)) as server:
        opinion = judge(make(server.url), pairs(1), job)[0]
    assert opinion.details["replies"][0].encode() == b"? Verdict: A"
    assert opinion.details["tokens"] is None


def test_the_key_comes_from_the_environment_and_is_not_written(monkeypatch: pytest.MonkeyPatch, job: JudgeJob) -> None:
    monkeypatch.setenv("MY_JUDGE_KEY", "very-secret-value")
    with serve(lambda number, body: "Verdict: tie") as server:
        llm = make(server.url, key="MY_JUDGE_KEY")
        opinions = judge(llm, pairs(1), job)
    assert server.keys == ["Bearer very-secret-value"] * 2
    assert "very-secret" not in str(opinions) + str(llm.identity(job))
    monkeypatch.delenv("MY_JUDGE_KEY")
    with pytest.raises(JudgeStopped, match="MY_JUDGE_KEY is not set"):
        judge(llm, pairs(1), job)


def test_settings_that_change_no_verdict_keep_the_file(job: JudgeJob) -> None:
    one = Llm(url="http://a/v1", model="m").identity(job)
    assert one == Llm(url="http://a/v1", model="m", budget=Budget(requests=5), timeout=1, parallel=9).identity(job)
    assert one != Llm(url="http://a/v1", model="m", rubric="Another.").identity(job)
