"""Files with texts and answers that nobody judged, or of which nobody can tell."""

from ..files import Made, Maker, collector, jsonl, table, workbook
from ..texts import SUPPORT, WORK, Texts
from ..texts_more import POLISH
from ..truths import HAND, judged, reading, shown, thumbs
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def arms_of_an_experiment() -> Made:
    t = Texts(562, SUPPORT)
    rows = [
        {
            "session": t.uuid(),
            "arm": t.pick("A", "B"),
            "message": item.question,
            "reply": item.good,
            "converted": t.pick(0, 0, 1),
            "basket_value": t.number(0, 9000) / 100,
            "ts": t.time(),
        }
        for item in t.draw(30)
    ]
    return Made(
        "ab_sessions.csv",
        table(rows),
        shown(
            "sessions of an A/B test: the arm is the version of the bot, and converted says that the user bought",
            HAND,
            reading("demonstration", prompt="message", response="reply"),
            thumbs("message", "reply", "converted", **{"0": "ask", "1": "ask"}),
            reading("ratings", prompt="message", response="reply", scores={"basket_value": "ask", "converted": "ask"}),
            where=["converted", "arm"],
            never=["session", "arm", "ts"],
        ),
    )


@file
def mails_and_their_priority() -> Made:
    t = Texts(565, SUPPORT)
    rows = [
        {
            "Subject": f"Request {n}",
            "Body": item.question,
            "Reply": item.good,
            "Priority": t.pick("P1", "P2", "P3"),
            "SLA met": t.pick("yes", "yes", "no"),
            "Hours to reply": t.number(1, 48),
        }
        for n, item in enumerate(t.draw(28))
    ]
    place = {"response": "Reply"}
    return Made(
        "mailbox.xlsx",
        workbook(rows, "Inbox"),
        shown(
            "mails and replies: the priority and the agreed time say nothing about the text of a reply",
            HAND,
            *(
                reading("demonstration", prompt=prompt, **place)
                for prompt in ("Body", ["Subject", "Body"], ["Body", "Subject"])
            ),
            *(
                reading(
                    ["thumbs", "ratings"], prompt=prompt, **place, label="SLA met", codes={"yes": "ask", "no": "ask"}
                )
                for prompt in ("Body", ["Subject", "Body"])
            ),
            where=["SLA met"],
            never=["Priority"],
        ),
    )


@file
def moderation_of_the_input() -> Made:
    t = Texts(566)
    rows = [
        {
            "id": t.uuid(),
            "messages": [user(item.question), assistant(item.good)],
            "input_moderation": {
                "flagged": t.pick(False, False, True),
                "category_scores": {"violence": t.number(0, 90) / 100, "self_harm": t.number(0, 90) / 100},
            },
            "model": "chat-3",
        }
        for item in t.draw(20)
    ]
    return Made(
        "moderated.jsonl",
        jsonl(rows),
        shown(
            "moderation of what the user wrote: flagged and its scores are not about the answer",
            HAND,
            reading("demonstration", messages="messages"),
            reading(
                ["thumbs", "ratings"],
                messages="messages",
                label="input_moderation.flagged",
                codes={"true": "ask", "false": "ask"},
            ),
            reading(
                "ratings",
                messages="messages",
                scores={
                    "input_moderation.category_scores.violence": "ask",
                    "input_moderation.category_scores.self_harm": "ask",
                },
            ),
            where=["input_moderation.flagged"],
            never=["id", "model"],
        ),
    )


@file
def folds_and_weights() -> Made:
    t = Texts(573)
    rows = [
        {
            "prompt": item.question,
            "completion": item.good,
            "split": t.pick("train", "validation"),
            "fold": t.number(0, 4),
            "weight": t.pick(0.5, 1.0),
            "label_source": t.pick("human", "synthetic"),
            "quality_tier": "-",
            "created": t.time(),
        }
        for item in t.draw(24)
    ]
    return Made(
        "sft_v5.jsonl",
        jsonl(rows),
        shown(
            "demonstrations with the split, the fold and the weight of training; nobody judged them",
            HAND,
            reading("demonstration", prompt="prompt", response="completion"),
            where=["split"],
            never=["split", "label_source", "created", "quality_tier"],
        ),
    )


@file
def label_of_an_unknown_task() -> Made:
    t = Texts(574, WORK)
    rows = [
        {"text_1": item.question, "text_2": t.pick(item.good, item.poor), "y": t.pick(0, 1), "w": t.number(0, 99) / 100}
        for item in t.draw(26)
    ]
    return Made(
        "train_y.csv",
        table(rows),
        judged(
            "two texts, y of 0 or 1 and w: nothing says what y means or whether text_2 answers text_1",
            HAND,
            thumbs("text_1", "text_2", "y", **{"0": "ask", "1": "ask"}),
            reading("demonstration", prompt="text_1", response="text_2"),
            reading("ratings", prompt="text_1", response="text_2", scores={"y": "ask", "w": "ask"}),
            judgements=["y"],
            silence="right",
        ),
    )


@file
def hours_and_dates_as_numbers() -> Made:
    t = Texts(575, POLISH)
    rows = [
        {
            "pytanie": item.question,
            "odpowiedź": item.good,
            "czas": t.number(1, 5),
            "godzina": t.number(0, 23),
            "dzień": t.number(1, 7),
            "wersja": t.pick("A", "B"),
        }
        for item in t.draw(21)
    ]
    return Made(
        "dziennik.csv",
        table(rows, ";"),
        shown(
            "Polish log: minutes from 1 to 5, the hour, the day of the week and the version; none of them judges",
            HAND,
            reading("demonstration", prompt="pytanie", response="odpowiedź"),
            reading(
                "ratings",
                prompt="pytanie",
                response="odpowiedź",
                scores={"czas": "ask", "godzina": "ask", "dzień": "ask"},
            ),
            never=["wersja"],
        ),
    )


@file
def quiz_of_people() -> Made:
    t = Texts(576, WORK)
    rows = []
    for n, item in enumerate(t.draw(22)):
        options = [item.good, item.fair, item.poor]
        t.random.shuffle(options)
        rows.append(
            {
                "participant": f"P{n % 7}",
                "question": item.question,
                "option_1": options[0],
                "option_2": options[1],
                "option_3": options[2],
                "participant_chose": t.number(1, 3),
                "seconds": t.number(2, 60),
            }
        )
    return Made(
        "quiz_log.csv",
        table(rows),
        judged(
            "a quiz: what each participant chose, which is often wrong; the file does not say which option is right",
            HAND,
            reading(
                "multiple_choice",
                prompt="question",
                options=["option_1", "option_2", "option_3"],
                answer="ask",
            ),
            judgements=["participant_chose"],
            silence="right",
            never=["participant", "seconds"],
        ),
    )


@file
def chat_with_message_times() -> Made:
    t = Texts(577, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(16)):
        rows.append(
            {
                "chat": n,
                "turns": [
                    user(item.question) | {"at": t.time(), "read": True},
                    assistant(item.good) | {"at": t.time(), "read": t.pick(True, False)},
                ],
                "agent_online": t.pick(True, False),
                "queue_position": t.number(1, 9),
            }
        )
    return Made(
        "chats.jsonl",
        jsonl(rows),
        shown(
            "chats with times, read receipts and the place in the queue: nobody judged a turn",
            HAND,
            reading("demonstration", messages="turns"),
            reading("rated_turns", messages="turns", label="read", codes={"true": "ask", "false": "ask"}),
            where=["agent_online"],
            never=["chat"],
        ),
    )
