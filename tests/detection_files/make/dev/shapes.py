"""DataFrames and other shapes."""

from ..files import Made, Maker, as_json, collector, columns
from ..texts import Texts
from ..truths import HAND, inside, judged, reading

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def dataframe_columns() -> Made:
    t = Texts(46)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick((item.good, "good"), (item.poor, "bad"))
        rows.append({"question": item.question, "generated": answer, "quality": mark})
    return Made(
        "df.json",
        columns(rows),
        judged(
            "DataFrame.to_json() as it is by default: column -> index -> value",
            "pandas.pydata.org, DataFrame.to_json, orient='columns'",
            reading(
                ["thumbs", "ratings"],
                prompt="question",
                response="generated",
                label="quality",
                codes={"good": "good", "bad": "bad"},
            )
            | {"orient": "columns"},
            judgements=["quality"],
        ),
    )


@file
def rows_by_key() -> Made:
    t = Texts(47)
    rows = {
        f"sample_{n:03}": {
            "prompt": item.question,
            "chosen": item.good,
            "rejected": item.poor,
            "source": t.pick("a", "b"),
        }
        for n, item in enumerate(t.draw(30))
    }
    return Made(
        "samples.json",
        as_json(rows),
        judged(
            "an object whose values are the rows",
            HAND,
            inside(".", reading("pairs", prompt="prompt", chosen="chosen", rejected="rejected")),
            judgements=[],
            never=["source"],
        ),
    )
