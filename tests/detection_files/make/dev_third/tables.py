"""Spreadsheets of support teams and surveys, in several languages."""

from ..files import Made, Maker, collector, jsonl, table, workbook
from ..texts import FRENCH, GERMAN, SPANISH, SUPPORT, Texts
from ..texts_more import CHINESE, DUTCH, ITALIAN, KOREAN, PORTUGUESE
from ..truths import HAND, judged, rated, reading, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def zufriedenheit_in_worten() -> Made:
    t = Texts(261, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, mark = t.pick(
            (item.good, "sehr zufrieden"),
            (item.good, "zufrieden"),
            (item.fair, "teils/teils"),
            (item.poor, "unzufrieden"),
        )
        rows.append(
            {
                "Vorgang": f"V-{n:04}",
                "Eingang": t.time("d"),
                "Kundenfrage": item.question,
                "Antwort des Bots": answer,
                "Zufriedenheit": t.pick(mark, mark, mark, "k. A."),
                "Team": t.pick("Nord", "Süd"),
            }
        )
    return Made(
        "Zufriedenheit.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "German satisfaction in words, with k. A. (not stated)",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="Kundenfrage",
                response="Antwort des Bots",
                label="Zufriedenheit",
                codes={
                    "sehr zufrieden": "good",
                    "zufrieden": "good",
                    "teils/teils": "neutral",
                    "unzufrieden": "bad",
                    "k. A.": "neutral",
                },
            ),
            judgements=["Zufriedenheit"],
            never=["Vorgang", "Eingang", "Team"],
        ),
    )


@file
def avaliacao_otimo_ruim() -> Made:
    t = Texts(262, PORTUGUESE)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "Ótimo"), (item.good, "Bom"), (item.fair, "Regular"), (item.poor, "Ruim"))
        rows.append(
            {
                "Data": t.time("d"),
                "Pergunta": item.question,
                "Resposta": answer,
                "Avaliação": mark,
                "Avaliador": t.pick("João", "Inês"),
            }
        )
    return Made(
        "avaliações.xlsx",
        workbook(rows, "Planilha1"),
        judged(
            "Portuguese workbook: Ótimo, Bom, Regular, Ruim",
            HAND,
            thumbs("Pergunta", "Resposta", "Avaliação", Ótimo="good", Bom="good", Regular="neutral", Ruim="bad"),
            judgements=["Avaliação"],
            never=["Data", "Avaliador"],
        ),
    )


@file
def voto_su_dieci() -> Made:
    t = Texts(263, ITALIAN)
    rows = []
    for item in t.draw(22):
        answer, mark = t.pick((item.good, "9/10"), (item.good, "8/10"), (item.fair, "6/10"), (item.poor, "3/10"))
        rows.append({"domanda": item.question, "risposta": answer, "voto": mark, "revisore": t.pick("Ada", "Ugo")})
    return Made(
        "voti.csv",
        table(rows, ";"),
        judged(
            "Italian marks of ten, as text",
            HAND,
            reading("ratings", prompt="domanda", response="risposta", scores={"voto": "high"}),
            reading(
                "thumbs",
                prompt="domanda",
                response="risposta",
                label="voto",
                codes={"9/10": "good", "8/10": "good", "6/10": "neutral", "3/10": "bad"},
            ),
            judgements=["voto"],
            needs={"voto": ["pattern", "codes"]},
            never=["revisore"],
        ),
    )


@file
def chinese_two_answers() -> Made:
    t = Texts(264, CHINESE)
    rows = []
    for n, item in enumerate(t.draw(20)):
        first, second, best = sides(t, item)
        mark = ["回答一", "回答二"][best]
        rows.append(
            {
                "编号": n + 1,
                "指令": item.question,
                "回答一": first,
                "回答二": second,
                "更好": t.pick(mark, mark, mark, "平局"),
                "标注员": t.pick("小王", "小李"),
            }
        )
    return Made(
        "标注.jsonl",
        jsonl(rows),
        judged(
            "Chinese comparisons: the label is the name of the column, or 平局 (a tie)",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="指令",
                first="回答一",
                second="回答二",
                label="更好",
                codes={"回答一": "first", "回答二": "second", "平局": "tie"},
            ),
            judgements=["更好"],
            never=["编号", "标注员"],
        ),
    )


@file
def korean_stars() -> Made:
    t = Texts(265, KOREAN)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append({"번호": n + 1, "질문": item.question, "답변": answer, "별점": mark, "작성일": t.time(" ")})
    return Made(
        "별점.csv",
        table(rows, ",", "utf-8-sig"),
        judged(
            "Korean stars from 1 to 5",
            HAND,
            *rated("질문", "답변", "별점", "high", "1", "3", "5"),
            judgements=["별점"],
            never=["번호", "작성일"],
        ),
    )


