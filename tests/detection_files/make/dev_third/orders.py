"""Rankings and scores, by place, by id and by name."""

import random

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import CODE, Texts
from ..truths import HAND, judged, reading

FILES: dict[str, Maker] = {}
file = collector(FILES)


def _three(t: Texts, items: list[str]) -> list[int]:
    """Shuffles three texts, of which the first is the best, and returns the old place of each."""
    order = [0, 1, 2]
    random.Random(t.number(0, 10**9)).shuffle(order)
    items[:] = [items[k] for k in order]
    return order


@file
def ids_best_first() -> Made:
    t = Texts(321)
    rows = []
    for n, item in enumerate(t.draw(14)):
        texts = [item.good, item.fair, item.poor]
        order = _three(t, texts)
        outputs = [{"output_id": f"o{n}-{k}", "text": text, "engine": f"e{k}"} for k, text in enumerate(texts)]
        ranked = [outputs[order.index(k)]["output_id"] for k in range(3)]
        rows.append({"query": item.question, "outputs": outputs, "ranked_best_first": ranked})
    return Made(
        "ranked.jsonl",
        jsonl(rows),
        judged(
            "the order is a list of ids, best first",
            HAND,
            reading(
                "ranking",
                prompt="query",
                answers="outputs",
                response="text",
                key="output_id",
                sequence="ranked_best_first",
                order="best_first",
            ),
            judgements=["ranked_best_first"],
            never=["outputs.*.engine", "outputs.*.output_id"],
        ),
    )


@file
def ranking_without_a_direction() -> Made:
    t = Texts(322, CODE)
    rows = []
    for item in t.draw(14):
        texts = [item.good, item.fair, item.poor]
        order = _three(t, texts)
        rows.append(
            {
                "task": item.question,
                "solutions": texts,
                "order": [order.index(k) for k in (2, 1, 0)],
                "ranker": t.pick("p1", "p2"),
            }
        )
    return Made(
        "orders.json",
        as_json(rows),
        judged(
            "a list of places of which no row says whether the first is the best (it is the worst)",
            HAND,
            reading(
                "ranking", prompt="task", answers="solutions", sequence="order", order="worst_first", counted_from=0
            ),
            judgements=["order"],
            silence="right",
            never=["ranker"],
        ),
    )


@file
def ranks_by_model() -> Made:
    t = Texts(323)
    rows = []
    for item in t.draw(14):
        texts = {"mistral": item.good, "llama": item.fair, "gemma": item.poor}
        ranks = {"gemma": 3, "mistral": 1, "llama": 2}
        if t.is_less(0.5):
            texts = {"gemma": item.good, "llama": item.fair, "mistral": item.poor}
            ranks = {"mistral": 3, "llama": 2, "gemma": 1}
        rows.append({"prompt": item.question, "responses": texts, "rank": ranks})
    return Made(
        "by_model.jsonl",
        jsonl(rows),
        judged(
            "answers and ranks in two mappings by model",
            HAND,
            reading(["ranking", "rated_list"], prompt="prompt", answers="responses", ranks="rank", better="low"),
            *(
                reading(
                    ["ranking", "rated_list"],
                    prompt="prompt",
                    answers=[f"responses.{name}" for name in names],
                    ranks=[f"rank.{name}" for name in names],
                    better="low",
                )
                for names in (("mistral", "llama", "gemma"), ("gemma", "llama", "mistral"))
            ),
            judgements=["rank"],
        ),
    )


@file
def scores_by_id() -> Made:
    t = Texts(324)
    rows = []
    for item in t.draw(14):
        texts = [item.good, item.fair, item.poor]
        order = _three(t, texts)
        candidates = [{"cid": f"c{k}", "content": text} for k, text in enumerate(texts)]
        scores = [{"cid": f"c{k}", "stars": 5 - 2 * order[k]} for k in (2, 0, 1)]
        rows.append({"question": item.question, "candidates": candidates, "ratings": scores})
    return Made(
        "scores_by_id.jsonl",
        jsonl(rows),
        judged(
            "ratings are a list in another order than the candidates: ids say what belongs together",
            HAND,
            reading(
                "rated_list",
                prompt="question",
                answers="candidates",
                response="content",
                key="cid",
                scores={"ratings.*.stars": "high"},
            ),
            judgements=["ratings"],
            silence="right",
            never=["candidates.*.cid"],
        ),
    )


@file
def order_as_text() -> Made:
    t = Texts(325)
    rows = []
    for item in t.draw(18):
        texts = [item.good, item.fair, item.poor]
        order = _three(t, texts)
        names = ["XYZ"[order.index(k)] for k in range(3)]
        rows.append(
            {
                "prompt": item.question,
                "answer_X": texts[0],
                "answer_Y": texts[1],
                "answer_Z": texts[2],
                "ranking": " > ".join(names) if t.is_less(0.7) else f"{names[0]} > {names[1]} = {names[2]}",
            }
        )
    return Made(
        "orders.csv",
        table(rows),
        judged(
            "an order in one text, such as Y > X > Z or Y > X = Z",
            HAND,
            judgements=["ranking"],
            silence="right",
        ),
    )


@file
def columns_best_to_worst() -> Made:
    t = Texts(326)
    rows = [
        {
            "question": item.question,
            "best_response": item.good,
            "second_best_response": item.fair,
            "worst_response": item.poor,
        }
        for item in t.draw(18)
    ]
    answers = ["best_response", "second_best_response", "worst_response"]
    return Made(
        "best_to_worst.csv",
        table(rows),
        judged(
            "three columns whose names are the order",
            HAND,
            reading("ranking", prompt="question", answers=answers, order="best_first"),
            reading("ranking", prompt="question", answers=answers[::-1], order="worst_first"),
            reading("pairs", prompt="question", chosen="best_response", rejected="worst_response"),
            judgements=["second_best_response"],
            silence="right",
        ),
    )


@file
def scores_in_parallel_lists() -> Made:
    t = Texts(327)
    rows = []
    for item in t.draw(14):
        texts = [item.good, item.fair, item.poor]
        order = _three(t, texts)
        rows.append(
            {
                "instruction": item.question,
                "generations": texts,
                "generation_models": ["m1", "m2", "m3"],
                "ratings": [5.0 - 2 * place for place in order],
                "rationales": ["It was compared with the reference."] * 3,
            }
        )
    return Made(
        "distilabel_uf.jsonl",
        jsonl(rows),
        judged(
            "distilabel UltraFeedback task: generations and ratings are two lists",
            "distilabel.argilla.io, UltraFeedback task",
            reading("rated_list", prompt="instruction", answers="generations", scores={"ratings": "high"}),
            judgements=["ratings"],
            accept={"key": ["generation_models"]},
            never=["generation_models", "rationales"],
        ),
    )


@file
def tournament_points() -> Made:
    t = Texts(328)
    rows = []
    for n, item in enumerate(t.draw(10)):
        for text, points in ((item.good, 6), (item.fair, 3), (item.poor, 0)):
            rows.append(
                {"round": n, "prompt": item.question, "answer": text, "elo": 1000 + 20 * points, "wins": points}
            )
    return Made(
        "tournament.csv",
        table(rows),
        judged(
            "answers of a tournament with their wins and Elo",
            HAND,
            reading("ratings", prompt="prompt", response="answer", scores={"elo": "high", "wins": "high"}),
            judgements=["elo|wins"],
            never=["round"],
        ),
    )
