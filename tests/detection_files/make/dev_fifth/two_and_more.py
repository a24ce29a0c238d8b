"""Two or more answers per row: winners in many spellings, several people, orders by ids."""

from ..files import Made, Maker, collector, jsonl, parquet, table
from ..texts import ENGLISH, GERMAN, SPANISH, SUPPORT, WORK, Texts
from ..texts_more import CHINESE
from ..truths import HAND, judged, reading
from ..turns import sides, user

# ruff: noqa: E501

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def mejor_respuesta_uno_o_dos() -> Made:
    t = Texts(531, SPANISH)
    rows = []
    for item in t.draw(24):
        first, second, better = sides(t, item)
        rows.append(
            {
                "Pregunta": item.question,
                "Respuesta 1": first,
                "Respuesta 2": second,
                "Mejor": t.pick(better + 1, better + 1, better + 1, "empate"),
            }
        )
    return Made("comparaciones.csv", table(rows, ";", "utf-8-sig"), judged(
        "Spanish: which answer is better, 1 or 2 or a tie", HAND,
        reading(["pairs", "votes"], prompt="Pregunta", first="Respuesta 1", second="Respuesta 2", label="Mejor",
                codes={"1": "first", "2": "second", "empate": "tie"}),
        judgements=["Mejor"]))  # fmt: skip


@file
def code_zero_one_beside_two_replies() -> Made:
    t = Texts(532, WORK)
    rows = []
    for item in t.draw(24):
        first, second, better = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "response_a": first,
                "response_b": second,
                "label": better,
                "annotation_time": t.number(10, 90),
            }
        )
    return Made("labels.parquet", parquet(rows), judged(
        "a label of 0 or 1 beside two responses: the rows do not say what it means", HAND,
        reading(["pairs", "votes"], prompt="prompt", first="response_a", second="response_b", label="label",
                codes={"0": "ask", "1": "ask"}),
        judgements=["label"], never=["annotation_time"]))  # fmt: skip


@file
def the_first_or_the_second() -> Made:
    t = Texts(533, ENGLISH)
    rows = []
    for item in t.draw(24):
        first, second, better = sides(t, item)
        said = t.pick(*(["the second is better", "first is better"][1 - better] for _ in range(3)), "no preference")
        rows.append(
            {
                "question": item.question,
                "answer_1": first,
                "answer_2": second,
                "judgement": said,
                "judge": t.pick("ann", "bob"),
            }
        )
    return Made("judged.jsonl", jsonl(rows), judged(
        "words for the better of two numbered answers, or no preference", HAND,
        reading(["pairs", "votes"], prompt="question", first="answer_1", second="answer_2", label="judgement",
                codes={"first is better": "first", "the second is better": "second", "no preference": "tie"}),
        judgements=["judgement"], never=["judge"]))  # fmt: skip


