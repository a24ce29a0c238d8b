"""Spreadsheets of support teams in Polish, German and English."""

from ..files import Made, Maker, collector, table, workbook
from ..texts import GERMAN, SUPPORT, WORK, Texts
from ..texts_more import POLISH
from ..truths import HAND, judged, rated, reading, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def pomocna_tak_nie() -> Made:
    t = Texts(481, POLISH)
    rows = []
    for n, item in enumerate(t.draw(21)):
        answer, mark = t.pick((item.good, "tak"), (item.poor, "nie"), (item.fair, "częściowo"))
        rows.append(
            {
                "Lp.": n + 1,
                "Pytanie klienta": item.question,
                "Odpowiedź bota": answer,
                "Czy pomocna?": mark,
                "Uwagi": t.pick("", "za krótko", "ok"),
            }
        )
    return Made(
        "oceny.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "Polish: was it helpful, tak (yes), nie (no) or częściowo (in part)",
            HAND,
            thumbs("Pytanie klienta", "Odpowiedź bota", "Czy pomocna?", tak="good", nie="bad", częściowo="neutral"),
            judgements=["Czy pomocna?"],
            never=["Lp.", "Uwagi"],
        ),
    )


@file
def ktora_lepsza() -> Made:
    t = Texts(482, POLISH)
    rows = []
    for item in t.draw(21):
        first, second, best = sides(t, item)
        mark = ["pierwsza", "druga"][best]
        rows.append(
            {
                "Zapytanie": item.question,
                "Odpowiedź 1": first,
                "Odpowiedź 2": second,
                "Która lepsza": t.pick(mark, mark, mark, "remis"),
                "Oceniający": t.pick("Ala", "Jan"),
                "Data": t.time("d"),
            }
        )
    return Made(
        "porównanie.xlsx",
        workbook(rows, "Arkusz1"),
        judged(
            "Polish comparisons: pierwsza (the first), druga (the second) or remis (a tie)",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="Zapytanie",
                first="Odpowiedź 1",
                second="Odpowiedź 2",
                label="Która lepsza",
                codes={"pierwsza": "first", "druga": "second", "remis": "tie"},
            ),
            judgements=["Która lepsza"],
            never=["Oceniający", "Data"],
        ),
    )


