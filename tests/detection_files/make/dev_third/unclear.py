"""Marks whose meaning the rows do not tell, or tell in an unusual way."""

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import CODE, GERMAN, SUPPORT, Texts
from ..truths import HAND, judged, rated, reading, shown, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def crosses_in_a_sheet() -> Made:
    t = Texts(361, SUPPORT)
    rows = []
    for item in t.draw(22):
        answer, mark = t.pick((item.good, None), (item.fair, None), (item.poor, "x"))
        rows.append({"Question": item.question, "Answer": answer, "Check": mark, "By": t.pick("MK", "TS")})
    return Made(
        "checked.xlsx",
        workbook(rows),
        judged(
            "a cross or nothing in the column Check: only its author knows what a cross means",
            HAND,
            thumbs("Question", "Answer", "Check", x="ask"),
            judgements=["Check"],
            silence="right",
            never=["By"],
        ),
    )


@file
def traffic_light() -> Made:
    t = Texts(362, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, mark = t.pick((item.good, "grün"), (item.fair, "gelb"), (item.poor, "rot"))
        rows.append({"Fall": n + 1, "Frage": item.question, "Antwort": answer, "Ampel": mark})
    return Made(
        "Ampel.csv",
        table(rows, ";"),
        judged(
            "German traffic light: green, yellow, red",
            HAND,
            thumbs("Frage", "Antwort", "Ampel", grün="good", gelb="neutral", rot="bad"),
            judgements=["Ampel"],
            never=["Fall"],
        ),
    )


@file
def faces() -> Made:
    t = Texts(363, SUPPORT)
    rows = []
    for item in t.draw(22):
        answer, mark = t.pick((item.good, "😀"), (item.fair, "😐"), (item.poor, "😡"))
        rows.append({"customer": item.question, "bot": answer, "smiley": mark, "sent": t.time()})
    return Made(
        "smileys.jsonl",
        jsonl(rows),
        judged(
            "three faces as in a survey terminal",
            HAND,
            thumbs("customer", "bot", "smiley", **{"😀": "good", "😐": "neutral", "😡": "bad"}),
            judgements=["smiley"],
            never=["sent"],
        ),
    )


@file
def check_and_cross_marks() -> Made:
    t = Texts(364, CODE)
    rows = []
    for item in t.draw(22):
        answer, mark = t.pick((item.good, "✅"), (item.fair, "✅"), (item.poor, "❌"))
        rows.append({"Task": item.question, "Model answer": answer, "OK?": mark})
    return Made(
        "manual_check.csv",
        table(rows),
        judged(
            "check marks and crosses in the column OK?",
            HAND,
            thumbs("Task", "Model answer", "OK?", **{"✅": "good", "❌": "bad"}),
            judgements=["OK?"],
        ),
    )


@file
def severity_of_faults() -> Made:
    t = Texts(365)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, 0), (item.fair, 1), (item.poor, 3))
        rows.append({"prompt": item.question, "response": answer, "error_severity": mark, "auditor": t.pick("p", "q")})
    return Made(
        "audit.jsonl",
        jsonl(rows),
        judged(
            "error_severity: 0 is best",
            HAND,
            reading("ratings", prompt="prompt", response="response", scores={"error_severity": "low"}),
            reading(
                "thumbs",
                prompt="prompt",
                response="response",
                label="error_severity",
                codes={"0": "good", "3": "bad"},
            ),
            judgements=["error_severity"],
            never=["auditor"],
        ),
    )


@file
def class_without_a_word() -> Made:
    t = Texts(366, SUPPORT)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, 1), (item.fair, 2), (item.poor, 3))
        rows.append({"anfrage": item.question, "reply": answer, "rating_class": mark, "week": t.number(1, 52)})
    return Made(
        "classes.tsv",
        table(rows, "\t"),
        judged(
            "rating_class 1, 2 or 3: the rows do not say whether class 1 is the best",
            HAND,
            *rated("anfrage", "reply", "rating_class", "ask", "3", "2", "1"),
            judgements=["rating_class"],
            never=["week"],
        ),
    )


@file
def model_confidence() -> Made:
    t = Texts(367)
    rows = [
        {
            "prompt": item.question,
            "completion": item.good,
            "confidence": t.number(50, 99) / 100,
            "perplexity": t.number(20, 300) / 10,
            "avg_logprob": -t.number(1, 300) / 100,
            "temperature": 0.7,
        }
        for item in t.draw(24)
    ]
    fields = ("confidence", "perplexity", "avg_logprob")
    return Made(
        "generations.jsonl",
        jsonl(rows),
        shown(
            "numbers that the model gave about its own text: nobody judged an answer",
            HAND,
            reading("demonstration", prompt="prompt", response="completion"),
            reading("ratings", prompt="prompt", response="completion", scores=dict.fromkeys(fields, "ask")),
            never=["temperature"],
        ),
    )


