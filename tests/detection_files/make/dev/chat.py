"""Chat tools and observability."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import HAND, judged, reading
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def openwebui_feedback() -> Made:
    t = Texts(7)
    rows = []
    for item in t.draw(14):
        answer, rating = t.pick((item.good, 1), (item.fair, 1), (item.poor, -1))
        ask, reply, more, last = (t.uuid() for _ in range(4))
        messages = {
            ask: {"id": ask, "parentId": None, "childrenIds": [reply], "timestamp": 1740000000} | user(item.question),
            reply: {"id": reply, "parentId": ask, "childrenIds": [more], "model": "llama3.1:8b", "done": True}
            | assistant(answer),
            more: {"id": more, "parentId": reply, "childrenIds": [last]} | user("Thanks. Anything else?"),
            last: {"id": last, "parentId": more, "childrenIds": [], "model": "llama3.1:8b", "done": True}
            | assistant("No, that is all."),
        }
        rows.append(
            {
                "id": t.uuid(),
                "user_id": t.uuid(),
                "version": 0,
                "type": "rating",
                "data": {
                    "rating": rating,
                    "model_id": "llama3.1:8b",
                    "sibling_model_ids": None,
                    "reason": "",
                    "comment": "",
                },
                "meta": {"model_id": "llama3.1:8b", "message_id": reply, "message_index": 1, "chat_id": t.uuid()},
                "snapshot": {
                    "chat": {
                        "id": t.uuid(),
                        "title": "New Chat",
                        "chat": {
                            "title": "New Chat",
                            "models": ["llama3.1:8b"],
                            "history": {"messages": messages, "currentId": last},
                        },
                    }
                },
                "created_at": t.number(1740000000, 1750000000),
                "updated_at": t.number(1740000000, 1750000000),
            }
        )
    history = "snapshot.chat.chat.history.messages"
    return Made(
        "feedback-history-export.json",
        as_json(rows, None),
        judged(
            "Open WebUI feedback export: the rated message is not the last of the chat",
            "open-webui, backend/open_webui/models/feedbacks.py",
            reading(
                "thumbs",
                messages=history,
                label="data.rating",
                codes={"1": "good", "-1": "bad"},
                until={"message": "meta.message_id", "id": "id"},
            ),
            judgements=["data.rating"],
            context=["meta.message_id"],
            where=["type"],
            never=["snapshot.chat.title", "data.model_id", "user_id"],
        ),
    )


@file
def langfuse_scores_csv() -> Made:
    t = Texts(8, SUPPORT)
    rows: list[dict[str, Any]] = []
    for item in t.draw(30):
        answer, score = t.pick((item.good, 1), (item.good, 1), (item.poor, 0), (item.fair, ""))
        rows.append(
            {
                "id": t.uuid(),
                "timestamp": t.time(),
                "name": "chat-completion",
                "userId": t.pick("u-17", "u-23", "u-99", ""),
                "sessionId": t.uuid(),
                "input": item.question,
                "output": answer,
                "user-feedback": score,
                "latency": t.number(300, 9000) / 1000,
                "totalCost": t.number(1, 90) / 10000,
                "tags": "prod",
            }
        )
    return Made(
        "1740000000-lf-traces-export.csv",
        table(rows),
        judged(
            "Langfuse traces with a score column user-feedback of 0 and 1, blank where nobody clicked",
            "langfuse.com/docs, export of traces and scores",
            reading(
                ["thumbs", "ratings"],
                prompt="input",
                response="output",
                label="user-feedback",
                codes={"1": "good", "0": "bad"},
            ),
            reading("ratings", prompt="input", response="output", scores={"user-feedback": "high"}),
            judgements=["user-feedback"],
            never=["id", "timestamp", "name", "latency", "totalCost", "userId", "sessionId"],
        ),
    )


@file
def phoenix_spans() -> Made:
    t = Texts(9)
    rows = []
    for item in t.draw(26):
        answer, label = t.pick((item.good, "correct"), (item.fair, "correct"), (item.poor, "incorrect"))
        rows.append(
            {
                "context.span_id": t.uuid()[-12:],
                "name": "ChatCompletion",
                "span_kind": "LLM",
                "start_time": t.time(" "),
                "end_time": t.time(" "),
                "status_code": "OK",
                "attributes.input.value": item.question,
                "attributes.output.value": answer,
                "attributes.llm.model_name": t.pick("gpt-4o-mini", "gpt-4o"),
                "attributes.llm.token_count.total": t.number(40, 800),
                "result.label": label,
                "result.score": int(label == "correct"),
            }
        )
    return Made(
        "phoenix_evals.csv",
        table(rows),
        judged(
            "Phoenix spans dataframe joined with its annotations",
            "arize.com/docs/phoenix, get_spans_dataframe and span annotations",
            reading(
                ["thumbs", "ratings"],
                prompt="attributes.input.value",
                response="attributes.output.value",
                label="result.label",
                codes={"correct": "good", "incorrect": "bad"},
            ),
            reading(
                ["thumbs", "ratings"],
                prompt="attributes.input.value",
                response="attributes.output.value",
                label="result.score",
                codes={"1": "good", "0": "bad"},
            ),
            reading(
                "ratings",
                prompt="attributes.input.value",
                response="attributes.output.value",
                scores={"result.score": "high"},
            ),
            judgements=["result.label|result.score"],
            never=["name", "start_time", "attributes.llm.model_name", "attributes.llm.token_count.total"],
        ),
    )


@file
def eval_harness_results() -> Made:
    t = Texts(10)
    rows = []
    for n, item in enumerate(t.draw(40)):
        said, right = t.pick((item.good, True), (item.poor, False), (item.fair, False))
        rows.append(
            {
                "idx": n,
                "question": item.question,
                "reference": item.good,
                "prediction": said,
                "correct": right,
                "latency_ms": t.number(90, 3000),
                "model": "mistral-7b-instruct",
            }
        )
    return Made(
        "results.jsonl",
        jsonl(rows),
        judged(
            "results of an evaluation run: a reference, what the model said, and whether it was right",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="question",
                response="prediction",
                label="correct",
                codes={"true": "good", "false": "bad"},
            ),
            judgements=["correct"],
            never=["latency_ms", "model"],
        ),
    )


@file
def chat_turn_reactions() -> Made:
    t = Texts(11, SUPPORT)
    rows = []
    for _ in range(12):
        messages: list[dict[str, Any]] = []
        for item in t.draw(t.number(2, 3)):
            answer, mark = t.pick((item.good, "like"), (item.poor, "dislike"), (item.fair, None), (item.good, None))
            messages += [user(item.question), assistant(answer) | {"reaction": mark, "id": t.uuid()}]
        rows.append(
            {"conversation_id": t.uuid(), "started_at": t.time(), "channel": t.pick("web", "app"), "messages": messages}
        )
    return Made(
        "conversations.jsonl",
        jsonl(rows),
        judged(
            "chat logs in which single messages carry like / dislike / null",
            HAND,
            reading("rated_turns", messages="messages", label="reaction", codes={"like": "good", "dislike": "bad"}),
            judgements=["messages.*.reaction"],
            never=["started_at", "conversation_id"],
        ),
    )


@file
def openai_preference() -> Made:
    t = Texts(12)
    rows = [
        {
            "input": {"messages": [user(item.question)], "tools": [], "parallel_tool_calls": True},
            "preferred_output": [assistant(item.good)],
            "non_preferred_output": [assistant(item.poor)],
        }
        for item in t.draw(20)
    ]
    return Made(
        "preference_train.jsonl",
        jsonl(rows),
        judged(
            "OpenAI preference fine-tuning file",
            "platform.openai.com/docs/guides/direct-preference-optimization",
            reading("pairs", prompt="input.messages", chosen="preferred_output", rejected="non_preferred_output"),
            judgements=[],
            accept={"tools": ["input.tools"]},
        ),
    )
