"""Chat tools and support desks."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import HAND, inside, judged, reading, thumbs

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def chainlit_threads() -> Made:
    t = Texts(221)
    rows = []
    for _ in range(8):
        thread = t.uuid()
        steps: list[dict[str, Any]] = []
        for item in t.draw(t.number(1, 3)):
            answer, mark = t.pick((item.good, 1), (item.poor, 0), (item.fair, None))
            ask, reply = t.uuid(), t.uuid()
            common = {"threadId": thread, "createdAt": t.time(), "streaming": False}
            steps.append(
                {"id": ask, "parentId": None, "name": "User", "type": "user_message", "output": item.question} | common
            )
            step = {"id": reply, "parentId": ask, "name": "Helper", "type": "assistant_message", "output": answer}
            found = None if mark is None else {"id": t.uuid(), "forId": reply, "value": mark, "comment": None}
            steps.append(step | common | {"feedback": found})
        rows.append({"id": thread, "createdAt": t.time(), "name": steps[0]["output"], "userId": "u1", "steps": steps})
    return Made(
        "threads.json",
        as_json(rows),
        judged(
            "Chainlit threads: steps with feedback 1 (thumbs up) or 0 (thumbs down)",
            "github: Chainlit/chainlit, types.py: Feedback value 0 or 1; steps of the data layer",
            reading("rated_turns", messages="steps", label="feedback.value", codes={"1": "good", "0": "bad"}),
            judgements=["steps.*.feedback"],
            never=["name", "createdAt", "userId"],
            accept={"text": ["output"], "role": ["type"]},
            silence="right",
        ),
    )


@file
def dify_messages() -> Made:
    t = Texts(222, SUPPORT)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "like"), (item.poor, "dislike"), (item.fair, None))
        rows.append(
            {
                "id": t.uuid(),
                "conversation_id": t.uuid(),
                "inputs": {"name": "shop"},
                "query": item.question,
                "answer": answer,
                "message_files": [],
                "feedback": None if mark is None else {"rating": mark},
                "retriever_resources": [
                    {
                        "position": 1,
                        "dataset_name": "faq",
                        "document_name": "faq.md",
                        "score": t.number(50, 99) / 100,
                        "content": "Answers to frequent questions.",
                    }
                ],
                "created_at": t.number(1740000000, 1745000000),
            }
        )
    return Made(
        "messages.json",
        as_json({"limit": 20, "has_more": False, "data": rows}),
        judged(
            "Dify: messages of an app, like or dislike or null; the score belongs to a document",
            "docs.dify.ai, API GET /messages; public code that reads the answer",
            inside("data", thumbs("query", "answer", "feedback.rating", like="good", dislike="bad")),
            judgements=["feedback"],
            accept={
                "prompt": [
                    ["query", "retriever_resources.*.content"],
                    ["retriever_resources.*.content", "query"],
                ]
            },
            never=["conversation_id", "inputs.name", "created_at"],
        ),
    )


@file
def librechat_content_parts() -> Made:
    t = Texts(223)
    messages: list[dict[str, Any]] = []
    talk, parent = t.uuid(), "00000000-0000-0000-0000-000000000000"
    for item in t.draw(6):
        ask = t.uuid()
        common = {"conversationId": talk, "createdAt": t.time()}
        messages.append(
            {
                "messageId": ask,
                "parentMessageId": parent,
                "sender": "User",
                "isCreatedByUser": True,
                "text": item.question,
            }
            | common
        )
        for text, mark in ((item.good, "thumbsUp"), (item.poor, "thumbsDown")):
            parent = t.uuid()
            messages.append(
                {
                    "messageId": parent,
                    "parentMessageId": ask,
                    "sender": "GPT-4o",
                    "isCreatedByUser": False,
                    "text": "",
                    "content": [{"type": "text", "text": text}],
                    "feedback": {"rating": mark, "tag": None},
                }
                | common
            )
    whole = {"conversationId": talk, "endpoint": "agents", "title": "Questions", "branches": True, "messages": messages}
    return Made(
        "Questions.json",
        as_json(whole),
        judged(
            "LibreChat with agents: the text of an answer is in content, and each question has two answers",
            "github: danny-avila/LibreChat, data-schemas/src/schema/message.ts, content",
            reading(
                "rated_turns",
                messages="messages",
                label="feedback.rating",
                codes={"thumbsUp": "good", "thumbsDown": "bad"},
            ),
            judgements=["messages.*.feedback"],
            never=["title", "conversationId"],
        ),
    )


@file
def openwebui_chats() -> Made:
    t = Texts(224)
    rows = []
    for _ in range(6):
        nodes: dict[str, Any] = {}
        parent = None
        for item in t.draw(t.number(1, 2)):
            ask, reply = t.uuid(), t.uuid()
            answer, mark = t.pick((item.good, 1), (item.poor, -1))
            nodes[ask] = {
                "id": ask,
                "parentId": parent,
                "childrenIds": [reply],
                "role": "user",
                "content": item.question,
            }
            nodes[reply] = {
                "id": reply,
                "parentId": ask,
                "childrenIds": [],
                "role": "assistant",
                "content": answer,
                "model": "llama3.1:8b",
                "annotation": {"rating": mark, "tags": ["general"]},
                "done": True,
            }
            if parent is not None:
                nodes[parent]["childrenIds"] = [ask]
            parent = reply
        chat = {"models": ["llama3.1:8b"], "history": {"messages": nodes, "currentId": parent}, "title": "Chat"}
        rows.append({"id": t.uuid(), "user_id": "u1", "title": "Chat", "chat": chat, "archived": False})
    return Made(
        "all-chats-export.json",
        as_json(rows),
        judged(
            "Open WebUI, all chats: a tree of messages with an annotation of 1 or -1",
            "github: open-webui/open-webui, chats export; annotation.rating in history.messages",
            reading(
                "rated_turns",
                messages="chat.history.messages",
                label="annotation.rating",
                codes={"1": "good", "-1": "bad"},
            ),
            judgements=["chat.history.messages.*.annotation"],
            never=["title", "user_id", "chat.title"],
        ),
    )


@file
def slack_reactions() -> Made:
    t = Texts(225, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(12)):
        ts = f"{1740000000 + 100 * n}.000100"
        answer, mark = t.pick((item.good, "+1"), (item.poor, "-1"))
        rows.append({"type": "message", "user": f"U0{n}", "text": item.question, "ts": ts, "thread_ts": ts})
        rows.append(
            {
                "type": "message",
                "subtype": "bot_message",
                "bot_id": "B01",
                "text": answer,
                "ts": f"{1740000005 + 100 * n}.000200",
                "thread_ts": ts,
                "reactions": [{"name": mark, "users": [f"U0{n}"], "count": 1}],
            }
        )
    return Made(
        "2025-03-01.json",
        as_json(rows),
        judged(
            "Slack export of a channel: the question of an answer is in another row",
            "slack.com/help, reading export files; api.slack.com, message events",
            judgements=["reactions"],
            silence="right",
            never=["user", "ts", "bot_id"],
        ),
    )


@file
def intercom_conversations() -> Made:
    t = Texts(226, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(10)):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        part = {"type": "conversation_part", "part_type": "comment", "body": answer, "author": {"type": "bot"}}
        rows.append(
            {
                "type": "conversation",
                "id": str(1000 + n),
                "source": {"type": "conversation", "body": item.question, "author": {"type": "user", "name": "Kim"}},
                "conversation_rating": {"rating": mark, "remark": t.pick("", "thanks"), "created_at": 1740000000 + n},
                "conversation_parts": {"total_count": 1, "conversation_parts": [part]},
                "state": "closed",
                "priority": "not_priority",
            }
        )
    one_part = "conversation_parts.conversation_parts.0.body"
    return Made(
        "intercom.jsonl",
        jsonl(rows),
        judged(
            "Intercom conversations: the rating is about the whole conversation, here of one answer",
            "developers.intercom.com, conversation model: conversation_rating, source, conversation_parts",
            reading("ratings", prompt="source.body", response=one_part, scores={"conversation_rating.rating": "high"}),
            reading(
                "thumbs",
                prompt="source.body",
                response=one_part,
                label="conversation_rating.rating",
                codes={"1": "bad", "3": "neutral", "5": "good"},
            ),
            judgements=["conversation_rating"],
            accept={"response": ["conversation_parts.conversation_parts.*.body"]},
            silence="right",
            never=["conversation_rating.remark", "source.author.name", "priority", "state"],
        ),
    )


@file
def transcript_with_csat() -> Made:
    t = Texts(227, SUPPORT)
    rows = []
    for n, (one, two) in enumerate(zip(t.draw(14), t.draw(14), strict=True)):
        last, mark = t.pick((two.good, "satisfied"), (two.poor, "dissatisfied"))
        text = f"Customer: {one.question}\nBot: {one.fair}\nCustomer: {two.question}\nBot: {last}"
        rows.append({"chat_id": n, "transcript": text, "csat": mark, "duration_s": t.number(30, 900)})
    return Made(
        "chats.csv",
        table(rows),
        judged(
            "whole transcripts in one cell, and satisfied or dissatisfied",
            HAND,
            reading(
                ["thumbs", "ratings"],
                messages="transcript",
                label="csat",
                codes={"satisfied": "good", "dissatisfied": "bad"},
            ),
            judgements=["csat"],
            never=["duration_s", "chat_id"],
        ),
    )


@file
def feedback_events() -> Made:
    t = Texts(228)
    rows = [
        {
            "event": "feedback",
            "message_id": t.uuid(),
            "rating": t.pick("thumbs_up", "thumbs_down"),
            "reason": t.pick("", "wrong", "too long"),
            "user": f"u{t.number(1, 30)}",
            "ts": t.time(),
        }
        for _ in range(30)
    ]
    return Made(
        "feedback.ndjson",
        jsonl(rows),
        judged(
            "events of a feedback button: the texts are in another file",
            HAND,
            judgements=["rating"],
            silence="right",
            never=["reason", "user", "ts"],
        ),
    )
