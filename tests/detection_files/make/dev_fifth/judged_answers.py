"""One answer per row, judged under names and in spellings of many kinds."""

import json

from ..files import Made, Maker, as_json, collector, columns, jsonl, table, workbook
from ..texts import ENGLISH, FRENCH, GERMAN, SPANISH, SUPPORT, WORK, Texts
from ..texts_more import CHINESE
from ..truths import HAND, judged, rated, reading, shown, thumbs
from ..turns import assistant, user

# ruff: noqa: E501

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def reponse_utile_oui_non() -> Made:
    t = Texts(501, FRENCH)
    rows = []
    for item in t.draw(26):
        answer, mark = t.pick((item.good, "Oui"), (item.poor, "Non"))
        rows.append(
            {"Horodatage": t.time("d"), "Message client": item.question, "Réponse du bot": answer, "Utile ?": mark}
        )
    return Made("avis.csv", table(rows, ";"), judged(
        "French form: was the answer useful, yes or no", HAND,
        thumbs("Message client", "Réponse du bot", "Utile ?", Oui="good", Non="bad"),
        judgements=["Utile ?"], never=["Horodatage"]))  # fmt: skip


@file
def chinese_toxicity_share() -> Made:
    t = Texts(502, CHINESE)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, t.number(1, 20)), (item.poor, t.number(60, 97)))
        rows.append({"编号": t.number(10000, 99999), "问题": item.question, "回答": answer, "毒性": mark / 100})
    return Made("toxicity.jsonl", jsonl(rows), judged(
        "Chinese: how toxic an answer is, from 0 to 1", HAND,
        *rated("问题", "回答", "毒性", "ask", "0.9", "0.5", "0.1"),
        judgements=["毒性"], never=["编号"]))  # fmt: skip


@file
def error_share_of_each_answer() -> Made:
    t = Texts(503, WORK)
    rows = []
    for item in t.draw(12):
        for answer, error in ((item.good, t.number(0, 9)), (item.poor, t.number(40, 95))):
            rows.append({"prompt": item.question, "completion": answer, "error": error / 100, "run": "2025-03"})
    return Made("errors.jsonl", jsonl(rows), judged(
        "an error between 0 and 1 for two answers to each prompt", HAND,
        *rated("prompt", "completion", "error", "ask", "0.9", "0.5", "0.1"), judgements=["error"]))  # fmt: skip


@file
def loss_beside_each_answer() -> Made:
    t = Texts(504, ENGLISH)
    rows = [
        {"input": item.question, "target": item.good, "loss": t.number(800, 3100) / 1000, "n_tokens": t.number(20, 90)}
        for item in t.draw(24)
    ]
    return Made("losses.jsonl", jsonl(rows), shown(
        "the loss of a model on good answers: it judges the model", HAND,
        reading("demonstration", prompt="input", response="target")))  # fmt: skip


@file
def difficulty_of_the_question() -> Made:
    t = Texts(505, ENGLISH)
    rows = [
        {
            "question": item.question,
            "answer": item.good,
            "difficulty": t.number(1, 5),
            "subject": t.pick("science", "home"),
        }
        for item in t.draw(26)
    ]
    return Made("exercises.csv", table(rows), shown(
        "exercises with model answers and a difficulty from 1 to 5: it is about the question", HAND,
        reading("demonstration", prompt="question", response="answer")))  # fmt: skip


@file
def rank_of_each_answer() -> Made:
    t = Texts(506, SUPPORT)
    rows = []
    for item in t.draw(10):
        for place, answer in enumerate((item.good, item.fair, item.poor), 1):
            rows.append({"ticket": item.question, "reply": answer, "rank": place, "ranked_at": t.time()})
    return Made("ranks.csv", table(rows), judged(
        "three replies to each ticket, one per row, with their ranks: 1 is the best", HAND,
        reading(["ratings"], prompt="ticket", response="reply", scores={"rank": "low"}),
        judgements=["rank"], never=["ranked_at"]))  # fmt: skip


@file
def verdict_beside_a_critique() -> Made:
    t = Texts(507, WORK)
    rows = []
    for item in t.draw(24):
        is_good = t.is_less(0.5)
        note = (
            "It answers the question and is easy to follow."
            if is_good
            else "It misses the point, and the facts are wrong."
        )
        rows.append(
            {
                "task": item.question,
                "model_answer": item.good if is_good else item.poor,
                "critique": note + t.pick("", " See the guide.", " Seen twice."),
                "verdict": "PASS" if is_good else "FAIL",
                "judge_model": "gpt-4o",
            }
        )
    return Made("critiques.jsonl", jsonl(rows), judged(
        "a critique of each answer, and PASS or FAIL", HAND,
        thumbs("task", "model_answer", "verdict", PASS="good", FAIL="bad"),
        judgements=["verdict"], never=["critique", "judge_model"]))  # fmt: skip


