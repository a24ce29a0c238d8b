"""Hand-made tables: marks, sides and places."""

from ..files import Made, Maker, collector, jsonl, table, workbook
from ..texts import CODE, GERMAN, SUPPORT, WORK, Texts
from ..truths import HAND, judged, reading, shown, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def place_as_ordinal() -> Made:
    t = Texts(501, WORK)
    rows = []
    for n, item in enumerate(t.draw(8)):
        answers = [(item.good, "1st"), (item.fair, "2nd"), (item.poor, "3rd")]
        t.random.shuffle(answers)
        rows += [{"round": n, "brief": item.question, "entry": text, "placing": place} for text, place in answers]
    place = {"prompt": "brief", "response": "entry"}
    return Made(
        "contest.csv",
        table(rows),
        judged(
            "entries of a contest with their placing: 1st, 2nd, 3rd",
            HAND,
            reading("ratings", **place, scores={"placing": "low"}),
            reading("thumbs", **place, label="placing", codes={"1st": "good", "2nd": "neutral", "3rd": "bad"}),
            reading(
                ["thumbs", "ratings"],
                **place,
                label="placing",
                codes={"1st": "good", "2nd": "neutral", "3rd": "bad"},
            ),
            judgements=["placing"],
            needs={"placing": ["codes", "pattern"]},
            never=["round"],
        ),
    )


@file
def side_of_our_model() -> Made:
    t = Texts(502)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "left": first,
                "right": second,
                "our_model_side": t.pick("left", "right"),
                "rater_picked": t.pick(["left", "right"][best], ["left", "right"][best], "equal"),
                "rater": t.pick("r1", "r2", "r3"),
            }
        )
    return Made(
        "blind_test.tsv",
        table(rows, "\t"),
        judged(
            "the rater picked left or right; another column only says on which side the own model stood",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="left",
                second="right",
                label="rater_picked",
                codes={"left": "first", "right": "second", "equal": "tie"},
            ),
            judgements=["rater_picked"],
            never=["our_model_side", "rater"],
        ),
    )


@file
def flagged_for_the_question() -> Made:
    t = Texts(503, SUPPORT)
    rows = []
    for item in t.draw(26):
        flagged = t.is_less(0.3)
        rows.append(
            {
                "question": item.question,
                "answer": item.good,
                "flagged": flagged,
                "flag_reason": t.pick("personal data in question", "language of customer") if flagged else "",
                "model": "support-7b",
            }
        )
    return Made(
        "flag_queue.csv",
        table(rows),
        shown(
            "flagged is true because of the question, as the reasons say; no answer was judged",
            HAND,
            reading("demonstration", prompt="question", response="answer"),
            thumbs("question", "answer", "flagged", true="ask", false="ask"),
            thumbs("question", "answer", "flagged", true="ask", false="neutral"),
            where=["flagged"],
            never=["flag_reason", "model"],
        ),
    )


@file
def emoji_with_shrug() -> Made:
    t = Texts(505, WORK)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "👍🏽"), (item.good, "👍"), (item.poor, "👎"), (item.fair, "🤷"))
        rows.append({"Nachricht": item.question, "Antwort": answer, "👍/👎": mark, "von": t.pick("Eli", "Noa")})
    return Made(
        "daumen.csv",
        table(rows, ";"),
        judged(
            "thumbs in two colours of skin, and a shrug; the name of the column is emoji",
            HAND,
            thumbs("Nachricht", "Antwort", "👍/👎", **{"👍🏽": "good", "👍": "good", "👎": "bad", "🤷": "neutral"}),
            judgements=["👍/👎"],
            never=["von"],
        ),
    )


