"""Files that hold no feedback."""

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import CODE, FRENCH, WORK, Texts
from ..truths import nothing

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def speed_of_models() -> Made:
    t = Texts(561)
    rows = [
        {
            "model": t.pick("llama-3.1-8b", "qwen2.5-14b", "gemma-2-9b"),
            "prompt_tokens": t.pick(128, 1024),
            "output_tokens": 256,
            "ttft_ms": t.number(40, 900),
            "tokens_per_second": t.number(200, 900) / 10,
            "rank": t.number(1, 3),
            "rating": t.pick("fast", "slow"),
            "run_at": t.time(),
        }
        for _ in range(40)
    ]
    return Made(
        "speed.csv",
        table(rows),
        nothing("speed of models: rank and rating are about the speed, and no text is in the file"),
    )


@file
def two_models_without_a_winner() -> Made:
    t = Texts(563, WORK)
    rows = [
        {
            "prompt": item.question,
            "model_a": "small-v2",
            "model_b": "large-v1",
            "response_a": item.good,
            "response_b": item.fair,
            "latency_a": t.number(100, 900),
            "latency_b": t.number(500, 4000),
            "cost_a": t.number(1, 9) / 10000,
            "cost_b": t.number(20, 90) / 10000,
            "shown_first": t.pick("a", "b"),
        }
        for item in t.draw(22)
    ]
    return Made(
        "side_by_side_run.jsonl",
        jsonl(rows),
        nothing(
            "two models answered the same prompts; latency, cost and the order of display, but nobody chose one",
        ),
    )


@file
def model_registry() -> Made:
    t = Texts(564)
    rows = [
        {
            "name": f"model-{n}",
            "description": t.pick("A small model for chats.", "A model for code.", "A model for long texts."),
            "licence": t.pick("apache-2.0", "mit"),
            "likes": t.number(0, 900),
            "downloads": t.number(0, 90000),
            "mmlu": t.number(300, 800) / 10,
            "preferred": t.pick(True, False),
        }
        for n in range(30)
    ]
    return Made(
        "registry.json",
        as_json(rows),
        nothing("a list of models with likes and scores of benchmarks: no prompt and no answer"),
    )


@file
def acceptable_sentences() -> Made:
    t = Texts(567, WORK)
    rows = [
        {"source": "gj04", "label": t.pick(0, 1), "label_notes": t.pick("", "*"), "sentence": item.good}
        for item in t.draw(30)
    ]
    return Made(
        "in_domain_train.tsv",
        table(rows, "\t"),
        nothing("CoLA: whether a sentence of a linguist is acceptable; nobody answered a prompt", "public: GLUE, CoLA"),
    )


@file
def applicants() -> Made:
    t = Texts(568)
    rows = [
        {
            "applicant": t.uuid()[:8],
            "cover_letter": t.pick("I would like to work with you.", "Your team is known for care."),
            "interviewer_1": t.number(1, 5),
            "interviewer_2": t.number(1, 5),
            "rank": n + 1,
            "decision": t.pick("accept", "reject"),
        }
        for n in range(24)
    ]
    return Made(
        "applicants.xlsx",
        workbook(rows, "2025"),
        nothing("people who applied for a job, with marks, a rank and a decision: no answer of a model"),
    )


@file
def scanned_pages() -> Made:
    t = Texts(569, FRENCH)
    rows = [
        {
            "page": n + 1,
            "text": item.good,
            "confidence": t.number(60, 99) / 100,
            "quality": t.pick("high", "low"),
            "language": "fr",
            "rotated": t.pick(True, False),
        }
        for n, item in enumerate(t.draw(24))
    ]
    return Made(
        "ocr.jsonl",
        jsonl(rows),
        nothing("recognised pages: confidence and quality are about the scan, and nobody asked anything"),
    )


@file
def costs_by_team() -> Made:
    t = Texts(570)
    rows = [
        {
            "Month": f"2025-{t.number(1, 12):02}",
            "Team": t.pick("Search", "Support"),
            "Model": t.pick("gpt-4o", "haiku"),
            "Requests": t.number(100, 90000),
            "Score": t.number(1, 5),
            "Cost (EUR)": t.number(100, 90000) / 100,
            "Change": t.pick("up", "down"),
        }
        for _ in range(30)
    ]
    return Made(
        "costs.xlsx",
        workbook(rows, "Costs"),
        nothing("costs of teams: up and down say how the costs changed"),
    )


@file
def pull_requests() -> Made:
    t = Texts(571, CODE)
    rows = [
        {
            "number": 100 + n,
            "title": item.question,
            "body": "See the title. Tests are included.",
            "review_state": t.pick("APPROVED", "CHANGES_REQUESTED"),
            "merged": t.pick(True, False),
            "reactions": {"+1": t.number(0, 4), "-1": t.number(0, 2)},
            "additions": t.number(1, 900),
        }
        for n, item in enumerate(t.draw(24))
    ]
    return Made(
        "pulls.json",
        as_json(rows),
        nothing(
            "pull requests: the review judges a change of code that is not in the file", "docs.github.com/rest/pulls"
        ),
    )


@file
def search_clicks() -> Made:
    t = Texts(572, WORK)
    rows = [
        {
            "query": item.question,
            "title": "A page",
            "snippet": t.pick(item.good, item.fair),
            "position": t.number(1, 10),
            "clicked": t.pick(0, 0, 1),
            "dwell_s": t.number(0, 200),
        }
        for item in t.draw(30)
    ]
    return Made(
        "clicks.tsv",
        table(rows, "\t"),
        nothing("clicks of a search engine: the position is where a page was shown, and a click judges no answer"),
    )
