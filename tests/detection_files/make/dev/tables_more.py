"""Tables, continued."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import HAND, judged, reading
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def graded_words() -> Made:
    t = Texts(37)
    grades = ("A is much better", "A is slightly better", "About the same", "B is slightly better", "B is much better")
    rows = []
    for item in t.draw(24):
        first, second, best = sides(t, item)
        rows.append(
            {
                "Prompt": item.question,
                "Response A": first,
                "Response B": second,
                "Preference": t.pick(*(grades[:2] if best == 0 else grades[3:]), grades[2]),
                "Explanation": t.pick("It answers the question.", "More precise.", "The other one is wrong."),
            }
        )
    return Made(
        "sxs.csv",
        table(rows),
        judged(
            "side by side grades in words, with an explanation",
            HAND,
            reading(
                ["graded_pair", "votes", "pairs"],
                prompt="Prompt",
                first="Response A",
                second="Response B",
                label="Preference",
                codes=dict(zip(grades, ("first", "first", "tie", "second", "second"), strict=True)),
            ),
            judgements=["Preference"],
            never=["Explanation"],
        ),
    )


@file
def label_zero_one_two_answers() -> Made:
    t = Texts(38)
    rows = []
    for item in t.draw(30):
        first, second, best = sides(t, item)
        rows.append({"input": item.question, "output_a": first, "output_b": second, "label": best})
    return Made(
        "pairs.jsonl",
        jsonl(rows),
        judged(
            "label 0 or 1 beside two answers: the rows do not tell which one it names",
            HAND,
            reading(
                ["pairs", "votes", "multiple_choice"],
                prompt="input",
                first="output_a",
                second="output_b",
                label="label",
                codes={"0": "ask", "1": "ask"},
            ),
            judgements=["label"],
        ),
    )


@file
def kto_zero_one() -> Made:
    t = Texts(39)
    rows = []
    for item in t.draw(30):
        answer, label = t.pick((item.good, 1), (item.poor, 0))
        rows.append({"prompt": item.question, "completion": answer, "label": label})
    return Made(
        "kto.jsonl",
        jsonl(rows),
        judged(
            "label 0 or 1 beside one answer, without a word on what it means",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="prompt",
                response="completion",
                label="label",
                codes={"0": "ask", "1": "ask"},
            ),
            reading("ratings", prompt="prompt", response="completion", scores={"label": "ask"}),
            judgements=["label"],
        ),
    )


@file
def toxic_flag() -> Made:
    t = Texts(40)
    rows = []
    for item in t.draw(26):
        answer, toxic = t.pick((item.good, "no"), (item.fair, "no"), (item.poor, "yes"))
        rows.append(
            {
                "user_input": item.question,
                "assistant_output": answer,
                "contains_error": toxic,
                "reviewer_id": t.number(1, 6),
            }
        )
    return Made(
        "audit.jsonl",
        jsonl(rows),
        judged(
            "an audit in which yes is bad",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="user_input",
                response="assistant_output",
                label="contains_error",
                codes={"no": "good", "yes": "bad"},
            ),
            judgements=["contains_error"],
            never=["reviewer_id"],
        ),
    )


@file
def critiques_only() -> Made:
    t = Texts(41)
    words = (
        "It does not answer the question, and the tone is rude.",
        "Correct, but you could name a source.",
        "A bit short. I would add an example.",
    )
    rows = [
        {"question": item.question, "answer": t.pick(item.good, item.poor), "critique": t.pick(*words)}
        for item in t.draw(20)
    ]
    return Made(
        "critiques.json",
        as_json(rows),
        judged(
            "answers with critiques in free text, and nothing else",
            HAND,
            reading("critique", prompt="question", response="answer", critique="critique"),
            judgements=["critique"],
        ),
    )


@file
def edited_drafts() -> Made:
    t = Texts(42, SUPPORT)
    rows = [
        {
            "case_no": 500 + n,
            "customer_question": item.question,
            "draft": item.fair,
            "edited_draft": item.fair.replace(".", "") + ". " + item.good,
            "editor": t.pick("Noor", "Piotr"),
            "minutes": t.number(1, 9),
        }
        for n, item in enumerate(t.draw(22))
    ]
    return Made(
        "drafts.csv",
        table(rows),
        judged(
            "drafts and what an editor made of them, with the question that they answer",
            HAND,
            reading("edit", before="draft", after="edited_draft", prompt="customer_question"),
            reading("pairs", prompt="customer_question", chosen="edited_draft", rejected="draft"),
            judgements=[],
            context=["customer_question"],
            never=["editor", "minutes"],
        ),
    )


@file
def rank_columns() -> Made:
    t = Texts(43)
    rows = []
    for item in t.draw(18):
        answers = [(item.good, 1), (item.fair, 2), (item.poor, 3)]
        t.random.shuffle(answers)
        row: dict[str, Any] = {"prompt": item.question}
        row |= {f"answer_{n}": text for n, (text, _) in enumerate(answers, 1)}
        row |= {f"rank_{n}": rank for n, (_, rank) in enumerate(answers, 1)}
        rows.append(row)
    return Made(
        "ranked.csv",
        table(rows),
        judged(
            "three answers and a rank for each",
            HAND,
            reading(
                ["ranking", "rated_list"],
                prompt="prompt",
                answers=["answer_1", "answer_2", "answer_3"],
                ranks=["rank_1", "rank_2", "rank_3"],
                better="low",
            ),
            judgements=["rank_1", "rank_2", "rank_3"],
        ),
    )


@file
def several_raters_list() -> Made:
    t = Texts(44)
    rows = []
    for item in t.draw(14):
        for answer, mean in ((item.good, 4), (item.poor, 2)):
            stars = [min(5, max(1, mean + t.number(-1, 1))) for _ in range(t.number(2, 3))]
            rows.append({"question": item.question, "answer": answer, "ratings": stars, "model": t.pick("m1", "m2")})
    return Made(
        "rated.jsonl",
        jsonl(rows),
        judged(
            "the ratings of several people in a list",
            HAND,
            reading("ratings", prompt="question", response="answer", scores={"ratings": "high"}),
            judgements=["ratings"],
            never=["model"],
        ),
    )


@file
def thumbs_with_tools() -> Made:
    t = Texts(45, SUPPORT)
    tool = {
        "type": "function",
        "function": {
            "name": "get_order",
            "description": "Looks up an order.",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
    }
    rows = []
    for item in t.draw(12):
        answer, mark = t.pick((item.good, "thumbs_up"), (item.poor, "thumbs_down"))
        rows.append(
            {
                "trace_id": t.uuid(),
                "tools": [tool],
                "messages": [user(item.question), assistant(answer)],
                "user_feedback": mark,
            }
        )
    return Made(
        "agent_traces.jsonl",
        jsonl(rows),
        judged(
            "dialogues with tools in each row, and a verdict",
            HAND,
            reading(
                "thumbs",
                messages="messages",
                label="user_feedback",
                codes={"thumbs_up": "good", "thumbs_down": "bad"},
                tools="tools",
            ),
            judgements=["user_feedback"],
            context=["tools"],
            never=["trace_id"],
        ),
    )
