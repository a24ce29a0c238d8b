"""Files without feedback on answers, and files with nothing but demonstrations."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import FRENCH, SUPPORT, Texts
from ..truths import HAND, nothing, reading, shown
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def call_log_with_status() -> Made:
    t = Texts(341)
    rows = []
    for item in t.draw(26):
        ok = t.is_less(0.85)
        rows.append(
            {
                "ts": t.time(),
                "endpoint": "/v1/chat/completions",
                "request": item.question,
                "response": item.good if ok else "",
                "http_status": 200 if ok else t.pick(429, 500),
                "success": ok,
                "error": "" if ok else "upstream timeout",
                "duration_ms": t.number(100, 9000),
                "cached": t.pick(True, False),
            }
        )
    return Made(
        "gateway.jsonl",
        jsonl(rows),
        shown(
            "log of a gateway: success is about the call, not about the answer",
            HAND,
            reading("demonstration", prompt="request", response="response"),
            where=["http_status", "success", "error"],
            silence="right",
            never=["error", "endpoint", "ts"],
        ),
    )


@file
def product_reviews() -> Made:
    t = Texts(342)
    texts = ("The lamp broke after a week.", "Great kettle, boils fast.", "It is fine for the price, I think.")
    rows = [
        {
            "reviewerID": "A" + t.uuid()[:9].upper(),
            "asin": "B00" + t.uuid()[:6].upper(),
            "helpful": [t.number(0, 5), t.number(5, 9)],
            "reviewText": t.pick(*texts),
            "summary": t.pick("So so", "Great", "Do not buy"),
            "overall": t.pick(1.0, 3.0, 5.0),
            "unixReviewTime": t.number(1300000000, 1400000000),
        }
        for _ in range(30)
    ]
    return Made(
        "reviews.jsonl",
        jsonl(rows),
        nothing(
            "reviews of products: stars for a product, and votes for a review", "public: Amazon review data, reviewText"
        ),
    )


@file
def duplicate_questions() -> Made:
    t = Texts(343)
    rows = []
    for n, (one, two) in enumerate(zip(t.draw(30), t.draw(30), strict=True)):
        same = t.is_less(0.4)
        rows.append(
            {
                "id": n,
                "qid1": 2 * n,
                "qid2": 2 * n + 1,
                "question1": one.question,
                "question2": f"Please tell me: {one.question}" if same else two.question,
                "is_duplicate": int(same),
            }
        )
    return Made(
        "quora.csv",
        table(rows),
        nothing("pairs of questions and whether they mean the same", "public: Quora question pairs"),
    )


@file
def sentence_similarity() -> Made:
    t = Texts(344)
    rows = [
        {"split": "train", "genre": "news", "score": t.number(0, 50) / 10, "sentence1": a.good, "sentence2": b.fair}
        for a, b in zip(t.draw(30), t.draw(30), strict=True)
    ]
    return Made(
        "sts.tsv",
        table(rows, "\t"),
        nothing("similarity of two sentences from 0 to 5", "public: STS benchmark"),
    )


@file
def entailment() -> Made:
    t = Texts(345)
    rows = [
        {
            "premise": item.good,
            "hypothesis": item.fair,
            "label": t.pick("entailment", "neutral", "contradiction"),
            "idx": n,
        }
        for n, item in enumerate(t.draw(30))
    ]
    return Made(
        "nli.jsonl",
        jsonl(rows),
        nothing("premise, hypothesis and what follows: nobody answers a prompt", "public: SNLI, MultiNLI"),
    )


@file
def film_sentiment() -> Made:
    t = Texts(346)
    texts = (
        "A slow film, but the last scene stays with you.",
        "Two hours that I will not get back.",
        "The cast is brilliant and the music fits.",
    )
    rows = [{"text": t.pick(*texts), "label": t.pick("pos", "neg"), "film": t.number(1, 50)} for _ in range(30)]
    return Made("sentiment.csv", table(rows), nothing("reviews of films with their sentiment", "public: IMDb reviews"))


@file
def messages_in_rows() -> Made:
    t = Texts(347, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(14)):
        common = {"conversation_id": f"c{n}", "channel": "web"}
        rows.append(common | {"turn": 1, "sender": "customer", "message": item.question})
        rows.append(common | {"turn": 2, "sender": "bot", "message": item.good})
    return Made(
        "messages.csv",
        table(rows),
        nothing("one row for each message: question and answer are in different rows; nobody judged them"),
    )


@file
def parallel_corpus() -> Made:
    t = Texts(348, FRENCH)
    rows = [{"fr": item.question, "en": f"(en) {item.question}", "domain": "shop"} for item in t.draw(24)]
    return Made(
        "corpus.tsv",
        table(rows, "\t"),
        shown(
            "sentences and their translations; which is the prompt, the names do not say",
            HAND,
            reading("demonstration", prompt="fr", response="en"),
            reading("demonstration", prompt="en", response="fr"),
            silence="right",
            never=["domain"],
        ),
    )


@file
def evaluation_prompts() -> Made:
    t = Texts(349)
    rows = [
        {
            "question_id": 80 + n,
            "category": t.pick("writing", "math"),
            "turns": [item.question, "Now shorten it."],
            "reference": [item.good, item.fair],
        }
        for n, item in enumerate(t.draw(20))
    ]
    return Made(
        "question.jsonl",
        jsonl(rows),
        shown(
            "MT-bench questions: two prompts of a user, and references for some",
            "github: lm-sys/FastChat, llm_judge/data/mt_bench/question.jsonl",
            reading("demonstration", prompt="turns.0", response="reference.0"),
            silence="right",
            never=["category", "question_id"],
        ),
    )


@file
def finetuning_weights() -> Made:
    t = Texts(350)
    rows = []
    for one, two in zip(t.draw(16), t.draw(16), strict=True):
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": "You are a helpful assistant."},
            user(one.question),
            assistant(one.poor) | {"weight": 0},
            user(two.question),
            assistant(two.good) | {"weight": 1},
        ]
        rows.append({"messages": messages})
    return Made(
        "train_weights.jsonl",
        jsonl(rows),
        shown(
            "OpenAI fine-tuning dialogues with weights: weight 0 is not learned, and is no thumbs down",
            "platform.openai.com/docs/guides/supervised-fine-tuning, weight",
            reading("demonstration", messages="messages"),
        ),
    )


@file
def glossary_sheet() -> Made:
    t = Texts(351)
    words = ("token", "embedding", "recall", "prompt", "epoch", "cache")
    rows = [
        {"Term": f"{t.pick(*words)} {n}", "Definition": f"A word that is used in chapter {n}.", "Status": "final"}
        for n in range(24)
    ]
    return Made(
        "glossary.xlsx",
        workbook(rows, "Terms"),
        shown(
            "a glossary: terms and definitions",
            HAND,
            reading("demonstration", prompt="Term", response="Definition"),
            silence="right",
            never=["Status"],
        ),
    )


@file
def judge_rubrics() -> Made:
    t = Texts(352)
    rows = [
        {
            "criterion": t.pick("accuracy", "tone", "length"),
            "score": n % 5 + 1,
            "description": f"An answer of level {n % 5 + 1} follows the rule of chapter {n}.",
        }
        for n in range(20)
    ]
    return Made("rubrics.json", as_json(rows), nothing("a rubric: what each score means, and no answer of a model"))


@file
def training_run_summary() -> Made:
    t = Texts(353)
    rows = [
        {
            "run": f"dpo-{n}",
            "beta": t.pick(0.1, 0.3),
            "rewards/chosen": t.number(-50, 50) / 100,
            "rewards/rejected": t.number(-150, 0) / 100,
            "rewards/accuracies": t.number(50, 90) / 100,
            "eval_loss": t.number(30, 70) / 100,
        }
        for n in range(24)
    ]
    return Made("runs.csv", table(rows), nothing("metrics of DPO runs, with the words chosen and rejected in names"))