@file
def ocena_szkolna() -> Made:
    t = Texts(483, POLISH)
    rows = []
    for item in t.draw(21):
        answer, mark = t.pick((item.good, 6), (item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append({"pytanie": item.question, "odpowiedz": answer, "ocena (1 = niedostateczny, 6 = celujący)": mark})
    field = "ocena (1 = niedostateczny, 6 = celujący)"
    return Made(
        "oceny_szkolne.csv",
        table(rows),
        judged(
            "Polish school marks, of which 6 is the best: the name of the column says it in Polish",
            HAND,
            *rated("pytanie", "odpowiedz", field, "high", "1", "3", "6"),
            judgements=[field],
        ),
    )


@file
def bewertung_eins_ist_sehr_gut() -> Made:
    t = Texts(484, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, mark = t.pick((item.good, 1), (item.good, 2), (item.fair, 3), (item.poor, 6))
        rows.append(
            {
                "Ticket-Nr.": f"T{n:05}",
                "Anliegen": item.question,
                "Antworttext": answer,
                "Bewertung (1 = sehr gut, 6 = ungenügend)": mark,
                "Bearbeiter": t.pick("Hr. Klein", "Fr. Groß"),
            }
        )
    field = "Bewertung (1 = sehr gut, 6 = ungenügend)"
    return Made(
        "Bewertungen Q3.xlsx",
        workbook(rows, "Q3"),
        judged(
            "German: the name of the column says that 1 is the best",
            HAND,
            *rated("Anliegen", "Antworttext", field, "low", "6", "3", "1"),
            judgements=[field],
            never=["Ticket-Nr.", "Bearbeiter"],
        ),
    )


@file
def fehleranzahl() -> Made:
    t = Texts(485, GERMAN)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, 0), (item.fair, 1), (item.poor, 5))
        rows.append(
            {
                "Frage": item.question,
                "KI-Antwort": answer,
                "Fehleranzahl": mark,
                "Wörter": len(answer.split()),
                "Prüfdatum": t.time("d"),
            }
        )
    return Made(
        "Fehler.csv",
        table(rows, ";", "utf-8-sig"),
        judged(
            "German: the number of faults of an answer; fewer are better, and the number of words judges nothing",
            HAND,
            reading("ratings", prompt="Frage", response="KI-Antwort", scores={"Fehleranzahl": "low"}),
            reading(
                "thumbs", prompt="Frage", response="KI-Antwort", label="Fehleranzahl", codes={"0": "good", "5": "bad"}
            ),
            judgements=["Fehleranzahl"],
            never=["Wörter", "Prüfdatum"],
        ),
    )


@file
def beschwerde_ja_nein() -> Made:
    t = Texts(486, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer = t.pick(item.good, item.fair)
        rows.append(
            {
                "Vorgang": 7100 + n,
                "Kundenfrage": item.question,
                "Unsere Antwort": answer,
                "Beschwerde": t.pick("ja", "nein", "nein"),
                "Stammkunde": t.pick("ja", "nein"),
            }
        )
    return Made(
        "Vorgaenge.tsv",
        table(rows, "\t"),
        judged(
            "German: whether there was a complaint, about whatever, and whether the customer is a regular one",
            HAND,
            thumbs("Kundenfrage", "Unsere Antwort", "Beschwerde", ja="ask", nein="ask"),
            reading("demonstration", prompt="Kundenfrage", response="Unsere Antwort"),
            judgements=["Beschwerde"],
            where=["Stammkunde"],
            never=["Vorgang"],
        ),
    )


@file
def recommend_the_company() -> Made:
    t = Texts(495, SUPPORT)
    rows = [
        {
            "Chat ID": 9000 + n,
            "Customer message": item.question,
            "Bot reply": t.pick(item.good, item.fair, item.poor),
            "How likely are you to recommend our company? (0-10)": t.number(0, 10),
            "Customer since": t.number(2009, 2024),
        }
        for n, item in enumerate(t.draw(26))
    ]
    field = "How likely are you to recommend our company? (0-10)"
    place = {"prompt": "Customer message", "response": "Bot reply"}
    return Made(
        "nps_after_chat.csv",
        table(rows),
        judged(
            "a recommendation of the company beside each reply: it may have nothing to do with the reply",
            HAND,
            reading("ratings", **place, scores={field: "ask"}),
            reading("thumbs", **place, label=field, codes={"0": "ask", "10": "ask"}),
            reading("demonstration", **place),
            judgements=[field],
            never=["Chat ID", "Customer since"],
        ),
    )


@file
def score_of_the_customer() -> Made:
    t = Texts(496, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "★★★★★"), (item.fair, "★★★☆☆"), (item.poor, "★☆☆☆☆"))
        rows.append(
            {
                "customer_score": t.number(1, 100),
                "loyalty_stars": t.number(1, 5),
                "query": item.question,
                "bot_answer": answer,
                "answer_stars": mark,
            }
        )
    place = {"prompt": "query", "response": "bot_answer"}
    return Made(
        "crm_export.csv",
        table(rows),
        judged(
            "two numbers about the customer, and stars as signs for the answer",
            HAND,
            reading("ratings", **place, scores={"answer_stars": "high"}),
            reading(
                "ratings", **place, scores={"answer_stars": "high", "customer_score": "ask", "loyalty_stars": "ask"}
            ),
            reading(
                "thumbs",
                **place,
                label="answer_stars",
                codes={"★★★★★": "good", "★★★☆☆": "neutral", "★☆☆☆☆": "bad"},
            ),
            judgements=["answer_stars"],
            needs={"answer_stars": ["codes", "pattern"]},
        ),
    )


@file
def tool_status_in_the_ticket() -> Made:
    t = Texts(497, WORK)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, mark = t.pick((item.good, "Good"), (item.fair, "OK"), (item.poor, "Poor"))
        rows.append(
            {
                "Ticket": f"INC-{n}",
                "Description": item.question,
                "Suggested reply": answer,
                "Issue resolved": t.pick("no", "no", "yes"),
                "Resolved by": t.pick("vendor patch", "", "reboot"),
                "Reply quality": mark,
            }
        )
    return Made(
        "incidents.xlsx",
        workbook(rows, "Incidents"),
        judged(
            "Issue resolved is about the incident, which a vendor solves; Reply quality judges the suggested reply",
            HAND,
            thumbs("Description", "Suggested reply", "Reply quality", Good="good", OK="neutral", Poor="bad"),
            judgements=["Reply quality"],
            where=["Issue resolved"],
            never=["Ticket", "Resolved by"],
        ),
    )
