"""Surveys and reviews with several questions about one answer."""

# ruff: noqa: E501

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import CODE, FRENCH, SPANISH, SUPPORT, Texts
from ..truths import HAND, judged, reading, thumbs

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def three_criteria_by_graders() -> Made:
    t = Texts(421)
    rows = []
    for item in t.draw(14):
        for answer, low in ((item.good, 4), (item.poor, 1)):
            rows.append(
                {
                    "prompt": item.question,
                    "response": answer,
                    "accuracy": t.number(low, low + 1),
                    "clarity": t.number(low, low + 1),
                    "tone": t.number(low, low + 1),
                    "grader": t.pick("g1", "g2", "g3"),
                }
            )
    way = {"accuracy": "high", "clarity": "high", "tone": "high"}
    return Made("criteria.csv", table(rows), judged(
        "three criteria from 1 to 5 for each answer", HAND,
        reading("ratings", prompt="prompt", response="response", scores=way),
        judgements=list(way), never=["grader"]))  # fmt: skip


@file
def oui_non_utile() -> Made:
    t = Texts(422, FRENCH)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, "Oui"), (item.poor, "Non"))
        rows.append(
            {
                "Horodateur": t.time(" "),
                "Votre question": item.question,
                "La réponse": answer,
                "La réponse était-elle utile ?": mark,
            }
        )
    return Made("formulaire.xlsx", workbook(rows, "Réponses"), judged(
        "a French form: was the answer useful, yes or no", HAND,
        thumbs("Votre question", "La réponse", "La réponse était-elle utile ?", Oui="good", Non="bad"),
        judgements=["La réponse était-elle utile ?"], never=["Horodateur"]))  # fmt: skip


@file
def needs_rework_flag() -> Made:
    t = Texts(423, CODE)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, False), (item.poor, True))
        rows.append(
            {
                "task": item.question,
                "completion": answer,
                "needs_rework": mark,
                "reviewed_by": t.pick("mia", "tom"),
                "reviewed_at": t.time(),
            }
        )
    return Made("review.jsonl", jsonl(rows), judged(
        "true says that the answer needs rework", HAND,
        thumbs("task", "completion", "needs_rework", true="bad", false="good"),
        judgements=["needs_rework"], never=["reviewed_by", "reviewed_at"]))  # fmt: skip


@file
def de_acuerdo() -> Made:
    t = Texts(424, SPANISH)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick(
            (item.good, "Muy buena"), (item.good, "Buena"), (item.fair, "Regular"), (item.poor, "Mala")
        )
        rows.append(
            {"Pregunta": item.question, "Respuesta": answer, "Valoración": mark, "Evaluador": t.pick("Luis", "Marta")}
        )
    return Made("valoraciones.csv", table(rows, ";"), judged(
        "Spanish: very good, good, fair, bad", HAND,
        thumbs("Pregunta", "Respuesta", "Valoración", **{"Muy buena": "good", "Buena": "good", "Regular": "neutral", "Mala": "bad"}),
        judgements=["Valoración"], never=["Evaluador"]))  # fmt: skip


@file
def fractions_of_five() -> Made:
    t = Texts(425)
    rows = []
    for item in t.draw(14):
        for answer, mark in ((item.good, t.number(4, 5)), (item.poor, t.number(1, 2))):
            rows.append(
                {
                    "user_input": item.question,
                    "generated_text": answer,
                    "score": f"{mark}/5",
                    "comment": t.pick("", "ok", "see above"),
                }
            )
    return Made("scored.csv", table(rows), judged(
        "scores written as 4/5", HAND,
        reading("ratings", prompt="user_input", response="generated_text", scores={"score": "high"}),
        judgements=["score"], needs={"score": ["cut", "pattern", "codes", "scale"]}, never=["comment"]))  # fmt: skip


@file
def rubric_points_nested() -> Made:
    t = Texts(426)
    rows = []
    for item in t.draw(12):
        for answer, low in ((item.good, 3), (item.poor, 0)):
            rows.append(
                {
                    "item": {"question": item.question, "answer": answer},
                    "marking": {
                        "points": t.number(low, low + 2),
                        "marker": t.pick("A.K.", "B.L."),
                        "marked_on": t.time("d"),
                    },
                }
            )
    return Made("marking.json", as_json(rows), judged(
        "nested: the question and the answer, and the points that a marker gave", HAND,
        reading("ratings", prompt="item.question", response="item.answer", scores={"marking.points": "high"}),
        judgements=["marking.points"], never=["marking.marker", "marking.marked_on"]))  # fmt: skip


@file
def escalated_to_person() -> Made:
    t = Texts(427, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "no"), (item.poor, "yes"))
        rows.append(
            {
                "ticket": f"T{t.number(1000, 9999)}",
                "customer": item.question,
                "assistant": answer,
                "escalated": mark,
                "closed": t.time(),
            }
        )
    return Made("tickets.csv", table(rows), judged(
        "whether a ticket went to a person: it may judge the answer, or not", HAND,
        thumbs("customer", "assistant", "escalated", yes="ask", no="ask"),
        judgements=["escalated"], never=["ticket", "closed"]))  # fmt: skip