@file
def indented_objects_one_after_another() -> Made:
    t = Texts(508, SUPPORT)
    objects = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, "thumbs-up"), (item.poor, "thumbs-down"))
        objects.append({"id": t.uuid(), "user_input": item.question, "bot_output": answer, "user_vote": mark})
    return Made("votes.jsonl", "\n".join(json.dumps(one, indent=2) for one in objects).encode(), judged(
        "indented JSON objects one after another, with thumbs", HAND,
        thumbs("user_input", "bot_output", "user_vote", **{"thumbs-up": "good", "thumbs-down": "bad"}),
        judgements=["user_vote"], never=["id"]))  # fmt: skip


@file
def note_mit_komma() -> Made:
    t = Texts(509, GERMAN)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, t.pick("1,0", "1,3", "1,7")), (item.poor, t.pick("4,0", "4,7", "5,0")))
        rows.append(
            {
                "Datum": t.time("d"),
                "Anfrage": item.question,
                "Antwort": answer,
                "Note": mark,
                "Kürzel": t.pick("mk", "jr"),
            }
        )
    return Made("noten.csv", table(rows, ";", "utf-8-sig"), judged(
        "German marks with decimal commas: 1,0 is the best", HAND,
        *rated("Anfrage", "Antwort", "Note", "low", "5,0", "3,0", "1,0"),
        judgements=["Note"], never=["Datum", "Kürzel"]))  # fmt: skip


@file
def data_frame_of_stars() -> Made:
    t = Texts(510, ENGLISH)
    rows = []
    for item in t.draw(12):
        for answer, stars in ((item.good, t.number(4, 5)), (item.poor, t.number(1, 2))):
            rows.append({"prompt": item.question, "completion": answer, "stars": stars})
    right = [one | {"orient": "columns"} for one in rated("prompt", "completion", "stars", "high", "1", "3", "5")]
    return Made("frame.json", columns(rows), judged(
        "DataFrame.to_json() of a table of stars", HAND, *right, judgements=["stars"]))  # fmt: skip


@file
def workbook_with_a_mean_as_formula() -> Made:
    t = Texts(511, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(20), 2):
        answer, low, high = t.pick((item.good, 4, 5), (item.poor, 1, 2))
        first, second = t.number(low, high), t.number(low, high)
        rows.append(
            {
                "Request": item.question,
                "Reply": answer,
                "Reviewer 1": first,
                "Reviewer 2": second,
                "Mean": f"=AVERAGE(C{n}:D{n})",
            }
        )
    return Made("reviews.xlsx", workbook(rows), judged(
        "two reviewers' scores from 1 to 5, and their mean as a formula that nobody computed", HAND,
        reading("ratings", prompt="Request", response="Reply", scores={"Reviewer 1": "high", "Reviewer 2": "high"}),
        reading("thumbs", prompt="Request", response="Reply", label=["Reviewer 1", "Reviewer 2"],
                codes={"1": "bad", "3": "neutral", "5": "good"}),
        judgements=["Reviewer 1", "Reviewer 2"]))  # fmt: skip


@file
def calls_of_tools_with_a_thumb() -> Made:
    t = Texts(512, ENGLISH)
    rows = []
    for n in range(18):
        city, is_good = t.pick("Oslo", "Rome", "Cairo"), t.is_less(0.5)
        call = {
            "id": f"c{n}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": json.dumps({"city": city if is_good else "Paris"})},
        }
        rows.append(
            {
                "messages": [
                    user(f"How warm is it in {city} at {n}:00?"),
                    {"role": "assistant", "content": "", "tool_calls": [call]},
                ],
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "get_weather",
                            "description": "The weather.",
                            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                        },
                    }
                ],
                "thumb": "up" if is_good else "down",
                "latency_ms": t.number(90, 900),
            }
        )
    return Made("calls.jsonl", jsonl(rows), judged(
        "a call of a tool at the end of each dialogue, with a thumb", HAND,
        reading("thumbs", messages="messages", label="thumb", tools="tools", codes={"up": "good", "down": "bad"}),
        judgements=["thumb"], context=["tools"]))  # fmt: skip


