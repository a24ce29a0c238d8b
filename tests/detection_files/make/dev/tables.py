"""Spreadsheets and hand-made tables."""

from ..files import Made, Maker, as_json, collector, table, workbook
from ..texts import FRENCH, JAPANESE, SPANISH, SUPPORT, Texts
from ..truths import HAND, judged, rated, reading
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def csat_semicolon() -> Made:
    t = Texts(27, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(36)):
        answer, stars = t.pick((item.good, 5), (item.good, 4), (item.fair, 3), (item.poor, 1))
        rows.append(
            {
                "Ticket": f"T-{2000 + n}",
                "Opened": t.time("d"),
                "Customer message": item.question,
                "Agent reply": answer,
                "CSAT": t.pick(stars, stars, stars, "N/A", ""),
                "Agent": t.pick("mk", "JR", "mk "),
                "Channel": t.pick("mail", "chat"),
            }
        )
    return Made(
        "csat 2025.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "stars of a support team, with semicolons, N/A and blank cells",
            HAND,
            reading("ratings", prompt="Customer message", response="Agent reply", scores={"CSAT": "high"}),
            judgements=["CSAT"],
            never=["Ticket", "Opened", "Agent", "Channel"],
        ),
    )


@file
def note_sur_cinq() -> Made:
    t = Texts(28, FRENCH)
    rows = []
    for n, item in enumerate(t.draw(21)):
        answer, note = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append(
            {
                "N°": n + 1,
                "Question client": item.question,
                "Réponse": answer,
                "Note (sur 5)": note,
                "Commentaire": t.pick("", "Très clair", "Trop court", "À revoir"),
                "Évaluateur": t.pick("Chloé", "Amadou"),
            }
        )
    return Made(
        "évaluations.xlsx",
        workbook(rows, "Feuil1"),
        judged(
            "French workbook of notes from 1 to 5",
            HAND,
            reading("ratings", prompt="Question client", response="Réponse", scores={"Note (sur 5)": "high"}),
            judgements=["Note (sur 5)"],
            never=["Commentaire", "Évaluateur", "N°"],
        ),
    )


@file
def japanese_two_answers() -> Made:
    t = Texts(29, JAPANESE)
    rows = []
    for n, item in enumerate(t.draw(20)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "番号": n + 1,
                "質問": item.question,
                "回答A": first,
                "回答B": second,
                "良い方": t.pick("AB"[best], "AB"[best], "同じ"),
            }
        )
    return Made(
        "比較.csv",
        table(rows, ",", "utf-8-sig"),
        judged(
            "Japanese comparisons: A, B or 同じ (the same)",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="質問",
                first="回答A",
                second="回答B",
                label="良い方",
                codes={"A": "first", "B": "second", "同じ": "tie"},
            ),
            judgements=["良い方"],
            never=["番号"],
        ),
    )


@file
def emoji_thumbs() -> Made:
    t = Texts(30)
    rows = []
    for item in t.draw(34):
        answer, mark = t.pick((item.good, "👍"), (item.fair, "👍"), (item.poor, "👎"), (item.fair, ""))
        rows.append(
            {
                "ts": t.time(),
                "user": "u" + str(t.number(1, 20)),
                "query": item.question,
                "reply": answer,
                "reaction": mark,
            }
        )
    return Made(
        "bot_log.csv",
        table(rows),
        judged(
            "log of a bot with emoji reactions, some of them missing",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="query",
                response="reply",
                label="reaction",
                codes={"👍": "good", "👎": "bad"},
            ),
            judgements=["reaction"],
            never=["ts", "user"],
        ),
    )


@file
def camel_case_thumbs() -> Made:
    t = Texts(31, SUPPORT)
    rows = []
    for item in t.draw(28):
        answer, mark = t.pick((item.good, True), (item.poor, False), (item.fair, None))
        rows.append(
            {
                "messageId": t.uuid(),
                "createdAt": t.time(),
                "userMessage": item.question,
                "botResponse": answer,
                "isHelpful": mark,
                "responseTimeMs": t.number(100, 4000),
                "modelVersion": "v" + str(t.number(1, 3)),
            }
        )
    return Made(
        "export.json",
        as_json(rows),
        judged(
            "export of an app: isHelpful is true, false or null",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="userMessage",
                response="botResponse",
                label="isHelpful",
                codes={"true": "good", "false": "bad"},
            ),
            judgements=["isHelpful"],
            never=["messageId", "createdAt", "responseTimeMs", "modelVersion"],
        ),
    )