@file
def hearts_and_laughter() -> Made:
    t = Texts(506)
    rows = []
    for item in t.draw(26):
        answer, mark = t.pick((item.good, "❤️"), (item.poor, "😡"), (item.fair, "😂"), (item.fair, ""))
        rows.append({"msg": item.question, "reply": answer, "reaction": mark, "sent_at": t.time()})
    return Made(
        "reactions.jsonl",
        jsonl(rows),
        judged(
            "reactions ❤️, 😡 and 😂: laughter may praise a joke or mock an answer",
            HAND,
            reading(
                "thumbs",
                prompt="msg",
                response="reply",
                label="reaction",
                codes={"❤️": "good", "😡": "bad", "😂": "ask"},
            ),
            thumbs("msg", "reply", "reaction", **{"❤️": "good", "😡": "bad", "😂": "neutral"}),
            judgements=["reaction"],
            never=["sent_at"],
        ),
    )


@file
def plus_and_minus_signs() -> Made:
    t = Texts(507, GERMAN)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "++"), (item.good, "+"), (item.fair, "o"), (item.poor, "--"))
        rows.append({"Frage": item.question, "Antwort": answer, "Urteil": mark})
    return Made(
        "Urteile.xlsx",
        workbook(rows, "Tabelle1"),
        judged(
            "German verdicts from ++ to --, as tests of products use them",
            HAND,
            thumbs("Frage", "Antwort", "Urteil", **{"++": "good", "+": "good", "o": "neutral", "--": "bad"}),
            judgements=["Urteil"],
        ),
    )


@file
def letters_in_order() -> Made:
    t = Texts(508, WORK)
    rows = []
    for item in t.draw(16):
        texts = [item.good, item.fair, item.poor]
        t.random.shuffle(texts)
        order = ["ABC"[texts.index(text)] for text in (item.good, item.fair, item.poor)]
        rows.append(
            {
                "Prompt": item.question,
                "Answer A": texts[0],
                "Answer B": texts[1],
                "Answer C": texts[2],
                "Order (best to worst)": ",".join(order),
            }
        )
    return Made(
        "orders.xlsx",
        workbook(rows, "Orders"),
        judged(
            "an order of letters in one cell, such as B,A,C; the name of the column says its direction",
            HAND,
            judgements=["Order (best to worst)"],
            silence="right",
        ),
    )


@file
def weakest_first() -> Made:
    t = Texts(509)
    rows = []
    for item in t.draw(14):
        texts = [item.good, item.fair, item.poor]
        t.random.shuffle(texts)
        order = [f"r{texts.index(text)}" for text in (item.poor, item.fair, item.good)]
        replies = [{"rid": f"r{k}", "body": text} for k, text in enumerate(texts)]
        rows.append({"ask": item.question, "replies": replies, "weakest_first": order, "judge": t.pick("ev", "io")})
    return Made(
        "weakest_first.jsonl",
        jsonl(rows),
        judged(
            "the order is a list of ids, and its name says that the weakest comes first",
            HAND,
            reading(
                "ranking",
                prompt="ask",
                answers="replies",
                response="body",
                key="rid",
                sequence="weakest_first",
                order="worst_first",
            ),
            judgements=["weakest_first"],
            never=["judge", "replies.*.rid"],
        ),
    )


@file
def borda_points() -> Made:
    t = Texts(510, CODE)
    rows = []
    for item in t.draw(16):
        answers = [(item.good, 3), (item.fair, 2), (item.poor, 1)]
        t.random.shuffle(answers)
        row = {"task": item.question}
        for name, (text, points) in zip("ABC", answers, strict=True):
            row |= {f"solution_{name}": text, f"points_{name} (3 = best)": points}  # type: ignore[dict-item]
        rows.append(row)
    points = [f"points_{name} (3 = best)" for name in "ABC"]
    answers = [f"solution_{name}" for name in "ABC"]
    return Made(
        "points.csv",
        table(rows),
        judged(
            "three solutions with 1, 2 or 3 points, which look like ranks: 3 is the best",
            HAND,
            reading(["rated_list", "ranking"], prompt="task", answers=answers, scores=dict.fromkeys(points, "high")),
            reading(["ranking", "rated_list"], prompt="task", answers=answers, ranks=points, better="high"),
            judgements=points,
        ),
    )
