"""DataFrames and other shapes of files."""

import json

from ..files import Made, Maker, as_json, collector, columns, jsonl, parquet, split, table
from ..texts import CODE, SUPPORT, WORK, Texts
from ..truths import HAND, inside, judged, rated, reading, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)
PANDAS = "pandas.pydata.org, DataFrame.to_json"


@file
def df_split_errors() -> Made:
    t = Texts(541, WORK)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, False), (item.poor, True))
        rows.append({"prompt": item.question, "generation": answer, "contains_error": mark, "fold": t.number(0, 4)})
    return Made(
        "audited.json",
        split(rows),
        judged(
            "DataFrame.to_json(orient='split'): contains_error is true where the text is bad; fold judges nothing",
            PANDAS,
            thumbs("prompt", "generation", "contains_error", true="bad", false="good") | {"orient": "split"},
            judgements=["contains_error"],
            never=["fold"],
        ),
    )


@file
def df_columns_winner() -> Made:
    t = Texts(542)
    rows = []
    for item in t.draw(18):
        first, second, best = sides(t, item)
        rows.append(
            {
                "input_text": item.question,
                "candidate_A": first,
                "candidate_B": second,
                "human_choice": t.pick("AB"[best], "AB"[best], "Tie"),
                "seconds": t.number(4, 90),
            }
        )
    return Made(
        "choices_df.json",
        columns(rows),
        judged(
            "DataFrame.to_json() of choices between two candidates",
            PANDAS,
            reading(
                ["pairs", "votes"],
                prompt="input_text",
                first="candidate_A",
                second="candidate_B",
                label="human_choice",
                codes={"A": "first", "B": "second", "Tie": "tie"},
            )
            | {"orient": "columns"},
            judgements=["human_choice"],
            never=["seconds"],
        ),
    )


@file
def two_rows_of_header() -> Made:
    t = Texts(543, SUPPORT)
    lines = ["text,text,rating,rating", "prompt,reply,stars,seconds"]
    for item in t.draw(18):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        cells = [text.replace('"', '""') for text in (item.question, answer)]
        lines.append(f'"{cells[0]}","{cells[1]}",{mark},{t.number(5, 60)}')
    return Made(
        "multiindex.csv",
        ("\r\n".join(lines) + "\r\n").encode(),
        judged(
            "DataFrame.to_csv() with two levels of columns: the names are in two lines",
            "pandas.pydata.org, DataFrame.to_csv with a MultiIndex",
            judgements=["rating"],
            silence="right",
        ),
    )


@file
def header_inside_a_list() -> Made:
    t = Texts(544)
    rows = [["prompt", "answer", "vote"]]
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "up"), (item.poor, "down"))
        rows.append([item.question, answer, mark])
    return Made(
        "sheet_values.json",
        as_json({"range": "Sheet1!A1:C19", "majorDimension": "ROWS", "values": rows}),
        judged(
            "values of the Google Sheets API: a list of lists, of which the first holds the names",
            "developers.google.com/sheets/api, spreadsheets.values.get",
            judgements=[],
            silence="right",
        ),
    )


@file
def payload_of_an_event_table() -> Made:
    t = Texts(545, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(18)):
        answer, mark = t.pick((item.good, "like"), (item.poor, "dislike"))
        payload = {"q": item.question, "a": answer, "fb": mark}
        rows.append(
            {
                "event_id": n,
                "event_type": "answer_feedback",
                "payload": json.dumps(payload, ensure_ascii=False),
                "created_at": t.time(" "),
            }
        )
    return Made(
        "events_dump.csv",
        table(rows),
        judged(
            "table of events: question, answer and verdict are in a cell of JSON",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="payload.q",
                response="payload.a",
                label="payload.fb",
                codes={"like": "good", "dislike": "bad"},
                literals=["payload"],
            ),
            judgements=["payload.fb|payload"],
            silence="right",
            never=["event_type", "created_at"],
        ),
    )


