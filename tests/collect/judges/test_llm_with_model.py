"""The judge `llm` with a real, if untrained, model behind the endpoint."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.chat_server import serve
from unipref.collect.judges.llm import Llm
from unipref.core.contracts import JudgeJob, JudgeStopped, PairToJudge
from unipref.core.records import Message
from unipref.models import inference, loading

pytestmark = pytest.mark.slow


def test_a_model_that_knows_no_form_stops_the_judge_and_its_replies_are_kept(tiny_model: Path, tmp_path: Path) -> None:
    policy = loading.load_policy(str(tiny_model))

    def answer(number: int, body: dict[str, Any]) -> str:
        prompt = policy.prompt_text(
            [Message(role=one["role"], content=one["content"][-60:]) for one in body["messages"]]
        )
        return inference.generate(policy, [prompt], body["max_tokens"], body["temperature"], seed=number)[0]

    pairs = [PairToJudge(f"p{n}", [Message(role="user", content="?")], f"a{n}", f"b{n}") for n in range(30)]
    given = []
    with serve(answer) as server:
        judge = Llm(url=server.url, model="tiny", max_tokens=12, temperature=1.0, parallel=1, rubric="Which?")
        with pytest.raises(JudgeStopped, match="none of the first 20 replies has a verdict"):
            given.extend(judge.judge(pairs, JudgeJob(tmp_path, tmp_path)))
    assert len(server.requests) == 20


def test_the_request_is_what_the_api_expects(tmp_path: Path) -> None:
    pair = PairToJudge("p", [Message(role="system", content="Be kind."), Message(role="user", content="?")], "a", "b")
    with serve(lambda number, body: "Verdict: tie") as server:
        list(Llm(url=f"{server.url}/", model="tiny").judge([pair], JudgeJob(tmp_path, tmp_path)))
    request = server.requests[0]
    assert set(request) == {"model", "messages", "max_tokens", "temperature"}
    assert [one["role"] for one in request["messages"]] == ["system", "user"]
    assert "[system]\nBe kind.\n\n[user]\n?" in request["messages"][1]["content"]
    json.dumps(request)
