"""Edits, steps, questions with options, and files without feedback."""

# ruff: noqa: E501

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import CODE, SUPPORT, WORK, Texts
from ..truths import HAND, judged, nothing, reading, shown

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def before_and_after_review() -> Made:
    t = Texts(471, SUPPORT)
    rows = [
        {
            "inquiry": item.question,
            "ai_draft": item.fair,
            "final_version": item.good,
            "edited_by": t.pick("ann", "bo"),
            "minutes": t.number(1, 9),
        }
        for item in t.draw(16)
    ]
    return Made("edits.xlsx", workbook(rows, "Edits"), judged(
        "a model's draft and the final version of an editor", HAND,
        reading("edit", before="ai_draft", after="final_version", prompt="inquiry"),
        reading("pairs", prompt="inquiry", chosen="final_version", rejected="ai_draft"),
        judgements=[], context=["inquiry"], never=["edited_by", "minutes"]))  # fmt: skip


@file
def quiz_with_letter_columns() -> Made:
    t = Texts(472)
    rows = []
    for item in t.draw(20):
        answers = [item.good, item.fair, item.poor]
        order = t.random.sample(range(3), 3)
        rows.append(
            {
                "question": item.question,
                "A": answers[order[0]],
                "B": answers[order[1]],
                "C": answers[order[2]],
                "correct": "ABC"[order.index(0)],
                "topic": t.pick("home", "science"),
            }
        )
    return Made("quiz.csv", table(rows), judged(
        "a quiz: options A, B and C, and the letter of the correct one", HAND,
        reading("multiple_choice", prompt="question", options=["A", "B", "C"], answer="correct", first="A"),
        reading("multiple_choice", prompt="question", options=["A", "B", "C"], answer="correct", labels=["A", "B", "C"]),
        judgements=["correct"], never=["topic"]))  # fmt: skip


@file
def worked_examples() -> Made:
    t = Texts(473, CODE)
    rows = [
        {
            "created_at": t.time(),
            "prompt": item.question,
            "completion": item.good,
            "tokens": t.number(10, 90),
            "lang": "en",
        }
        for item in t.draw(16)
    ]
    return Made("train.jsonl", jsonl(rows), shown(
        "prompts and completions with a time, a count and a language", HAND,
        reading("demonstration", prompt="prompt", response="completion"), never=["created_at", "tokens", "lang"]))  # fmt: skip


@file
def films_with_age_ratings() -> Made:
    t = Texts(474)
    rows = [
        {
            "title": f"Film {n}",
            "description": item.good,
            "rating": t.pick("PG", "PG-13", "R"),
            "year": t.number(1960, 2024),
        }
        for n, item in enumerate(t.draw(20))
    ]
    return Made("films.csv", table(rows), nothing("films with their age rating: nothing judges an answer"))  # fmt: skip


@file
def invoices() -> Made:
    t = Texts(475)
    rows = [
        {
            "invoice": f"R-{n:04}",
            "customer": t.pick("Kiosk Nord", "Café Süd"),
            "amount": t.number(10, 900) + 0.5,
            "paid": t.pick("yes", "no"),
            "due": t.time("d"),
        }
        for n in range(24)
    ]
    return Made("invoices.csv", table(rows, ";"), nothing("invoices: paid yes or no"))  # fmt: skip


@file
def bug_reports() -> Made:
    t = Texts(476, WORK)
    rows = [
        {
            "key": f"BUG-{n}",
            "summary": item.question,
            "description": item.fair,
            "status": t.pick("open", "done", "wontfix"),
            "severity": t.pick("low", "high"),
            "assignee": t.pick("ann", "bo"),
        }
        for n, item in enumerate(t.draw(20))
    ]
    return Made("bugs.json", as_json(rows), nothing("bug reports with a status and a severity", accept={}))  # fmt: skip


@file
def wrong_steps() -> Made:
    t = Texts(477)
    rows = []
    for item in t.draw(14):
        marks = [True, t.pick(True, False), t.pick(True, False)]
        texts = ["First, read the question.", "Then " + item.fair[:40], "So the answer is: " + item.poor]
        rows.append(
            {
                "problem": item.question,
                "steps": [{"text": text, "is_correct": mark} for text, mark in zip(texts, marks, strict=True)],
            }
        )
    return Made("steps.jsonl", jsonl(rows), judged(
        "steps of a solution, each correct or not", HAND,
        reading("steps", prompt="problem", steps="steps", step="text", rating="is_correct", codes={"true": "right", "false": "wrong"}),
        judgements=["steps.*.is_correct"]))  # fmt: skip