@file
def signed_preference() -> Made:
    t = Texts(368)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        sign = 1 if best == 0 else -1
        rows.append({"query": item.question, "reply_a": first, "reply_b": second, "pref": t.pick(sign, sign, 0)})
    return Made(
        "pref.csv",
        table(rows),
        judged(
            "pref is 1, 0 or -1 beside two replies: the rows do not say which sign means reply_a",
            HAND,
            reading(
                ["pairs", "votes", "graded_pair"],
                prompt="query",
                first="reply_a",
                second="reply_b",
                label="pref",
                codes={"1": "ask", "0": "tie", "-1": "ask"},
            ),
            judgements=["pref"],
        ),
    )


@file
def first_second_counted_from_zero() -> Made:
    t = Texts(369)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "response_0": first,
                "response_1": second,
                "choice": t.pick(["first", "second"][best], ["first", "second"][best], "no preference"),
            }
        )
    return Made(
        "choices.jsonl",
        jsonl(rows),
        judged(
            "first and second beside response_0 and response_1",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="response_0",
                second="response_1",
                label="choice",
                codes={"first": "first", "second": "second", "no preference": "tie"},
            ),
            judgements=["choice"],
        ),
    )


@file
def win_or_loss() -> Made:
    t = Texts(370, CODE)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        rows.append(
            {
                "instruction": item.question,
                "baseline_output": first,
                "candidate_output": second,
                "result": t.pick(["loss", "win"][best], ["loss", "win"][best], "tie"),
            }
        )
    return Made(
        "arena_hard_like.json",
        as_json(rows),
        judged(
            "win, loss or tie: the rows do not say whose win it is",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="instruction",
                first="baseline_output",
                second="candidate_output",
                label="result",
                codes={"win": "ask", "loss": "ask", "tie": "tie"},
            ),
            judgements=["result"],
        ),
    )


@file
def strength_in_words() -> Made:
    t = Texts(371, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(24)):
        first, second, best = sides(t, item)
        how = t.pick("clearly", "slightly")
        rows.append(
            {
                "Nr": n,
                "Customer": item.question,
                "Option 1": first,
                "Option 2": second,
                "Verdict": t.pick(f"Option {best + 1} {how}", f"Option {best + 1} {how}", "Cannot decide"),
            }
        )
    codes = {f"Option {n} {how}": side for n, side in ((1, "first"), (2, "second")) for how in ("clearly", "slightly")}
    return Made(
        "options.xlsx",
        workbook(rows, "Options"),
        judged(
            "how much better an option is, in words: Option 1 clearly, Option 2 slightly, Cannot decide",
            HAND,
            reading(
                ["pairs", "votes", "graded_pair"],
                prompt="Customer",
                first="Option 1",
                second="Option 2",
                label="Verdict",
                codes=codes | {"Cannot decide": "tie"},
            ),
            judgements=["Verdict"],
            never=["Nr"],
        ),
    )


@file
def a_score_for_each_of_two() -> Made:
    t = Texts(372)
    rows = []
    for item in t.draw(18):
        first, second, best = sides(t, item)
        marks = [9, 4] if best == 0 else [4, 9]
        rows.append(
            {
                "prompt": item.question,
                "answer_a": first,
                "answer_a_score": marks[0],
                "answer_b": second,
                "answer_b_score": marks[1],
                "judge": "gpt-4o",
            }
        )
    return Made(
        "scored_pairs.csv",
        table(rows),
        judged(
            "two answers and a score for each, without a winner",
            HAND,
            reading(
                "rated_list",
                prompt="prompt",
                answers=["answer_a", "answer_b"],
                scores={"answer_a_score": "high", "answer_b_score": "high"},
            ),
            judgements=["answer_a_score", "answer_b_score"],
            never=["judge"],
        ),
    )


@file
def implicit_signals() -> Made:
    t = Texts(373)
    rows = []
    for item in t.draw(26):
        answer, copied, again = t.pick((item.good, True, False), (item.fair, False, False), (item.poor, False, True))
        rows.append(
            {
                "request_id": t.uuid(),
                "prompt": item.question,
                "reply": answer,
                "copied": copied,
                "regenerated": again,
                "dwell_seconds": t.number(1, 90),
            }
        )
    return Made(
        "product_telemetry.ndjson",
        jsonl(rows),
        judged(
            "telemetry: whether the user copied the reply or had it written again; signs, not judgements",
            HAND,
            reading("demonstration", prompt="prompt", response="reply"),
            thumbs("prompt", "reply", "copied", true="ask", false="ask"),
            thumbs("prompt", "reply", "regenerated", true="ask", false="ask"),
            judgements=["copied", "regenerated"],
            never=["request_id", "dwell_seconds"],
        ),
    )
