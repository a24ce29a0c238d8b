"""Chat tools, bots in messengers, and their exports."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, WORK, Texts
from ..truths import HAND, inside, judged, nothing, reading, shown, thumbs
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def openwebui_arena_feedback() -> Made:
    t = Texts(421, WORK)
    rows = []
    for item in t.draw(12):
        answer, other, rating, fine = t.pick((item.good, item.poor, 1, 9), (item.poor, item.good, -1, 2))
        ask, mine, rival = (t.uuid() for _ in range(3))
        messages = {
            ask: {"id": ask, "parentId": None, "childrenIds": [mine, rival], "models": ["arena-model"]}
            | user(item.question),
            mine: {"id": mine, "parentId": ask, "childrenIds": [], "model": "arena-model", "modelIdx": 0}
            | assistant(answer),
            rival: {"id": rival, "parentId": ask, "childrenIds": [], "model": "arena-model", "modelIdx": 1}
            | assistant(other),
        }
        rows.append(
            {
                "id": t.uuid(),
                "user_id": t.uuid(),
                "version": 0,
                "type": "rating",
                "data": {
                    "rating": rating,
                    "model_id": "qwen2.5:14b",
                    "sibling_model_ids": ["mistral-nemo:latest"],
                    "reason": t.pick("accurate_information", "", "not_factually_correct"),
                    "comment": "",
                    "tags": ["house"],
                    "details": {"rating": fine},
                },
                "meta": {"arena": True, "model_id": "qwen2.5:14b", "message_id": mine, "chat_id": t.uuid()},
                "snapshot": {
                    "chat": {
                        "id": t.uuid(),
                        "title": "House",
                        "chat": {"title": "House", "history": {"messages": messages, "currentId": mine}},
                    }
                },
                "created_at": t.number(1750000000, 1760000000),
            }
        )
    history = "snapshot.chat.chat.history.messages"
    until = {"message": "meta.message_id", "id": "id"}
    return Made(
        "feedback-history-export-1760000001.json",
        as_json(rows, None),
        judged(
            "Open WebUI feedback of its arena: thumbs, and a finer rating from 1 to 10 in details",
            "open-webui, backend/open_webui/models/feedbacks.py; RateComment: details.rating",
            reading("thumbs", messages=history, label="data.rating", codes={"1": "good", "-1": "bad"}, until=until),
            reading("ratings", messages=history, scores={"data.rating": "high", "data.details.rating": "high"}),
            judgements=["data.rating"],
            context=["meta.message_id"],
            where=["type"],
            never=["snapshot.chat.title", "data.model_id", "data.reason", "user_id"],
        ),
    )


@file
def librechat_csv() -> Made:
    t = Texts(422)
    rows: list[dict[str, Any]] = []
    parent = "00000000-0000-0000-0000-000000000000"
    for item in t.draw(14):
        for text, is_user in ((item.question, True), (item.good, False)):
            here = t.uuid()
            rows.append(
                {
                    "sender": "User" if is_user else "Claude",
                    "text": text,
                    "isCreatedByUser": is_user,
                    "error": False,
                    "unfinished": t.is_less(0.1),
                    "messageId": here,
                    "parentMessageId": parent,
                    "createdAt": t.time(),
                }
            )
            parent = here
    return Made(
        "Evening questions.csv",
        table(rows),
        nothing(
            "LibreChat CSV export without any verdict: question and answer are different rows",
            "LibreChat, export as CSV",
            silence="right",
        ),
    )


@file
def chatgpt_message_feedback() -> Made:
    t = Texts(423)
    rows = [
        {
            "id": t.uuid(),
            "conversation_id": t.uuid(),
            "user_id": "user-x7Pq",
            "rating": t.pick("thumbs_up", "thumbs_down"),
            "create_time": t.time(),
            "workspace_id": None,
            "content": t.pick("{}", '{"tags": ["not-helpful"]}', '{"text": "made things up"}'),
            "evaluation_name": None,
            "evaluation_treatment": t.pick(None, "B"),
            "update_time": t.time(),
        }
        for _ in range(16)
    ]
    return Made(
        "message_feedback.json",
        as_json(rows),
        judged(
            "ChatGPT data export, message_feedback.json: thumbs without the messages, which are in conversations.json",
            "help.openai.com, export your data; message_feedback.json",
            judgements=["rating"],
            silence="right",
            never=["content", "conversation_id", "create_time", "evaluation_treatment"],
        ),
    )


@file
def slack_bot_log() -> Made:
    t = Texts(424, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, marks = t.pick((item.good, ["+1"]), (item.good, ["eyes", "+1"]), (item.poor, ["-1"]), (item.fair, []))
        rows.append(
            {
                "team": "T04",
                "channel": t.pick("#help-it", "#help-hr"),
                "thread_ts": f"{1751000000 + 90 * n}.004200",
                "asked_by": f"U{100 + n}",
                "user_text": item.question,
                "bot_text": answer,
                "reactions": marks,
                "latency_ms": t.number(300, 4000),
            }
        )
    return Made(
        "slackbot.jsonl",
        jsonl(rows),
        judged(
            "log of an own Slack bot: +1 and -1 judge, eyes only says that somebody looks at it",
            HAND,
            thumbs("user_text", "bot_text", "reactions.*", **{"+1": "good", "-1": "bad", "eyes": "neutral"}),
            judgements=["reactions"],
            never=["channel", "thread_ts", "asked_by", "latency_ms"],
        ),
    )


@file
def slack_bot_issue_resolved() -> Made:
    t = Texts(425, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, ":thumbsup:"), (item.poor, ":thumbsdown:"), (item.good, ":thumbsup:"))
        rows.append(
            {
                "asked_at": t.time(),
                "employee_question": item.question,
                "assistant_answer": answer,
                "tool_used": t.pick("vpn_status", "ticket_search"),
                "tool_outage_resolved": t.pick("yes", "no", "no"),
                "answer_reaction": mark,
            }
        )
    return Made(
        "it_bot.csv",
        table(rows),
        judged(
            "own IT bot: tool_outage_resolved says whether the tool works again, not whether the answer was good",
            HAND,
            thumbs(
                "employee_question",
                "assistant_answer",
                "answer_reaction",
                **{":thumbsup:": "good", ":thumbsdown:": "bad"},
            ),
            judgements=["answer_reaction"],
            where=["tool_outage_resolved"],
            never=["asked_at", "tool_used"],
        ),
    )


@file
def discord_counts_of_emoji() -> Made:
    t = Texts(426)
    rows = []
    for n, item in enumerate(t.draw(10)):
        for text, up, down in ((item.good, t.number(6, 30), t.number(0, 1)), (item.poor, 0, t.number(4, 20))):
            rows.append(
                {
                    "message": 880000 + n,
                    "question": item.question,
                    "bot_answer": text,
                    "👍": up,
                    "👎": down,
                    "👀": t.number(0, 40),
                    "replies": t.number(0, 5),
                }
            )
    return Made(
        "discord_reactions.csv",
        table(rows),
        judged(
            "Discord bot: the columns are emoji, and hold how many people clicked them; 👀 judges nothing",
            HAND,
            reading(
                "ratings", prompt="question", response="bot_answer", scores={"👍": "high", "👎": "low", "👀": "ask"}
            ),
            judgements=["👍", "👎"],
            never=["message", "replies"],
        ),
    )


@file
def telegram_button_data() -> Made:
    t = Texts(427, WORK)
    rows = []
    for n, item in enumerate(t.draw(22)):
        answer, mark = t.pick((item.good, "fb:useful"), (item.poor, "fb:useless"), (item.fair, "fb:skip"))
        rows.append(
            {
                "update_id": 660100 + n,
                "chat": {"id": 5000 + n, "type": "private"},
                "date": 1750000000 + 60 * n,
                "in": item.question,
                "out": answer,
                "callback_query": {"id": str(t.number(10**9, 10**10)), "data": mark},
            }
        )
    return Made(
        "telegram_updates.jsonl",
        jsonl(rows),
        judged(
            "Telegram bot: the button's data is fb:useful, fb:useless or fb:skip",
            "core.telegram.org/bots/api, CallbackQuery; joined by an own bot",
            thumbs(
                "in",
                "out",
                "callback_query.data",
                **{"fb:useful": "good", "fb:useless": "bad", "fb:skip": "neutral"},
            ),
            judgements=["callback_query.data"],
            never=["chat.id", "chat.type", "date"],
        ),
    )


@file
def copilot_studio_transcripts() -> Made:
    t = Texts(428, SUPPORT)
    rows = []
    for item in t.draw(22):
        answer, mark = t.pick((item.good, "like"), (item.poor, "dislike"), (item.fair, "none"))
        rows.append(
            {
                "SessionId": t.uuid(),
                "StartDateTime": t.time(),
                "InitialUserMessage": item.question,
                "BotResponse": answer,
                "Reaction": mark,
                "ReactionComment": t.pick("", "", "thanks"),
                "SessionOutcome": t.pick("Resolved", "Escalated", "Abandoned"),
                "TopicName": t.pick("Fallback", "Orders"),
                "Turns": t.number(1, 9),
            }
        )
    return Made(
        "sessions.csv",
        table(rows),
        judged(
            "Copilot Studio sessions: the outcome is about the session, the reaction about the answer; none: no click",
            "learn.microsoft.com, Copilot Studio: analyse transcripts and reactions; joined by hand",
            thumbs("InitialUserMessage", "BotResponse", "Reaction", like="good", dislike="bad", none="neutral"),
            judgements=["Reaction"],
            where=["SessionOutcome"],
            never=["SessionId", "StartDateTime", "TopicName", "ReactionComment"],
        ),
    )


@file
def rated_message_in_the_middle() -> Made:
    t = Texts(429)
    rows = []
    for one, two in zip(t.draw(16), t.draw(16), strict=True):
        answer, mark = t.pick((one.good, "👍"), (one.poor, "👎"))
        rows.append(
            {
                "dialog": [user(one.question), assistant(answer), user(two.question), assistant(two.fair)],
                "rated_turn": 1,
                "thumb": mark,
                "app_version": t.pick("2.1.0", "2.2.0"),
            }
        )
    return Made(
        "rated_dialogs.jsonl",
        jsonl(rows),
        judged(
            "a thumb about the turn at place 1 of a dialogue that goes on afterwards",
            HAND,
            reading(
                "thumbs",
                messages="dialog",
                label="thumb",
                codes={"👍": "good", "👎": "bad"},
                until={"index": "rated_turn"},
            ),
            judgements=["thumb"],
            context=["rated_turn"],
            never=["app_version"],
        ),
    )


@file
def whatsapp_read_receipts() -> Made:
    t = Texts(430, SUPPORT)
    rows = [
        {
            "wa_id": f"4179{t.number(1000000, 9999999)}",
            "inbound_text": item.question,
            "outbound_text": item.good,
            "outbound_status": t.pick("sent", "delivered", "read", "failed"),
            "ticks": t.pick("✓", "✓✓"),
            "status_at": t.time(),
        }
        for item in t.draw(26)
    ]
    return Made(
        "whatsapp_outbox.csv",
        table(rows),
        shown(
            "WhatsApp outbox: ticks and states say whether a message arrived, and nobody judged an answer",
            "developers.facebook.com, WhatsApp message status; joined by hand",
            reading("demonstration", prompt="inbound_text", response="outbound_text"),
            thumbs("inbound_text", "outbound_text", "ticks", **{"✓": "ask", "✓✓": "ask"}),
            where=["outbound_status", "ticks"],
            never=["status_at", "wa_id", "outbound_status"],
        ),
    )


@file
def botpress_flat_events() -> Made:
    t = Texts(431, WORK)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, 1), (item.poor, -1), (item.fair, ""))
        rows.append(
            {
                "botId": "house-bot",
                "channel": "web",
                "threadId": t.number(1, 60),
                "incoming.preview": item.question,
                "incoming.nlu.confidence": t.number(40, 99) / 100,
                "outgoing.preview": answer,
                "feedback": mark,
                "success": t.pick("", "true"),
                "createdOn": t.time(),
            }
        )
    return Made(
        "events.csv",
        table(rows),
        judged(
            "Botpress events, joined: feedback is 1, -1 or blank; success is about the goal of the flow",
            "github: botpress/botpress v12, events: feedback, success, incoming_event_id",
            thumbs("incoming.preview", "outgoing.preview", "feedback", **{"1": "good", "-1": "bad"}),
            reading("ratings", prompt="incoming.preview", response="outgoing.preview", scores={"feedback": "high"}),
            judgements=["feedback"],
            where=["success"],
            never=["botId", "channel", "threadId", "createdOn"],
        ),
    )


@file
def zendesk_ai_answers() -> Made:
    t = Texts(432, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append(
            {
                "ticket": {"id": 4400 + n, "priority": t.pick("low", "urgent"), "requester_tier": t.pick(1, 2, 3)},
                "comments": {"first_public_customer": item.question, "first_public_ai": answer},
                "survey": {"stars_for_the_answer": mark, "stars_for_the_product": t.number(1, 5)},
            }
        )
    place = ("comments.first_public_customer", "comments.first_public_ai")
    return Made(
        "ai_tickets.json",
        as_json({"count": len(rows), "tickets": rows}),
        judged(
            "a survey with stars for the answer and stars for the product: only the first judge the answer",
            HAND,
            inside(
                "tickets",
                reading(
                    "ratings",
                    prompt=place[0],
                    response=place[1],
                    scores={"survey.stars_for_the_answer": "high", "survey.stars_for_the_product": "ask"},
                ),
            ),
            inside(
                "tickets",
                reading(
                    "thumbs",
                    prompt=place[0],
                    response=place[1],
                    label="survey.stars_for_the_answer",
                    codes={"1": "bad", "3": "neutral", "5": "good"},
                ),
            ),
            judgements=["survey.stars_for_the_answer"],
            never=["ticket.priority", "ticket.id", "ticket.requester_tier"],
        ),
    )
