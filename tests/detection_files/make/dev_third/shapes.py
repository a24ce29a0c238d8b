"""DataFrames and other shapes of files."""

import json

from ..files import Made, Maker, as_json, collector, jsonl, parquet, table
from ..texts import SUPPORT, Texts
from ..truths import HAND, inside, judged, rated, reading, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def dataframe_index() -> Made:
    t = Texts(331)
    rows = {}
    for n, item in enumerate(t.draw(18)):
        answer, mark = t.pick((item.good, True), (item.poor, False))
        rows[str(n)] = {"prompt": item.question, "answer": answer, "was_helpful": mark}
    return Made(
        "df_index.json",
        as_json(rows, None),
        judged(
            "DataFrame.to_json(orient='index')",
            "pandas.pydata.org, DataFrame.to_json",
            inside(".", thumbs("prompt", "answer", "was_helpful", true="good", false="bad")),
            judgements=["was_helpful"],
        ),
    )


@file
def dataframe_table() -> Made:
    t = Texts(332, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append({"index": n, "question": item.question, "reply": answer, "stars": mark})
    fields = [{"name": name, "type": "string"} for name in ("index", "question", "reply", "stars")]
    whole = {"schema": {"fields": fields, "primaryKey": ["index"], "pandas_version": "1.4.0"}, "data": rows}
    return Made(
        "df_table.json",
        as_json(whole, None),
        judged(
            "DataFrame.to_json(orient='table'): a schema beside the rows",
            "pandas.pydata.org, DataFrame.to_json",
            *(inside("data", one) for one in rated("question", "reply", "stars", "high", "1", "3", "5")),
            judgements=["stars"],
            never=["index"],
        ),
    )


@file
def dict_of_lists() -> Made:
    t = Texts(333)
    rows = []
    for item in t.draw(18):
        first, second, best = sides(t, item)
        rows.append(
            {"instruction": item.question, "output_1": first, "output_2": second, "better_output": f"output_{best + 1}"}
        )
    whole = {name: [row[name] for row in rows] for name in rows[0]}
    return Made(
        "columns.json",
        as_json(whole, None),
        judged(
            "Dataset.to_dict(): one list for each column",
            "huggingface.co/docs/datasets, Dataset.to_dict",
            reading(
                ["pairs", "votes"],
                prompt="instruction",
                first="output_1",
                second="output_2",
                label="better_output",
                codes={"output_1": "first", "output_2": "second"},
            )
            | {"orient": "columns"},
            judgements=["better_output"],
        ),
    )


@file
def dataframe_values() -> Made:
    t = Texts(334)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "good"), (item.poor, "bad"))
        rows.append([item.question, answer, mark])
    return Made(
        "values.json",
        as_json(rows, None),
        judged(
            "DataFrame.to_json(orient='values'): rows without names",
            "pandas.pydata.org, DataFrame.to_json",
            judgements=[],
            silence="right",
        ),
    )


@file
def csv_with_index_column() -> Made:
    t = Texts(335)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, "True"), (item.poor, "False"))
        rows.append({"": n, "Unnamed: 0": n, "prompt": item.question, "response": answer, "preferred": mark})
    return Made(
        "df.csv",
        table(rows),
        judged(
            "DataFrame.to_csv() twice: two columns of row numbers; preferred is True or False",
            "pandas.pydata.org, DataFrame.to_csv",
            thumbs("prompt", "response", "preferred", true="good", false="bad"),
            judgements=["preferred"],
            never=["Unnamed: 0"],
        ),
    )


@file
def struct_columns() -> Made:
    t = Texts(336)
    rows = []
    for item in t.draw(16):
        first, second, best = sides(t, item)
        rows.append(
            {
                "prompt": [user(item.question)],
                "pair": {"left": [assistant(first)], "right": [assistant(second)]},
                "judgment": {"choice": ["left", "right"][best], "confidence": t.number(50, 99) / 100},
            }
        )
    answers = {
        "first": ["pair.left.0.content", "pair.left.*.content"],
        "second": ["pair.right.0.content", "pair.right.*.content"],
    }
    return Made(
        "structs.parquet",
        parquet(rows),
        judged(
            "Parquet with structs: the sides and the judgement are nested",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="pair.left",
                second="pair.right",
                label="judgment.choice",
                codes={"left": "first", "right": "second"},
            ),
            judgements=["judgment.choice"],
            accept=answers | {"prompt": ["prompt.0.content"]},
            never=["judgment.confidence"],
        ),
    )


@file
def dialogues_as_text_cells() -> Made:
    t = Texts(337)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, "like"), (item.poor, "dislike"))
        rows.append(
            {"conversation": json.dumps([user(item.question), assistant(answer)]), "reaction": mark, "lang": "en"}
        )
    return Made(
        "conversations.tsv",
        table(rows, "\t"),
        judged(
            "dialogues as JSON text in a cell, and a reaction",
            HAND,
            reading(
                ["thumbs", "ratings"],
                messages="conversation",
                label="reaction",
                codes={"like": "good", "dislike": "bad"},
                literals=["conversation"],
            ),
            judgements=["reaction"],
            never=["lang"],
        ),
    )


@file
def records_under_results_items() -> Made:
    t = Texts(338, SUPPORT)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, "👍"), (item.poor, "👎"), (item.fair, None))
        rows.append({"ask": item.question, "reply": answer, "emoji": mark})
    whole = {"ok": True, "results": {"count": 16, "next": None, "items": rows}, "generated": t.time()}
    return Made(
        "page1.json",
        as_json(whole),
        judged(
            "answer of a web service: the rows are under results.items",
            HAND,
            inside("results.items", thumbs("ask", "reply", "emoji", **{"👍": "good", "👎": "bad"})),
            judgements=["emoji"],
            never=["parent.generated"],
        ),
    )


@file
def pairs_with_margin() -> Made:
    t = Texts(339)
    rows = [
        {
            "prompt": item.question,
            "chosen": item.good,
            "rejected": item.poor,
            "margin": t.number(1, 30) / 10,
            "flagged_by_moderation": t.pick(False, False, True),
            "annotator_agreement": t.number(50, 100) / 100,
        }
        for item in t.draw(18)
    ]
    return Made(
        "with_margin.jsonl",
        jsonl(rows),
        judged(
            "TRL pairs with a margin; a flag and an agreement beside them",
            "huggingface.co/docs/trl/reward_trainer, margin",
            reading("pairs", prompt="prompt", chosen="chosen", rejected="rejected"),
            judgements=[],
            accept={"margin": ["margin"], "confidence": ["annotator_agreement"]},
            where=[],
        ),
    )
