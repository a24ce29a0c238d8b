"""Tables, continued."""

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import FRENCH, GERMAN, SUPPORT, Texts
from ..truths import HAND, judged, reading
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def winner_by_model_name() -> Made:
    t = Texts(142)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        names = ["falcon-7b", "mpt-7b"] if t.is_less(0.5) else ["mpt-7b", "falcon-7b"]
        rows.append(
            {
                "question": item.question,
                "model_1": names[0],
                "model_2": names[1],
                "answer_1": first,
                "answer_2": second,
                "winner": names[best],
            }
        )
    return Made(
        "battles.csv",
        table(rows),
        judged(
            "the winner is named by its model",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="question",
                first="answer_1",
                second="answer_2",
                label="winner",
                names={"first": "model_1", "second": "model_2"},
            ),
            reading(
                "multiple_choice",
                prompt="question",
                options=["answer_1", "answer_2"],
                answer="winner",
                labels=["model_1", "model_2"],
            ),
            judgements=["winner"],
            accept={"codes": []},
        ),
    )


@file
def left_right_same() -> Made:
    t = Texts(143, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(22)):
        first, second, best = sides(t, item)
        mark = t.pick(["links", "rechts"][best], ["links", "rechts"][best], "gleich gut", "beide schlecht")
        rows.append(
            {
                "ID": n,
                "Anfrage": item.question,
                "Antwort links": first,
                "Antwort rechts": second,
                "Besser": mark,
                "Prüfer": t.pick("KS", "LM"),
            }
        )
    return Made(
        "Vergleich.xlsx",
        workbook(rows, "Tabelle1"),
        judged(
            "German comparisons: links, rechts, gleich gut, beide schlecht",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="Anfrage",
                first="Antwort links",
                second="Antwort rechts",
                label="Besser",
                codes={"links": "first", "rechts": "second", "gleich gut": "tie", "beide schlecht": "tie"},
            ),
            judgements=["Besser"],
            never=["Prüfer", "ID"],
        ),
    )


@file
def bracket_verdicts() -> Made:
    t = Texts(144)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        verdict = t.pick(["[[A]]", "[[B]]"][best], ["[[A]]", "[[B]]"][best], "[[C]]")
        rows.append(
            {
                "instruction": item.question,
                "answer_a": first,
                "answer_b": second,
                "judge_model": "gpt-4",
                "judgment": verdict,
            }
        )
    return Made(
        "judge_output.jsonl",
        jsonl(rows),
        judged(
            "verdicts of a judge model as [[A]], [[B]] and [[C]] for a tie",
            "github: lm-sys/FastChat, llm_judge prompts",
            reading(
                ["pairs", "votes"],
                prompt="instruction",
                first="answer_a",
                second="answer_b",
                label="judgment",
                codes={"[[A]]": "first", "[[B]]": "second", "[[C]]": "tie"},
            ),
            judgements=["judgment"],
            never=["judge_model"],
        ),
    )


@file
def vote_counts() -> Made:
    t = Texts(145)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        votes = [t.number(5, 9), t.number(0, 3)]
        if best == 1:
            votes.reverse()
        rows.append(
            {"prompt": item.question, "option_a": first, "option_b": second, "votes_a": votes[0], "votes_b": votes[1]}
        )
    return Made(
        "poll.csv",
        table(rows),
        judged(
            "counts of votes for each of two answers",
            HAND,
            reading(
                "votes",
                prompt="prompt",
                first="option_a",
                second="option_b",
                counts={"first": "votes_a", "second": "votes_b"},
            ),
            reading(
                "rated_list",
                prompt="prompt",
                answers=["option_a", "option_b"],
                scores={"votes_a": "high", "votes_b": "high"},
            ),
            judgements=["votes_a", "votes_b"],
        ),
    )


@file
def label_one_two() -> Made:
    t = Texts(146)
    rows = []
    for n, item in enumerate(t.draw(24)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "idx": n,
                "instruction": item.question,
                "response1": first,
                "response2": second,
                "choice": t.pick(best + 1, best + 1, best + 1, 0),
            }
        )
    return Made(
        "choices.json",
        as_json(rows),
        judged(
            "choice 0, 1 or 2 beside response1 and response2",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="instruction",
                first="response1",
                second="response2",
                label="choice",
                codes={"0": "tie", "1": "first", "2": "second"},
            ),
            judgements=["choice"],
            never=["idx"],
        ),
    )


@file
def three_raters_columns() -> Made:
    t = Texts(147, SUPPORT)
    rows = []
    for item in t.draw(14):
        for answer, mean in ((item.good, 4), (item.poor, 2)):
            marks = [t.pick(min(5, max(1, mean + t.number(-1, 1))), mean, "") for _ in range(3)]
            rows.append(
                {
                    "Customer": item.question,
                    "Reply": answer,
                    "Rater 1": marks[0],
                    "Rater 2": marks[1],
                    "Rater 3": marks[2],
                }
            )
    return Made(
        "raters.xlsx",
        workbook(rows),
        judged(
            "three columns of scores by three raters, with blanks",
            HAND,
            reading(
                "ratings",
                prompt="Customer",
                response="Reply",
                scores={"Rater 1": "high", "Rater 2": "high", "Rater 3": "high"},
            ),
            judgements=["Rater 1", "Rater 2", "Rater 3"],
        ),
    )


@file
def post_edited_translations() -> Made:
    t = Texts(148, FRENCH)
    rows = [
        {
            "seg": n,
            "source_fr": i.good,
            "mt_output": i.fair,
            "post_edit": i.good + " ",
            "post_editor": t.pick("ed1", "ed2"),
            "seconds": t.number(5, 90),
        }
        for n, i in enumerate(t.draw(20))
    ]
    return Made(
        "postedit.csv",
        table(rows),
        judged(
            "machine output and what a person made of it",
            HAND,
            reading("edit", before="mt_output", after="post_edit", prompt="source_fr"),
            reading("pairs", prompt="source_fr", chosen="post_edit", rejected="mt_output"),
            judgements=[],
            context=["source_fr"],
            never=["post_editor", "seconds"],
        ),
    )


@file
def tool_preferences() -> Made:
    t = Texts(149, SUPPORT)
    tool = {
        "type": "function",
        "function": {
            "name": "find_parcel",
            "description": "Finds a parcel.",
            "parameters": {"type": "object", "properties": {"number": {"type": "string"}}},
        },
    }
    rows = []
    for item in t.draw(12):
        call = {"id": "call_1", "type": "function", "function": {"name": "find_parcel", "arguments": '{"number": "7"}'}}
        rows.append(
            {
                "prompt": [user(item.question)],
                "chosen": [{"role": "assistant", "content": None, "tool_calls": [call]}],
                "rejected": [assistant(item.poor)],
                "tools": [tool],
            }
        )
    return Made(
        "tool_prefs.jsonl",
        jsonl(rows),
        judged(
            "TRL preferences with tool calls and a tools column",
            "huggingface.co/docs/trl/dataset_formats, tool calling",
            reading("pairs", prompt="prompt", chosen="chosen", rejected="rejected", tools="tools"),
            judgements=[],
            context=["tools"],
        ),
    )
