"""Spreadsheets and hand-made tables."""

from ..files import Made, Maker, collector, jsonl, table, workbook
from ..texts import CODE, FRENCH, GERMAN, JAPANESE, SPANISH, Texts
from ..truths import HAND, judged, rated, reading

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def schulnoten() -> Made:
    t = Texts(133, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(26)):
        answer, note = t.pick((item.good, 1), (item.good, 2), (item.fair, 3), (item.poor, 5))
        rows.append(
            {
                "Nr.": n + 1,
                "Frage": item.question,
                "Antwort": answer,
                "Bewertung": t.pick(note, note, note, ""),
                "Bearbeiter": t.pick("Müller", "Özdemir"),
                "Datum": t.time("d"),
            }
        )
    return Made(
        "Bewertungen.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "German marks, of which 1 is the best: only a person can tell the direction",
            HAND,
            reading("ratings", prompt="Frage", response="Antwort", scores={"Bewertung": "ask"}),
            judgements=["Bewertung"],
            never=["Bearbeiter", "Datum", "Nr."],
        ),
    )


@file
def decimal_commas() -> Made:
    t = Texts(134, FRENCH)
    rows = []
    for item in t.draw(22):
        answer, note = t.pick((item.good, "4,5"), (item.good, "5"), (item.fair, "3,0"), (item.poor, "1,5"))
        rows.append({"question": item.question, "réponse": answer, "note": note, "relecteur": t.pick("Léa", "Hugo")})
    return Made(
        "notes.csv",
        table(rows, ";"),
        judged(
            "French notes with decimal commas",
            HAND,
            reading("ratings", prompt="question", response="réponse", scores={"note": "high"}),
            judgements=["note"],
            never=["relecteur"],
        ),
    )


@file
def util_si_no() -> Made:
    t = Texts(135, SPANISH)
    rows = []
    for item in t.draw(28):
        answer, mark = t.pick((item.good, "sí"), (item.poor, "no"), (item.fair, "N/A"))
        rows.append(
            {
                "fecha": t.time("d"),
                "pregunta_cliente": item.question,
                "respuesta_bot": answer,
                "¿útil?": mark,
                "agente": t.pick("Inés", "Raúl"),
            }
        )
    return Made(
        "utilidad.xlsx",
        workbook(rows, "Hoja1"),
        judged(
            "Spanish workbook: ¿útil? with sí, no and N/A",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="pregunta_cliente",
                response="respuesta_bot",
                label="¿útil?",
                codes={"sí": "good", "no": "bad", "N/A": "none"},
            ),
            judgements=["¿útil?"],
            never=["fecha", "agente"],
        ),
    )


@file
def japanese_signs() -> Made:
    t = Texts(136, JAPANESE)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, "◎"), (item.good, "○"), (item.fair, "△"), (item.poor, "×"))
        rows.append(
            {"No": n + 1, "質問": item.question, "回答": answer, "評価": mark, "担当者": t.pick("佐藤", "鈴木")}
        )
    return Made(
        "評価.csv",
        table(rows, ",", "utf-8-sig"),
        judged(
            "Japanese marks ◎ ○ △ ×",
            HAND,
            reading("ratings", prompt="質問", response="回答", scores={"評価": "high"}),
            reading(
                "thumbs",
                prompt="質問",
                response="回答",
                label="評価",
                codes={"◎": "good", "○": "good", "△": "neutral", "×": "bad"},
            ),
            judgements=["評価"],
            needs={"評価": ["codes"]},
            never=["担当者", "No"],
        ),
    )


