"""DataFrames and other shapes."""

from ..files import Made, Maker, as_json, collector, jsonl, split
from ..texts import Texts
from ..truths import HAND, inside, judged, reading
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def dataframe_split() -> Made:
    t = Texts(150)
    rows = []
    for item in t.draw(24):
        first, second, best = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "completion_1": first,
                "completion_2": second,
                "preferred": f"completion_{best + 1}",
            }
        )
    return Made(
        "prefs.json",
        split(rows),
        judged(
            "DataFrame.to_json(orient='split')",
            "pandas.pydata.org, DataFrame.to_json",
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="completion_1",
                second="completion_2",
                label="preferred",
                codes={"completion_1": "first", "completion_2": "second"},
            )
            | {"orient": "split"},
            judgements=["preferred"],
        ),
    )


@file
def rows_under_data() -> Made:
    t = Texts(151)
    rows = []
    for item in t.draw(20):
        answer, liked = t.pick((item.good, "up"), (item.poor, "down"))
        rows.append({"question": item.question, "answer": answer, "vote": liked, "at": t.time()})
    return Made(
        "api_dump.json",
        as_json({"status": "ok", "page": 1, "data": rows, "total": 20}),
        judged(
            "answer of a web service: the rows are under data",
            HAND,
            inside(
                "data",
                reading(
                    ["thumbs", "ratings"],
                    prompt="question",
                    response="answer",
                    label="vote",
                    codes={"up": "good", "down": "bad"},
                ),
            ),
            judgements=["vote"],
            never=["at", "status"],
        ),
    )


@file
def annotations_inside() -> Made:
    t = Texts(152)
    rows = []
    for n, item in enumerate(t.draw(18)):
        rows.append(
            {
                "prompt": item.question,
                "chosen": item.good,
                "rejected": item.poor,
                "created_at": t.time(),
                "updated_at": t.time(),
                "history_log": [{"by": "ann", "created_at": t.time(), "updated_at": t.time(), "event": n}],
            }
        )
    return Made(
        "pairs.jsonl",
        jsonl(rows),
        judged(
            "plain pairs beside a nested list of events, which shares names of fields with the row",
            HAND,
            reading("pairs", prompt="prompt", chosen="chosen", rejected="rejected"),
            judgements=[],
            never=["created_at", "history_log.*.by"],
        ),
    )