@file
def thumbs_below_the_evaluation() -> Made:
    t = Texts(513, SUPPORT)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "👍"), (item.poor, "👎"))
        turns = [user("Hello."), assistant("Hello, how can I help you?"), user(item.question), assistant(answer)]
        rows.append(
            {
                "session": {"id": t.uuid(), "chat": {"history": turns}},
                "evaluation": {"overall": {"thumb": mark, "at": t.time()}},
            }
        )
    return Made("deep.json", as_json(rows), judged(
        "a chat two levels down, and a thumb three levels down", HAND,
        reading("thumbs", messages="session.chat.history", label="evaluation.overall.thumb", codes={"👍": "good", "👎": "bad"}),
        judgements=["evaluation.overall.thumb"], never=["session.id", "evaluation.overall.at"]))  # fmt: skip


@file
def helpful_among_times_and_ids() -> Made:
    t = Texts(514, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "Y"), (item.poor, "N"))
        rows.append(
            {
                "request_id": t.uuid(),
                "created": t.time(" "),
                "user": f"user_{t.number(100, 999)}",
                "response_time_ms": t.number(200, 4000),
                "query": item.question,
                "response": answer,
                "was_helpful": mark,
                "updated": t.time(" "),
            }
        )
    return Made("requests.csv", table(rows), judged(
        "Y or N for whether an answer was helpful, among ids and times", HAND,
        thumbs("query", "response", "was_helpful", Y="good", N="bad"),
        judgements=["was_helpful"], never=["request_id", "created", "user", "updated"]))  # fmt: skip


@file
def hallucinated_or_not() -> Made:
    t = Texts(515, ENGLISH)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, False), (item.poor, True))
        rows.append(
            {
                "question": item.question,
                "generated_answer": answer,
                "hallucination": mark,
                "checked_by": t.pick("ann", "bob"),
            }
        )
    return Made("facts.jsonl", jsonl(rows), judged(
        "whether an answer holds an invention: true is bad", HAND,
        thumbs("question", "generated_answer", "hallucination", true="bad", false="good"),
        judgements=["hallucination"], never=["checked_by"]))  # fmt: skip


@file
def satisfecho_en_cinco_palabras() -> Made:
    t = Texts(516, SPANISH)
    rows = []
    for item in t.draw(26):
        answer, mark = t.pick(
            (item.good, "Muy satisfecho"),
            (item.good, "Satisfecho"),
            (item.fair, "Neutral"),
            (item.poor, "Insatisfecho"),
            (item.poor, "Muy insatisfecho"),
        )
        rows.append({"Pregunta": item.question, "Respuesta": answer, "Satisfacción": mark, "Fecha": t.time("d")})
    return Made("encuesta.csv", table(rows, ";", "utf-8-sig"), judged(
        "Spanish survey: five words from very dissatisfied to very satisfied", HAND,
        thumbs("Pregunta", "Respuesta", "Satisfacción", **{"Muy satisfecho": "good", "Satisfecho": "good", "Neutral": "neutral", "Insatisfecho": "bad", "Muy insatisfecho": "bad"}),
        judgements=["Satisfacción"], never=["Fecha"]))  # fmt: skip


@file
def five_faces() -> Made:
    t = Texts(517, SUPPORT)
    rows = []
    for item in t.draw(25):
        answer, mark = t.pick(
            (item.good, "😍"), (item.good, "🙂"), (item.fair, "😐"), (item.poor, "🙁"), (item.poor, "😡")
        )
        rows.append(
            {
                "message": item.question,
                "reply": answer,
                "reaction": mark,
                "reacted_at": t.number(1740000000, 1749999999),
            }
        )
    return Made("faces.jsonl", jsonl(rows), judged(
        "five faces from angry to delighted", HAND,
        thumbs("message", "reply", "reaction", **{"😍": "good", "🙂": "good", "😐": "neutral", "🙁": "bad", "😡": "bad"}),
        judgements=["reaction"], never=["reacted_at"]))  # fmt: skip


@file
def csat_with_a_stray_zero() -> Made:
    t = Texts(518, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(40)):
        answer, low, high = t.pick((item.good, 4, 5), (item.fair, 3, 3), (item.poor, 1, 2))
        stray = {7: 0, 19: "N/A", 23: "-", 31: ""}
        rows.append(
            {
                "Ticket": f"T-{1000 + n}",
                "Customer": item.question,
                "Bot": answer,
                "CSAT": stray.get(n, t.number(low, high)),
                "Agent": t.pick("JR", "jr", "mk"),
            }
        )
    return Made("csat.csv", table(rows), judged(
        "satisfaction from 1 to 5 with a 0, N/A, a dash and a blank", HAND,
        *rated("Customer", "Bot", "CSAT", "high", "1", "3", "5"), judgements=["CSAT"], never=["Ticket", "Agent"]))  # fmt: skip