@file
def likert_words() -> Made:
    t = Texts(137)
    words = ("Strongly agree", "Agree", "Neither agree nor disagree", "Disagree", "Strongly disagree")
    rows = []
    for item in t.draw(32):
        answer, mark = t.pick(
            (item.good, words[0]),
            (item.good, words[1]),
            (item.fair, words[2]),
            (item.poor, words[3]),
            (item.poor, words[4]),
        )
        rows.append(
            {
                "ResponseId": "R_" + t.uuid()[:8],
                "StartDate": t.time(" "),
                "Question shown": item.question,
                "Chatbot answer": answer,
                "The answer was useful.": mark,
            }
        )
    return Made(
        "survey export.csv",
        table(rows),
        judged(
            "a survey tool's export: agreement in words with 'The answer was useful.'",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="Question shown",
                response="Chatbot answer",
                label="The answer was useful.",
                codes=dict(zip(words, ("good", "good", "neutral", "bad", "bad"), strict=True)),
            ),
            judgements=["The answer was useful."],
            never=["ResponseId", "StartDate"],
        ),
    )


@file
def letter_grades() -> Made:
    t = Texts(138, CODE)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, grade = t.pick((item.good, "A"), (item.good, "B"), (item.fair, "C"), (item.poor, "F"))
        rows.append(
            {
                "submission": n,
                "task": item.question,
                "code": answer,
                "grade": grade,
                "grader": t.pick("TA1", "TA2"),
                "late": t.pick("no", "no", "yes"),
            }
        )
    return Made(
        "homework.csv",
        table(rows),
        judged(
            "letter grades of code, and a column late that judges nothing",
            HAND,
            reading("ratings", prompt="task", response="code", scores={"grade": "high"}),
            reading(
                "thumbs",
                prompt="task",
                response="code",
                label="grade",
                codes={"A": "good", "B": "good", "C": "neutral", "F": "bad"},
            ),
            judgements=["grade"],
            needs={"grade": ["codes"]},
            never=["grader", "late"],
        ),
    )


@file
def score_out_of_five() -> Made:
    t = Texts(139)
    rows = []
    for item in t.draw(24):
        answer, score = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append(
            {
                "prompt_text": item.question,
                "model_reply": answer,
                "human_score": f"{score}/5",
                "note": t.pick("", "ok", "wrong"),
            }
        )
    return Made(
        "scores.tsv",
        table(rows, "\t"),
        judged(
            "scores written as 4/5",
            HAND,
            *rated("prompt_text", "model_reply", "human_score", "high", "1/5", "3/5", "5/5"),
            judgements=["human_score"],
            needs={"human_score": ["pattern", "codes"]},
            never=["note"],
        ),
    )


@file
def accept_reject_log() -> Made:
    t = Texts(140, CODE)
    rows = []
    for item in t.draw(28):
        answer, status = t.pick((item.good, "accepted"), (item.poor, "rejected"), (item.fair, "accepted"))
        rows.append(
            {
                "eventTime": t.time(),
                "userId": t.number(1, 50),
                "request": item.question,
                "suggestion": answer,
                "outcome": status,
                "latency": t.number(50, 900),
            }
        )
    return Made(
        "suggestions.ndjson",
        jsonl(rows),
        judged(
            "telemetry of a coding assistant: suggestions that were accepted or rejected",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="request",
                response="suggestion",
                label="outcome",
                codes={"accepted": "good", "rejected": "bad"},
            ),
            judgements=["outcome"],
            never=["eventTime", "userId", "latency"],
        ),
    )


@file
def issue_flag() -> Made:
    t = Texts(141)
    rows = []
    for item in t.draw(26):
        answer, flag = t.pick((item.good, 0), (item.fair, 0), (item.poor, 1))
        rows.append(
            {
                "conversation": item.question,
                "answer_text": answer,
                "hallucination": flag,
                "auditor": t.pick("A1", "A2", "A3"),
            }
        )
    return Made(
        "audit.csv",
        table(rows),
        judged(
            "hallucination is 1 where the answer is bad",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="conversation",
                response="answer_text",
                label="hallucination",
                codes={"0": "good", "1": "bad"},
            ),
            reading("ratings", prompt="conversation", response="answer_text", scores={"hallucination": "low"}),
            judgements=["hallucination"],
            never=["auditor"],
        ),
    )
