"""Chat logs with marks on turns or on whole talks."""

# ruff: noqa: E501

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import FRENCH, SUPPORT, Texts
from ..truths import HAND, inside, judged, nothing, reading, shown, thumbs

FILES: dict[str, Maker] = {}
file = collector(FILES)


def talk(
    t: Texts, speakers: tuple[str, str], key: str = "role", text: str = "content"
) -> tuple[list[dict[str, Any]], bool]:
    """A talk of one to three exchanges that ends well or badly, and whether it does."""
    is_good = t.is_less(0.5)
    turns = []
    items = t.draw(t.number(1, 3))
    for item in items:
        is_last = item is items[-1]
        turns.append({key: speakers[0], text: item.question})
        turns.append({key: speakers[1], text: item.good if is_good or not is_last else item.poor})
    return turns, is_good


@file
def talks_with_csat() -> Made:
    t = Texts(451, SUPPORT)
    rows = []
    for n in range(16):
        turns, is_good = talk(t, ("customer", "agent"), "from", "body")
        turns = [turn | {"ts": t.time()} for turn in turns]
        rows.append({"chat_id": n, "chat": turns, "csat": t.number(4, 5) if is_good else t.number(1, 2)})
    return Made("chats.jsonl", jsonl(rows), judged(
        "whole talks of customer and agent with stars from 1 to 5", HAND,
        reading("thumbs", messages="chat", label="csat", codes={"1": "bad", "3": "neutral", "5": "good"}),
        reading("ratings", messages="chat", scores={"csat": "high"}),
        judgements=["csat"], never=["chat_id"], accept={"text": ["body"], "role": ["from"]}))  # fmt: skip


@file
def helpful_per_turn() -> Made:
    t = Texts(452)
    rows = []
    for n in range(14):
        turns = []
        for item in t.draw(t.number(1, 3)):
            answer, mark = t.pick((item.good, True), (item.poor, False), (item.fair, None))
            turns += [
                {"role": "user", "content": item.question, "helpful": None},
                {"role": "assistant", "content": answer, "helpful": mark},
            ]
        rows.append({"session": f"s{n}", "turns": turns})
    return Made("sessions.json", as_json(rows), judged(
        "helpful true, false or null on turns of the assistant", HAND,
        reading("rated_turns", messages="turns", label="helpful", codes={"true": "good", "false": "bad"}),
        judgements=["turns.*.helpful"], never=["session"]))  # fmt: skip


@file
def conversations_inside_data() -> Made:
    t = Texts(453, SUPPORT)
    rows = []
    for n in range(12):
        turns, is_good = talk(t, ("user", "assistant"))
        rows.append(
            {"uid": f"u{n}", "messages": turns, "feedback": {"thumb": "up" if is_good else "down", "at": t.time()}}
        )
    return Made("dump.json", as_json({"exported": t.time(), "data": {"conversations": rows}}), judged(
        "talks in a list inside the file, each with thumb up or down", HAND,
        inside("data.conversations", reading(["thumbs", "ratings"], messages="messages", label="feedback.thumb", codes={"up": "good", "down": "bad"})),
        judgements=["feedback.thumb"], never=["uid", "feedback.at"]))  # fmt: skip


@file
def log_lines_of_a_bot() -> Made:
    t = Texts(454, SUPPORT)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, "thumbs_up"), (item.poor, "thumbs_down"), (item.fair, ""))
        rows.append(
            {
                "timestamp": t.time(),
                "level": "INFO",
                "user_id": f"u{t.number(1, 9)}",
                "user_text": item.question,
                "bot_text": answer,
                "latency": t.number(100, 900),
                "user_feedback": mark,
            }
        )
    return Made("bot.csv", table(rows), judged(
        "a bot's log with thumbs in words and empty cells", HAND,
        thumbs("user_text", "bot_text", "user_feedback", thumbs_up="good", thumbs_down="bad"),
        judgements=["user_feedback"], never=["timestamp", "level", "user_id", "latency"]))  # fmt: skip


@file
def transcripts_resolved() -> Made:
    t = Texts(455, FRENCH)
    rows = []
    for n in range(18):
        turns, is_good = talk(t, ("Client", "Agent"))
        rows.append(
            {
                "n°": n,
                "transcription": "\n".join(f"{turn['role']} : {turn['content']}" for turn in turns),
                "satisfait": "oui" if is_good else "non",
            }
        )
    return Made("appels.csv", table(rows), judged(
        "French transcripts in one cell, satisfied yes or no", HAND,
        reading(["thumbs", "ratings"], messages="transcription", label="satisfait", codes={"oui": "good", "non": "bad"}),
        judgements=["satisfait"], never=["n°"]))  # fmt: skip


@file
def plain_dialogues() -> Made:
    t = Texts(456)
    rows = []
    for n in range(12):
        turns, _ = talk(t, ("user", "assistant"))
        rows.append({"id": n, "created": t.time(), "messages": turns, "model": t.pick("m1", "m2")})
    return Made("sft.jsonl", jsonl(rows), shown(
        "dialogues to learn from, with times and names of models", HAND,
        reading("demonstration", messages="messages"), never=["id", "created", "model"]))  # fmt: skip


@file
def reaction_lists() -> Made:
    t = Texts(457, SUPPORT)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "+1"), (item.poor, "-1"))
        rows.append(
            {
                "thread": t.uuid(),
                "question": item.question,
                "reply": answer,
                "vote": mark,
                "voter": t.pick("ann", "bo", "cy"),
            }
        )
    return Made("threads.jsonl", jsonl(rows), judged(
        "votes +1 and -1 as texts, and who voted", HAND,
        thumbs("question", "reply", "vote", **{"+1": "good", "-1": "bad"}),
        judgements=["vote"], never=["thread", "voter"]))  # fmt: skip


@file
def users_without_answers() -> Made:
    t = Texts(458, SUPPORT)
    rows = [
        {"id": t.uuid(), "message": item.question, "sent": t.time(), "priority": t.pick("P1", "P2", "P3")}
        for item in t.draw(20)
    ]
    return Made("inbox.csv", table(rows), nothing("messages of customers with a priority, without answers"))  # fmt: skip


@file
def clarity_of_each_answer() -> Made:
    t = Texts(459)
    rows = []
    for item in t.draw(14):
        for answer, mark in ((item.good, t.number(80, 100)), (item.poor, t.number(5, 40))):
            rows.append(
                {
                    "dialog": [{"speaker": "human", "text": item.question}, {"speaker": "bot", "text": answer}],
                    "clarity_percent": mark,
                }
            )
    return Made("clarity.jsonl", jsonl(rows), judged(
        "clarity in per cent of whole dialogues", HAND,
        reading("ratings", messages="dialog", scores={"clarity_percent": "high"}),
        judgements=["clarity_percent"]))  # fmt: skip