@file
def nuttig_ja_nee() -> Made:
    t = Texts(266, DUTCH)
    rows = []
    for n, item in enumerate(t.draw(22)):
        answer, mark = t.pick((item.good, "ja"), (item.poor, "nee"), (item.fair, ""))
        rows.append(
            {
                "ticket": 5000 + n,
                "vraag": item.question,
                "antwoord": answer,
                "nuttig": mark,
                "opmerking": t.pick("", "te kort", "top"),
            }
        )
    return Made(
        "feedback.csv",
        table(rows, ";"),
        judged(
            "Dutch: nuttig (useful) with ja, nee and blanks",
            HAND,
            thumbs("vraag", "antwoord", "nuttig", ja="good", nee="bad"),
            judgements=["nuttig"],
            never=["opmerking", "ticket"],
        ),
    )


@file
def stars_with_a_word() -> Made:
    t = Texts(267, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick(
            (item.good, "5 stars"), (item.good, "4 stars"), (item.fair, "3 stars"), (item.poor, "1 star")
        )
        rows.append(
            {
                "Date": t.time(" "),
                "Customer": f"customer{t.number(1, 90)}@example.org",
                "Message": item.question,
                "Reply": answer,
                "Rating": mark,
                "Agent": t.pick("bot-1", "bot-2"),
            }
        )
    return Made(
        "Ratings May.xlsx",
        workbook(rows, "May"),
        judged(
            "ratings written as 4 stars and 1 star",
            HAND,
            reading("ratings", prompt="Message", response="Reply", scores={"Rating": "high"}),
            reading(
                "thumbs",
                prompt="Message",
                response="Reply",
                label="Rating",
                codes={"5 stars": "good", "3 stars": "neutral", "1 star": "bad"},
            ),
            judgements=["Rating"],
            needs={"Rating": ["pattern", "codes"]},
            never=["Date", "Customer", "Agent"],
        ),
    )


@file
def helpdesk_resolved() -> Made:
    t = Texts(268, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, resolved, escalated = t.pick(
            (item.good, "yes", "no"), (item.good, "yes", "no"), (item.fair, "no", "no"), (item.poor, "no", "yes")
        )
        rows.append(
            {
                "Ticket": 300 + n,
                "Channel": t.pick("chat", "mail"),
                "Question": item.question,
                "First reply": answer,
                "Resolved by first reply": resolved,
                "Escalated": escalated,
                "Handling time (min)": t.number(1, 90),
            }
        )
    return Made(
        "helpdesk.csv",
        table(rows),
        judged(
            "outcomes of a help desk: whether the first reply resolved the ticket, and whether it was escalated",
            HAND,
            thumbs("Question", "First reply", "Resolved by first reply", yes="good", no="bad"),
            thumbs("Question", "First reply", "Escalated", yes="bad", no="good"),
            judgements=["Resolved by first reply"],
            never=["Ticket", "Channel", "Handling time (min)"],
        ),
    )


@file
def ces_effort() -> Made:
    t = Texts(269, FRENCH)
    rows = []
    for item in t.draw(22):
        answer, mark = t.pick((item.good, 1), (item.good, 2), (item.fair, 4), (item.poor, 7))
        rows.append(
            {
                "Question du client": item.question,
                "Réponse envoyée": answer,
                "Effort (1-7)": mark,
                "Date": t.time("d"),
                "Conseiller": t.pick("Zoé", "Luc"),
            }
        )
    return Made(
        "effort.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "French customer effort from 1 to 7: surveys differ in which end is the easy one",
            HAND,
            *rated("Question du client", "Réponse envoyée", "Effort (1-7)", "ask", "1", "4", "7"),
            judgements=["Effort (1-7)"],
            never=["Date", "Conseiller"],
        ),
    )


@file
def spanish_corrections() -> Made:
    t = Texts(270, SPANISH)
    rows = []
    for n, item in enumerate(t.draw(20)):
        is_right = t.is_less(0.4)
        rows.append(
            {
                "id": n,
                "pregunta": item.question,
                "respuesta_modelo": item.good if is_right else item.poor,
                "es_correcta": "sí" if is_right else "no",
                "respuesta_corregida": "" if is_right else item.good,
                "revisora": t.pick("Eva", "Luz"),
            }
        )
    places = {"prompt": "pregunta", "before": "respuesta_modelo", "after": "respuesta_corregida"}
    return Made(
        "correcciones.csv",
        table(rows),
        judged(
            "Spanish: a verdict on each answer, and a corrected answer where it was wrong",
            HAND,
            thumbs("pregunta", "respuesta_modelo", "es_correcta", sí="good", no="bad"),
            reading("edit", **places),
            reading("pairs", prompt="pregunta", chosen="respuesta_corregida", rejected="respuesta_modelo"),
            judgements=["es_correcta", "respuesta_corregida"],
            where=["es_correcta"],
            never=["revisora", "id"],
        ),
    )


@file
def title_line_above_header() -> Made:
    t = Texts(271, SUPPORT)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "Good"), (item.poor, "Bad"))
        rows.append({"Question": item.question, "Answer": answer, "Verdict": mark})
    text = b"Chatbot review - exported 2025-03-01,,\r\n" + table(rows)
    return Made(
        "review export.csv",
        text,
        judged(
            "a CSV file whose first line is a title: the header is in the second line",
            HAND,
            judgements=["Verdict"],
            silence="right",
        ),
    )
