"""Chat tools and observability."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import HAND, inside, judged, reading, shown

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def librechat_export() -> Made:
    t = Texts(109)
    messages: list[dict[str, Any]] = []
    parent = "00000000-0000-0000-0000-000000000000"
    conversation = t.uuid()
    for item in t.draw(8):
        answer, mark = t.pick((item.good, "thumbsUp"), (item.poor, "thumbsDown"), (item.fair, None))
        ask, reply = t.uuid(), t.uuid()
        messages.append(
            {
                "messageId": ask,
                "parentMessageId": parent,
                "conversationId": conversation,
                "sender": "User",
                "isCreatedByUser": True,
                "text": item.question,
                "createdAt": t.time(),
            }
        )
        row = {
            "messageId": reply,
            "parentMessageId": ask,
            "conversationId": conversation,
            "sender": "Claude",
            "isCreatedByUser": False,
            "text": answer,
            "model": "claude-3-5-sonnet",
            "createdAt": t.time(),
        }
        if mark is not None:
            row["feedback"] = {"rating": mark, "tag": t.pick("accurate_reliable", "not_matched")}
        messages.append(row)
        parent = reply
    whole = {
        "conversationId": conversation,
        "endpoint": "anthropic",
        "title": "Kitchen questions",
        "exportAt": "20:11:05 GMT",
        "branches": True,
        "recursive": False,
        "options": {"model": "claude-3-5-sonnet"},
        "messages": messages,
    }
    return Made(
        "Kitchen questions.json",
        as_json(whole),
        judged(
            "LibreChat JSON export of one conversation: verdicts on single messages",
            "LibreChat, export as JSON; packages/data-provider, feedback.rating thumbsUp / thumbsDown",
            reading(
                "rated_turns",
                messages="messages",
                label="feedback.rating",
                codes={"thumbsUp": "good", "thumbsDown": "bad"},
            ),
            judgements=["messages.*.feedback"],
            never=["title", "conversationId", "exportAt"],
            accept={
                "text": ["text"],
                "role": ["isCreatedByUser", "sender"],
                "parent": ["parentMessageId"],
                "id": ["messageId"],
            },
            silence="right",
        ),
    )


@file
def langsmith_runs() -> Made:
    t = Texts(110)
    rows = []
    for item in t.draw(20):
        answer, score = t.pick((item.good, 1.0), (item.fair, 1.0), (item.poor, 0.0))
        rows.append(
            {
                "id": t.uuid(),
                "name": "RunnableSequence",
                "run_type": "chain",
                "start_time": t.time(),
                "end_time": t.time(),
                "inputs": {"question": item.question},
                "outputs": {"output": answer},
                "error": None,
                "feedback_stats": {"user_score": {"n": 1, "avg": score, "comments": []}},
                "total_tokens": t.number(50, 900),
                "session_id": t.uuid(),
                "trace_id": t.uuid(),
            }
        )
    return Made(
        "runs.jsonl",
        jsonl(rows),
        judged(
            "LangSmith runs with feedback_stats",
            "docs.smith.langchain.com, run (span) data format",
            reading(
                "ratings",
                prompt="inputs.question",
                response="outputs.output",
                scores={"feedback_stats.user_score.avg": "high"},
            ),
            reading(
                "thumbs",
                prompt="inputs.question",
                response="outputs.output",
                label="feedback_stats.user_score.avg",
                codes={"1": "good", "0": "bad"},
            ),
            judgements=["feedback_stats"],
            never=["name", "start_time", "end_time", "run_type", "total_tokens"],
        ),
    )


@file
def weave_calls() -> Made:
    t = Texts(111, SUPPORT)
    rows = []
    for item in t.draw(16):
        answer, emoji = t.pick((item.good, "👍"), (item.poor, "👎"), (item.good, "👍"))
        rows.append(
            {
                "id": t.uuid(),
                "project_id": "team/helpdesk",
                "weave_ref": f"weave:///team/helpdesk/call/{t.uuid()}",
                "wb_user_id": "VXNlcjox",
                "creator": None,
                "created_at": t.time(),
                "feedback_type": "wandb.reaction.1",
                "payload": {"alias": ":+1:" if emoji == "👍" else ":-1:", "emoji": emoji},
                "call": {"op_name": "answer", "inputs": {"message": item.question}, "output": answer},
            }
        )
    return Made(
        "weave_feedback.jsonl",
        jsonl(rows),
        judged(
            "W&B Weave feedback query joined with its calls",
            "weave-docs.wandb.ai/guides/tracking/feedback",
            reading(
                ["thumbs", "ratings"],
                prompt="call.inputs.message",
                response="call.output",
                label="payload.emoji",
                codes={"👍": "good", "👎": "bad"},
            ),
            reading(
                ["thumbs", "ratings"],
                prompt="call.inputs.message",
                response="call.output",
                label="payload.alias",
                codes={":+1:": "good", ":-1:": "bad"},
            ),
            judgements=["payload.emoji|payload.alias"],
            where=["feedback_type"],
            never=["weave_ref", "created_at", "call.op_name"],
        ),
    )


@file
def promptfoo_output() -> Made:
    t = Texts(112)
    results = []
    for n, item in enumerate(t.draw(16)):
        answer, passed = t.pick((item.good, True), (item.poor, False))
        results.append(
            {
                "promptIdx": 0,
                "testIdx": n,
                "provider": {"id": "openai:gpt-4o-mini", "label": ""},
                "prompt": {"raw": item.question, "label": "{{question}}"},
                "vars": {"question": item.question},
                "response": {"output": answer, "tokenUsage": {"total": t.number(20, 300)}},
                "success": passed,
                "score": int(passed),
                "latencyMs": t.number(200, 4000),
                "gradingResult": {
                    "pass": passed,
                    "score": int(passed),
                    "reason": "Assertion " + ("passed" if passed else "failed"),
                },
                "namedScores": {},
            }
        )
    whole = {
        "evalId": "eval-a1b-2025-03-01",
        "results": {"version": 3, "timestamp": t.time(), "results": results, "stats": {"successes": 8, "failures": 8}},
        "config": {"description": "smoke test"},
    }
    labels = ("success", "gradingResult.pass")
    return Made(
        "output.json",
        as_json(whole),
        judged(
            "promptfoo eval output: the rows are in results.results",
            "promptfoo.dev/docs/configuration/reference, EvaluateResult",
            *(
                inside(
                    "results.results",
                    reading(
                        ["thumbs", "ratings"],
                        prompt="prompt.raw",
                        response="response.output",
                        label=label,
                        codes={"true": "good", "false": "bad"},
                    ),
                )
                for label in labels
            ),
            inside(
                "results.results",
                reading(
                    "ratings",
                    prompt="prompt.raw",
                    response="response.output",
                    scores={"score": "high", "gradingResult.score": "high"},
                ),
            ),
            judgements=["success|score|gradingResult"],
            accept={"prompt": ["vars.question"]},
            never=["latencyMs", "provider.id", "gradingResult.reason"],
            silence="right",
        ),
    )


@file
def ragas_scores() -> Made:
    t = Texts(113)
    rows = []
    for item in t.draw(20):
        answer, mean = t.pick((item.good, 0.95), (item.fair, 0.6), (item.poor, 0.1))
        rows.append(
            {
                "user_input": item.question,
                "retrieved_contexts": str(["A passage about it.", "Another passage."]),
                "response": answer,
                "reference": item.good,
                "faithfulness": round(min(1.0, mean + t.number(-5, 5) / 100), 4),
                "answer_relevancy": round(min(1.0, mean + t.number(-9, 5) / 100), 4),
            }
        )
    return Made(
        "ragas_results.csv",
        table(rows),
        judged(
            "Ragas result.to_pandas(): scores from 0 to 1 per answer, retrieved passages and a reference",
            "docs.ragas.io, EvaluationResult.to_pandas and SingleTurnSample",
            reading(
                "ratings",
                prompt="user_input",
                response="response",
                scores={"faithfulness": "high", "answer_relevancy": "high"},
            ),
            judgements=["faithfulness", "answer_relevancy"],
            accept={
                "prompt": [
                    ["user_input", "retrieved_contexts"],
                    ["retrieved_contexts", "user_input"],
                    ["user_input", "retrieved_contexts.*"],
                ],
            },
            never=["reference"],
        ),
    )


@file
def openai_evals_log() -> Made:
    t = Texts(114)
    rows: list[dict[str, Any]] = []
    for n, item in enumerate(t.draw(16)):
        said, right = t.pick((item.good, True), (item.poor, False))
        common = {"run_id": "2503011012ABCD", "sample_id": f"demo.dev.{n}", "created_by": "", "created_at": t.time(" ")}
        prompt = [{"role": "user", "content": item.question}]
        rows.append(common | {"event_id": 2 * n, "type": "sampling", "data": {"prompt": prompt, "sampled": [said]}})
        rows.append(
            common
            | {
                "event_id": 2 * n + 1,
                "type": "match",
                "data": {"correct": right, "expected": item.good, "picked": None, "sampled": said},
            }
        )
    return Made(
        "2503011012ABCD_gpt-4_demo.jsonl",
        jsonl(rows),
        judged(
            "OpenAI Evals record: the prompt and the verdict are in different rows",
            "github: openai/evals, evals/record.py",
            judgements=["data.correct"],
            silence="right",
        ),
    )


@file
def chatgpt_conversations() -> Made:
    t = Texts(115)
    talks = []
    for item in t.draw(6):
        root, ask, reply = t.uuid(), t.uuid(), t.uuid()

        def node(own: str, parent: str | None, children: list[str], role: str | None, text: str = "") -> dict[str, Any]:
            content = {"content_type": "text", "parts": [text]}
            message = (
                None
                if role is None
                else {
                    "id": own,
                    "author": {"role": role},
                    "create_time": 1740000000.1,
                    "content": content,
                    "weight": 1.0,
                }
            )
            return {"id": own, "message": message, "parent": parent, "children": children}

        mapping = {
            root: node(root, None, [ask], None),
            ask: node(ask, root, [reply], "user", item.question),
            reply: node(reply, ask, [], "assistant", item.good),
        }
        talks.append(
            {
                "title": "A chat",
                "create_time": 1740000000.1,
                "update_time": 1740000100.1,
                "mapping": mapping,
                "current_node": reply,
                "conversation_id": t.uuid(),
            }
        )
    return Made(
        "conversations.json",
        as_json(talks, None),
        shown(
            "ChatGPT data export: conversations as trees of messages, without a verdict",
            "help.openai.com, export your data; conversations.json",
            reading("demonstration", messages="mapping"),
            silence="right",
            never=["title"],
        ),
    )


@file
def turns_with_numbers() -> Made:
    t = Texts(116)
    rows = []
    for _ in range(12):
        turns: list[dict[str, Any]] = []
        for item in t.draw(t.number(2, 3)):
            answer, mark = t.pick((item.good, 1), (item.poor, -1), (item.fair, 0))
            turns += [{"speaker": "human", "text": item.question}, {"speaker": "bot", "text": answer, "vote": mark}]
        rows.append({"session": t.uuid(), "lang": "en", "turns": turns})
    return Made(
        "sessions.jsonl",
        jsonl(rows),
        judged(
            "sessions of a bot in which each answer has a vote of 1, 0 or -1",
            HAND,
            reading("rated_turns", messages="turns", label="vote", codes={"1": "good", "-1": "bad", "0": "neutral"}),
            judgements=["turns.*.vote"],
            never=["session", "lang"],
            accept={"text": ["text"], "role": ["speaker"]},
        ),
    )
