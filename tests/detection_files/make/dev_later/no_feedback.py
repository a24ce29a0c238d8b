"""No feedback."""

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import HAND, judged, nothing, reading, shown
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def squad_articles() -> Made:
    t = Texts(153)
    rows = [
        {
            "id": t.uuid().replace("-", ""),
            "title": "Everyday_questions",
            "context": f"{i.good} This is a passage of an encyclopaedia.",
            "question": i.question,
            "answers": {"text": [i.good[:30]], "answer_start": [0]},
        }
        for i in t.draw(20)
    ]
    return Made(
        "squad.jsonl",
        jsonl(rows),
        shown(
            "SQuAD: passages, questions and spans; nothing judges an answer of a model",
            "hub: rajpurkar/squad",
            *(
                reading("demonstration", prompt=prompt, response="answers.text.0")
                for prompt in (["context", "question"], ["question", "context"])
            ),
            silence="right",
            accept={"response": ["answers.text", "answers.text.*"]},
            context=["context"],
            never=["title"],
        ),
    )


@file
def trainer_state() -> Made:
    t = Texts(154)
    log = [{"epoch": n / 10, "loss": round(3 / (n + 1), 4), "learning_rate": 1e-5, "step": n * 50} for n in range(40)]
    whole = {
        "best_metric": None,
        "epoch": 4.0,
        "global_step": 2000,
        "is_local_process_zero": True,
        "log_history": log,
        "max_steps": 2000,
        "total_flos": t.number(10**9, 10**12),
    }
    return Made(
        "trainer_state.json",
        as_json(whole),
        nothing("state of a trainer", "huggingface.co/docs/transformers, TrainerState"),
    )


@file
def entity_spans() -> Made:
    t = Texts(155)
    rows = []
    for item in t.draw(25):
        start = t.number(0, 5)
        rows.append(
            {
                "text": item.good,
                "entities": [{"start": start, "end": start + 6, "label": t.pick("PERSON", "ORG", "DATE")}],
                "meta": {"source": "news"},
            }
        )
    return Made("ner.jsonl", jsonl(rows), nothing("spans of named entities"))


@file
def support_tickets() -> Made:
    t = Texts(156, SUPPORT)
    rows = [
        {
            "Ticket ID": 70000 + n,
            "Subject": t.pick("Help", "Order", "Billing question", "App"),
            "Description": item.question,
            "Priority": t.pick("low", "normal", "high", "urgent"),
            "Status": t.pick("open", "solved", "closed"),
            "Assignee": t.pick("Jo", "Sam"),
            "Satisfaction rating": t.pick("good", "bad", "offered", ""),
            "Created at": t.time(" "),
        }
        for n, item in enumerate(t.draw(30))
    ]
    return Made(
        "tickets.csv",
        table(rows),
        judged(
            "tickets with a satisfaction rating, but without the text of any answer",
            "support.zendesk.com, ticket export with satisfaction ratings",
            judgements=["Satisfaction rating"],
            silence="right",
            never=["Status", "Assignee", "Created at", "Subject"],
        ),
    )


@file
def retrieval_log() -> Made:
    t = Texts(157)
    rows = []
    for item in t.draw(20):
        hits = [
            {
                "doc_id": t.uuid()[:8],
                "score": round(t.number(200, 980) / 1000, 3),
                "url": f"https://docs.example.org/{t.number(1, 99)}",
            }
            for _ in range(3)
        ]
        rows.append({"query": item.question, "hits": hits, "took_ms": t.number(3, 90), "index": "docs-v4"})
    return Made(
        "search_log.jsonl", jsonl(rows), nothing("log of a search engine: the scores rank documents without text")
    )


@file
def sensor_readings() -> Made:
    t = Texts(158)
    rows = [
        {
            "zeit": t.time(" "),
            "sensor": t.pick("keller", "dach"),
            "temperatur": t.number(-50, 300) / 10,
            "feuchte": t.number(20, 95),
            "label": t.pick(0, 0, 0, 1),
        }
        for _ in range(60)
    ]
    return Made("messwerte.csv", table(rows, ";"), nothing("readings of sensors with a label 0 or 1"))


@file
def system_and_demos() -> Made:
    t = Texts(159)
    rows = []
    for item in t.draw(18):
        messages = [
            {"role": "system", "content": "You are a polite assistant."},
            user(item.question),
            assistant(item.good),
        ]
        rows.append({"messages": messages})
    return Made(
        "finetune.jsonl",
        jsonl(rows),
        shown(
            "OpenAI fine-tuning file: dialogues with a system turn",
            "platform.openai.com/docs/guides/supervised-fine-tuning",
            reading("demonstration", messages="messages"),
        ),
    )


@file
def demos_with_reviewer_verdict() -> Made:
    t = Texts(160)
    rows = []
    for item in t.draw(30):
        answer, verdict = t.pick((item.good, "pass"), (item.poor, "fail"), (item.fair, "needs work"))
        rows.append(
            {
                "instruction": item.question,
                "input": "",
                "output": answer,
                "reviewer": t.pick("r1", "r2"),
                "qa_status": verdict,
            }
        )
    return Made(
        "reviewed.json",
        as_json(rows),
        judged(
            "Alpaca rows that a reviewer has passed or failed",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt=["instruction", "input"],
                response="output",
                label="qa_status",
                codes={"pass": "good", "fail": "bad", "needs work": "neutral"},
            ),
            judgements=["qa_status"],
            accept={"prompt": ["instruction"]},
            never=["reviewer"],
        ),
    )
