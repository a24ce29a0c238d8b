"""Two or more answers to one question."""

# ruff: noqa: E501

from ..files import Made, Maker, as_json, collector, jsonl, parquet, table, workbook
from ..texts import CODE, FRENCH, GERMAN, SUPPORT, WORK, Texts
from ..texts_more import KOREAN
from ..truths import HAND, judged, reading
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


def pair(prompt: str, first: str, second: str, label: str, **codes: str) -> dict[str, object]:
    return reading(["pairs", "votes"], prompt=prompt, first=first, second=second, label=label, codes=codes)


@file
def preference_francaise() -> Made:
    t = Texts(431, FRENCH)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        rows.append(
            {
                "Question": item.question,
                "Réponse A": a,
                "Réponse B": b,
                "Préférence": t.pick("AB"[best], "AB"[best], "AB"[best], "égalité"),
                "Juge": t.pick("Léa", "Paul"),
            }
        )
    return Made("préférences.csv", table(rows, ";"), judged(
        "French: A, B or égalité under 'preference'", HAND,
        pair("Question", "Réponse A", "Réponse B", "Préférence", A="first", B="second", égalité="tie"),
        judgements=["Préférence"], never=["Juge"]))  # fmt: skip


@file
def left_is_better() -> Made:
    t = Texts(432)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        mark = ("left is better", "right is better")[best]
        rows.append(
            {
                "q": item.question,
                "left_answer": a,
                "right_answer": b,
                "verdict": t.pick(mark, mark, mark, "about the same"),
                "user": t.pick("ann", "raj"),
            }
        )
    return Made("verdicts.jsonl", jsonl(rows), judged(
        "left is better, right is better, about the same", HAND,
        pair("q", "left_answer", "right_answer", "verdict", **{"left is better": "first", "right is better": "second", "about the same": "tie"}),
        judgements=["verdict"], never=["user"]))  # fmt: skip


@file
def better_answer_number() -> Made:
    t = Texts(433, WORK)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        rows.append(
            {
                "Prompt": item.question,
                "Answer 1": a,
                "Answer 2": b,
                "Better answer": t.pick(best + 1, best + 1, best + 1, 0),
                "Rated on": t.time("d"),
            }
        )
    return Made("compare.xlsx", workbook(rows), judged(
        "the number of the better answer; 0 is not explained", HAND,
        pair("Prompt", "Answer 1", "Answer 2", "Better answer", **{"1": "first", "2": "second", "0": "ask"}),
        judgements=["Better answer"], never=["Rated on"]))  # fmt: skip


@file
def arrows() -> Made:
    t = Texts(434)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        rows.append({"question": item.question, "response_left": a, "response_right": b, "choice": ("⬅️", "➡️")[best]})
    return Made("arrows.json", as_json(rows), judged(
        "arrows to the left and to the right", HAND,
        pair("question", "response_left", "response_right", "choice", **{"⬅️": "first", "➡️": "second"}),
        judgements=["choice"]))  # fmt: skip


@file
def preferred_dispreferred() -> Made:
    t = Texts(435)
    rows = [
        {
            "instruction": item.question,
            "preferred_completion": item.good,
            "dispreferred_completion": item.poor,
            "annotated": t.time(),
        }
        for item in t.draw(18)
    ]
    return Made("dpo.parquet", parquet(rows), judged(
        "a preferred and a dispreferred completion", HAND,
        reading("pairs", prompt="instruction", chosen="preferred_completion", rejected="dispreferred_completion"),
        judgements=[], never=["annotated"]))  # fmt: skip


