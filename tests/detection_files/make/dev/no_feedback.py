"""No feedback."""

import json

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import ENGLISH, GERMAN, Texts
from ..truths import HAND, inside, judged, nothing, reading, shown
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def access_log() -> Made:
    t = Texts(48)
    rows = [
        {
            "time": t.time(),
            "remote_addr": f"10.0.{t.number(0, 9)}.{t.number(1, 250)}",
            "method": t.pick("GET", "GET", "POST"),
            "path": t.pick("/", "/login", "/api/v1/orders", "/static/app.js"),
            "status": t.pick(200, 200, 304, 404, 500),
            "bytes": t.number(100, 90000),
            "user_agent": t.pick("Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "curl/8.5.0"),
        }
        for _ in range(50)
    ]
    return Made("access.jsonl", jsonl(rows), nothing("access log of a web server"))


@file
def training_metrics() -> Made:
    t = Texts(49)
    rows = [
        {
            "step": n * 10,
            "loss": round(2.5 / (1 + n / 9) + t.number(0, 20) / 200, 4),
            "grad_norm": t.number(50, 300) / 100,
            "learning_rate": 5e-5 * (1 - n / 60),
            "rewards/accuracies": t.number(40, 90) / 100,
            "epoch": round(n / 20, 2),
        }
        for n in range(60)
    ]
    return Made("metrics.csv", table(rows), nothing("metrics of a training run"))


@file
def qa_without_judgement() -> Made:
    t = Texts(50)
    rows = [
        {"id": n, "question": i.question, "answer": i.good, "topic": t.pick("food", "science")}
        for n, i in enumerate(t.draw(30))
    ]
    return Made(
        "faq.csv",
        table(rows),
        shown(
            "questions and answers, which nobody judged",
            HAND,
            reading("demonstration", prompt="question", response="answer"),
            never=["topic", "id"],
        ),
    )


@file
def product_list() -> Made:
    t = Texts(51)
    rows = [
        {
            "sku": f"A{t.number(1000, 9999)}",
            "name": t.pick("Oak table", "Steel lamp", "Wool rug", "Pine shelf") + f" {n}",
            "description": t.pick(
                "A solid piece for every room.", "Made by hand in Portugal.", "Light, and easy to clean."
            ),
            "price": t.number(999, 49999) / 100,
            "rating": round(t.number(30, 50) / 10, 1),
            "in_stock": t.pick(True, False),
        }
        for n in range(35)
    ]
    return Made("products.csv", table(rows), nothing("products of a shop; their ratings judge no answer of a model"))


@file
def nps_survey() -> Made:
    t = Texts(52, GERMAN)
    rows = [
        {
            "Zeitstempel": t.time("d"),
            "Kundennummer": t.number(10000, 99999),
            "Würden Sie uns weiterempfehlen? (0-10)": t.number(0, 10),
            "Was können wir besser machen?": t.pick(
                "Nichts", "", "Schnellere Lieferung", "Mehr Auswahl in den Filialen", "Die App stürzt ab"
            ),
        }
        for _ in range(40)
    ]
    return Made("umfrage.csv", table(rows, ";"), nothing("German survey of customers: no prompt and no answer"))


@file
def request_log() -> Made:
    t = Texts(53)
    rows = [
        {
            "request_id": t.uuid(),
            "ts": t.time(),
            "model": t.pick("gpt-4o-mini", "claude-3-haiku"),
            "prompt": item.question,
            "completion": t.pick(item.good, item.fair),
            "prompt_tokens": t.number(10, 60),
            "completion_tokens": t.number(10, 300),
            "finish_reason": t.pick("stop", "stop", "length"),
        }
        for item in t.draw(30)
    ]
    return Made(
        "llm_requests.jsonl",
        jsonl(rows),
        shown(
            "log of requests to a model: answers that nobody judged",
            HAND,
            reading("demonstration", prompt="prompt", response="completion"),
            never=["model", "finish_reason", "ts", "request_id"],
        ),
    )


@file
def literal_cells() -> Made:
    t = Texts(54)
    rows = []
    for item in t.draw(16):
        rows.append(
            {
                "prompt_id": t.uuid().replace("-", ""),
                "chosen": json.dumps([user(item.question), assistant(item.good)]),
                "rejected": json.dumps([user(item.question), assistant(item.poor)]),
            }
        )
    return Made(
        "binarized.csv",
        table(rows),
        judged(
            "a CSV file whose cells are JSON dialogues",
            HAND,
            reading("pairs", chosen="chosen", rejected="rejected", literals=["chosen", "rejected"]),
            judgements=[],
            never=["prompt_id"],
        ),
    )


@file
def wrapped_rows() -> Made:
    t = Texts(55, ENGLISH)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        rows.append(
            {"query": item.question, "candidates": {"left": first, "right": second}, "picked": ["left", "right"][best]}
        )
    return Made(
        "export.json",
        as_json({"version": 3, "exported_at": t.time(), "items": rows}),
        judged(
            "rows inside an object, with a heading; the label names the side",
            HAND,
            inside(
                "items",
                reading(
                    ["pairs", "votes"],
                    prompt="query",
                    first="candidates.left",
                    second="candidates.right",
                    label="picked",
                    codes={"left": "first", "right": "second"},
                ),
            ),
            judgements=["picked"],
            never=["exported_at"],
        ),
    )