@file
def helpful_unhelpful_neutral() -> Made:
    t = Texts(32)
    rows = []
    for item in t.draw(30):
        answer, mark = t.pick((item.good, "Helpful"), (item.poor, "Unhelpful"), (item.fair, "Neutral"))
        rows.append(
            {"Prompt": item.question, "Model output": answer, "Reviewer": t.pick("Ana", "Li Wei"), "Verdict": mark}
        )
    return Made(
        "review.xlsx",
        workbook(rows),
        judged(
            "workbook with a verdict Helpful, Unhelpful or Neutral",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="Prompt",
                response="Model output",
                label="Verdict",
                codes={"Helpful": "good", "Unhelpful": "bad", "Neutral": "neutral"},
            ),
            judgements=["Verdict"],
            never=["Reviewer"],
        ),
    )


@file
def star_signs() -> Made:
    t = Texts(33, SPANISH)
    rows = []
    for item in t.draw(22):
        answer, stars = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1), (item.good, 4))
        rows.append(
            {
                "pregunta": item.question,
                "respuesta": answer,
                "valoración": "★" * stars + "☆" * (5 - stars),
                "fecha": t.time("d"),
            }
        )
    return Made(
        "valoraciones.csv",
        table(rows, ";"),
        judged(
            "Spanish stars written as ★★★★☆",
            HAND,
            reading("ratings", prompt="pregunta", response="respuesta", scores={"valoración": "high"}),
            reading(
                "thumbs",
                prompt="pregunta",
                response="respuesta",
                label="valoración",
                codes={"★★★★★": "good", "★★★★☆": "good", "★★★☆☆": "neutral", "★☆☆☆☆": "bad"},
            ),
            judgements=["valoración"],
            needs={"valoración": ["pattern", "codes"]},
            never=["fecha"],
        ),
    )


@file
def percent_scores() -> Made:
    t = Texts(34)
    rows = []
    for item in t.draw(24):
        answer, score = t.pick((item.good, 90), (item.fair, 60), (item.poor, 15))
        rows.append(
            {"q": item.question, "a": answer, "grader": t.pick("kim", "ola"), "grade": f"{score + t.number(-5, 5)}%"}
        )
    return Made(
        "grades.csv",
        table(rows),
        judged(
            "grades as percentages, which are texts",
            HAND,
            *rated("q", "a", "grade", "high", "12%", "56%", "94%"),
            judgements=["grade"],
            needs={"grade": ["pattern", "codes"]},
            never=["grader"],
        ),
    )


@file
def ab_both_bad() -> Made:
    t = Texts(35, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(26)):
        first, second, best = sides(t, item)
        mark = t.pick("AB"[best], "AB"[best], "AB"[best], "both bad", "skip")
        rows.append(
            {
                "#": n,
                "Question": item.question,
                "Bot A": first,
                "Bot B": second,
                "Better": mark,
                "Rater": t.pick("IK", "TS"),
            }
        )
    return Made(
        "AB test.xlsx",
        workbook(rows, "Votes"),
        judged(
            "A/B test of two bots: A, B, both bad, skip",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="Question",
                first="Bot A",
                second="Bot B",
                label="Better",
                codes={"A": "first", "B": "second", "both bad": "tie", "skip": "none"},
            ),
            judgements=["Better"],
            never=["Rater", "#"],
        ),
    )


@file
def one_row_per_vote() -> Made:
    t = Texts(36)
    rows = []
    for n, item in enumerate(t.draw(12)):
        first, second, best = sides(t, item)
        for name in ("ann", "bob", "cyd"):
            mark = ("response_1", "response_2")[best if t.is_less(0.8) else 1 - best]
            rows.append(
                {
                    "item_id": n,
                    "annotator": name,
                    "prompt": item.question,
                    "response_1": first,
                    "response_2": second,
                    "vote": mark,
                }
            )
    return Made(
        "votes.csv",
        table(rows),
        judged(
            "one row for each person's vote on a pair",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="response_1",
                second="response_2",
                label="vote",
                codes={"response_1": "first", "response_2": "second"},
            ),
            judgements=["vote"],
            never=["annotator"],
        ),
    )