@file
def order_of_ids_worst_first() -> Made:
    t = Texts(534, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answers = [("g", item.good), ("f", item.fair), ("p", item.poor)]
        ids = {kind: f"r{n}-{t.number(100, 999)}{kind}" for kind, _ in answers}
        t.random.shuffle(answers)
        rows.append({"query": item.question, "replies": [{"rid": ids[kind], "text": text} for kind, text in answers],
                     "worst_to_best": [ids["p"], ids["f"], ids["g"]]})  # fmt: skip
    return Made("orders.jsonl", jsonl(rows), judged(
        "three replies with ids, and the ids from the worst to the best", HAND,
        reading("ranking", prompt="query", answers="replies", response="text", key="rid", sequence="worst_to_best", order="worst_first"),
        judgements=["worst_to_best"], never=["replies.*.rid"]))  # fmt: skip


@file
def three_reviewers_choose_a_side() -> Made:
    t = Texts(535, ENGLISH)
    rows = []
    for item in t.draw(24):
        first, second, better = sides(t, item)
        good, bad = ("left", "right")[better], ("left", "right")[1 - better]
        rows.append({"prompt": item.question, "left_answer": first, "right_answer": second, "winner_anna": good,
                     "winner_jonas": t.pick(good, good, bad, "tie"), "winner_mia": t.pick(good, good, bad)})  # fmt: skip
    people = ["winner_anna", "winner_jonas", "winner_mia"]
    return Made("reviewers.csv", table(rows), judged(
        "three people's winners, left or right, in columns of their own", HAND,
        reading("votes", prompt="prompt", first="left_answer", second="right_answer", label=people,
                codes={"left": "first", "right": "second", "tie": "tie"}),
        judgements=people))  # fmt: skip


@file
def besser_links_oder_rechts() -> Made:
    t = Texts(536, GERMAN)
    rows = []
    for item in t.draw(24):
        first, second, better = sides(t, item)
        rows.append({"Nr": t.number(100, 999), "Frage": item.question, "Antwort links": first, "Antwort rechts": second,
                     "besser": t.pick(*[("links", "rechts")[better]] * 4, "beide gleich", "beide schlecht")})  # fmt: skip
    return Made("vergleich.csv", table(rows, ";"), judged(
        "German: the better one of two answers, left or right, both alike or both bad", HAND,
        reading(["pairs", "votes"], prompt="Frage", first="Antwort links", second="Antwort rechts", label="besser",
                codes={"links": "first", "rechts": "second", "beide gleich": "tie", "beide schlecht": "tie"}),
        judgements=["besser"], never=["Nr"]))  # fmt: skip


@file
def votes_of_named_people_in_a_list() -> Made:
    t = Texts(537, WORK)
    rows = []
    for item in t.draw(20):
        first, second, better = sides(t, item)
        mine = ("A", "B")[better]
        votes = [
            {"voter": who, "choice": t.pick(mine, mine, mine, "tie"), "seconds": t.number(5, 60)}
            for who in ("p1", "p2", "p3")
        ]
        rows.append({"instruction": item.question, "A": first, "B": second, "votes": votes})
    return Made("lists.jsonl", jsonl(rows), judged(
        "a list of votes with the voter of each, about answers A and B", HAND,
        reading("votes", prompt="instruction", first="A", second="B", label="votes.*.choice",
                codes={"A": "first", "B": "second", "tie": "tie"}),
        judgements=["votes.*.choice"]))  # fmt: skip


@file
def chinese_better_of_two_dialogues() -> Made:
    t = Texts(538, CHINESE)
    rows = []
    for item in t.draw(20):
        first, second, better = sides(t, item)
        rows.append(
            {
                "对话": [user(item.question)],
                "回答A": first,
                "回答B": second,
                "更好": t.pick(*[("A", "B")[better]] * 3, "平局"),
            }
        )
    return Made("pairs.jsonl", jsonl(rows), judged(
        "Chinese: a dialogue, two answers, and the better one", HAND,
        reading(["pairs", "votes"], prompt="对话", first="回答A", second="回答B", label="更好", codes={"A": "first", "B": "second", "平局": "tie"}),
        judgements=["更好"]))  # fmt: skip


@file
def percent_of_three_models() -> Made:
    t = Texts(539, ENGLISH)
    rows = []
    for item in t.draw(20):
        rows.append({"prompt": item.question, "gpt": item.good, "llama": item.fair, "mistral": item.poor,
                     "gpt_score": f"{t.number(80, 99)} %", "llama_score": f"{t.number(40, 60)} %", "mistral_score": f"{t.number(1, 20)} %"})  # fmt: skip
    return Made("three.csv", table(rows), judged(
        "answers of three models and a score in per cent for each", HAND,
        reading("rated_list", prompt="prompt", answers=["gpt", "llama", "mistral"], scores={"gpt_score": "high", "llama_score": "high", "mistral_score": "high"}),
        judgements=["gpt_score", "llama_score", "mistral_score"], silence="right"))  # fmt: skip


@file
def less_toxic_of_two() -> Made:
    t = Texts(540, SUPPORT)
    rows = []
    for item in t.draw(24):
        first, second, better = sides(t, item)
        rows.append({"context": item.question, "response_0": first, "response_1": second, "more_toxic": 1 - better})
    return Made("toxic.jsonl", jsonl(rows), judged(
        "which of two responses is more toxic: the better one is the other", HAND,
        reading(["pairs", "votes"], prompt="context", first="response_0", second="response_1", label="more_toxic",
                codes={"0": "ask", "1": "ask"}),
        judgements=["more_toxic"]))  # fmt: skip