@file
def parquet_list_of_raters() -> Made:
    t = Texts(546, CODE)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        ratings = [
            {"annotator": f"ann_{k}", "score": max(1, mark - (k == 2)), "duration": float(t.number(5, 80))}
            for k in range(t.number(2, 3))
        ]
        rows.append({"instruction": item.question, "completion": answer, "ratings": ratings})
    return Made(
        "ratings.parquet",
        parquet(rows),
        judged(
            "Parquet with a list of structs: annotator, score and duration",
            HAND,
            *rated("instruction", "completion", "ratings.*.score", "high", "1", "3", "5"),
            inside(
                "ratings",
                reading("ratings", prompt="parent.instruction", response="parent.completion", scores={"score": "high"}),
            ),
            judgements=["ratings|score"],
            never=["ratings.*.annotator"],
        ),
    )


@file
def dataset_dict_of_lists() -> Made:
    t = Texts(547, WORK)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, "keep"), (item.poor, "drop"))
        rows.append({"conversations": [user(item.question), assistant(answer)], "curator_decision": mark})
    whole = {name: [row[name] for row in rows] for name in rows[0]}
    return Made(
        "curated.json",
        as_json(whole, None),
        judged(
            "one list for each column: dialogues, and whether a curator keeps or drops them",
            "huggingface.co/docs/datasets, Dataset.to_dict",
            reading(
                ["thumbs", "ratings"],
                messages="conversations",
                label="curator_decision",
                codes={"keep": "good", "drop": "bad"},
            )
            | {"orient": "columns"},
            judgements=["curator_decision"],
        ),
    )


@file
def pipes_between_columns() -> Made:
    t = Texts(548)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        question = item.question.replace("\n", " ")
        rows.append(
            {
                "prompt": question,
                "resp_1": first.replace("\n", " "),
                "resp_2": second.replace("\n", " "),
                "preferred": f"resp_{best + 1}",
                "strength": t.pick("strong", "weak"),
            }
        )
    return Made(
        "prefs.txt.csv",
        table(rows, "|"),
        judged(
            "columns between pipes; preferred repeats the name of a column, and strength says how sure the person was",
            HAND,
            reading(
                ["pairs", "votes", "graded_pair"],
                prompt="prompt",
                first="resp_1",
                second="resp_2",
                label="preferred",
                codes={"resp_1": "first", "resp_2": "second"},
            ),
            judgements=["preferred"],
        ),
    )


@file
def records_below_two_keys() -> Made:
    t = Texts(549, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, mark = t.pick((item.good, True), (item.poor, False), (item.fair, None))
        rows.append(
            {
                "id": n,
                "visitor": {"text": item.question, "country": t.pick("CH", "PL")},
                "assistant": {"text": answer, "ms": t.number(100, 900)},
                "vote": {"is_positive": mark},
            }
        )
    whole = {"meta": {"exported": t.time(), "version": 3}, "export": {"widget": {"chats": rows}}}
    return Made(
        "widget.json",
        as_json(whole),
        judged(
            "the rows are three levels below the object of the file; a vote is true, false or null",
            HAND,
            inside(
                "export.widget.chats",
                thumbs("visitor.text", "assistant.text", "vote.is_positive", true="good", false="bad"),
            ),
            judgements=["vote.is_positive"],
            never=["visitor.country", "id"],
        ),
    )


@file
def jsonl_with_a_line_of_settings() -> Made:
    t = Texts(550, WORK)
    rows: list[dict[str, object]] = [{"type": "settings", "schema": 2, "project": "notes", "created": t.time()}]
    for item in t.draw(20):
        answer, mark = t.pick((item.good, "👍"), (item.poor, "👎"))
        rows.append({"type": "item", "prompt": item.question, "response": answer, "feedback": mark})
    return Made(
        "export.jsonl",
        jsonl(rows),
        judged(
            "the first line holds the settings of the export, and the others are rows with a thumb",
            HAND,
            thumbs("prompt", "response", "feedback", **{"👍": "good", "👎": "bad"}),
            judgements=["feedback"],
            where=["type"],
            never=["project", "created"],
        ),
    )