@file
def picked_model() -> Made:
    t = Texts(436)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        names = t.pick(["falcon", "llama"], ["llama", "falcon"], ["falcon", "phi"])
        rows.append(
            {
                "prompt": item.question,
                "system_a": names[0],
                "output_a": a,
                "system_b": names[1],
                "output_b": b,
                "picked": names[best],
                "who": t.pick("ann", "bo"),
            }
        )
    names = {"first": "system_a", "second": "system_b"}
    return Made("picked.csv", table(rows), judged(
        "which system a person picked, by its name", HAND,
        reading(["pairs", "votes"], prompt="prompt", first="output_a", second="output_b", label="picked", names=names),
        reading("multiple_choice", prompt="prompt", options=["output_a", "output_b"], answer="picked", labels=["system_a", "system_b"]),
        judgements=["picked"], accept={"codes": []}, never=["who"]))  # fmt: skip


@file
def worse_of_two() -> Made:
    t = Texts(437, SUPPORT)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        rows.append({"question": item.question, "answer_a": a, "answer_b": b, "worse": "AB"[1 - best]})
    return Made("worse.csv", table(rows), judged(
        "the letter of the worse answer", HAND,
        pair("question", "answer_a", "answer_b", "worse", A="second", B="first"),
        judgements=["worse"]))  # fmt: skip


@file
def korean_better() -> Made:
    t = Texts(438, KOREAN)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        rows.append(
            {
                "질문": item.question,
                "답변 A": a,
                "답변 B": b,
                "더 나은 답변": t.pick("AB"[best], "AB"[best], "비슷함"),
                "평가자": t.pick("민수", "지영"),
            }
        )
    return Made("평가.csv", table(rows, encoding="utf-8-sig"), judged(
        "Korean: the better answer is A, B, or they are alike", HAND,
        pair("질문", "답변 A", "답변 B", "더 나은 답변", A="first", B="second", 비슷함="tie"),
        judgements=["더 나은 답변"], never=["평가자"]))  # fmt: skip


@file
def slider_of_pairs() -> Made:
    t = Texts(439)
    rows = []
    for item in t.draw(20):
        a, b, best = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "answer_a": a,
                "answer_b": b,
                "slider": (1 if best else -1) * t.number(1, 3),
                "seconds": t.number(5, 90),
            }
        )
    right = reading(
        ["pairs", "votes", "graded_pair"],
        prompt="prompt",
        first="answer_a",
        second="answer_b",
        label="slider",
        codes={str(n): "ask" for n in (-3, -2, -1, 1, 2, 3)},
    )
    return Made("slider.csv", table(rows), judged(
        "a slider from -3 to 3: the rows do not say which side is A", HAND, right,
        judgements=["slider"], never=["seconds"]))  # fmt: skip


@file
def gruener_und_roter_text() -> Made:
    t = Texts(440, GERMAN)
    rows = [
        {
            "Aufgabe": item.question,
            "bessere Antwort": item.good,
            "schlechtere Antwort": item.poor,
            "Bearbeiter": t.pick("Uwe", "Eva"),
        }
        for item in t.draw(16)
    ]
    return Made("paare.csv", table(rows, ";"), judged(
        "German: the better and the worse answer", HAND,
        reading("pairs", prompt="Aufgabe", chosen="bessere Antwort", rejected="schlechtere Antwort"),
        judgements=[], never=["Bearbeiter"]))  # fmt: skip


@file
def places_one_to_three() -> Made:
    t = Texts(441, CODE)
    rows = []
    for item in t.draw(18):
        answers = [item.good, item.fair, item.poor]
        order = t.random.sample(range(3), 3)
        rows.append(
            {"task": item.question}
            | {f"solution {k + 1}": answers[n] for k, n in enumerate(order)}
            | {f"place {k + 1}": n + 1 for k, n in enumerate(order)}
        )
    return Made("places.csv", table(rows), judged(
        "three solutions and the place of each", HAND,
        reading(["ranking", "rated_list"], prompt="task", answers=[f"solution {k}" for k in (1, 2, 3)], ranks=[f"place {k}" for k in (1, 2, 3)], better="low"),
        judgements=["place 1", "place 2", "place 3"]))  # fmt: skip
