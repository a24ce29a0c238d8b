"""Verdicts in nested fields, and several raters."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, parquet, table, workbook
from ..texts import CODE, GERMAN, SUPPORT, Texts
from ..truths import HAND, inside, judged, rated, reading, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def metadata_review_verdict() -> Made:
    t = Texts(301)
    rows = []
    for item in t.draw(20):
        answer, mark = t.pick((item.good, "approved"), (item.good, "approved"), (item.poor, "declined"))
        review = {"verdict": mark, "by": t.pick("kim", "lee"), "on": t.time()}
        rows.append(
            {
                "input": item.question,
                "output": answer,
                "metadata": {"model": "mistral-7b", "latency_ms": t.number(90, 900), "review": review},
            }
        )
    return Made(
        "reviewed_outputs.jsonl",
        jsonl(rows),
        judged(
            "the verdict of a reviewer is inside metadata",
            HAND,
            thumbs("input", "output", "metadata.review.verdict", approved="good", declined="bad"),
            judgements=["metadata.review.verdict"],
            never=["metadata.model", "metadata.review.by", "metadata.review.on"],
        ),
    )


@file
def info_dict_of_scores() -> Made:
    t = Texts(302, CODE)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        info = {"language": "python", "tokens": t.number(20, 300), "human_rating": mark}
        rows.append({"instruction": item.question, "response": answer, "info": info})
    return Made(
        "code_answers.json",
        as_json(rows),
        judged(
            "an instruction set that looks like demonstrations: a person's rating is inside info",
            HAND,
            *rated("instruction", "response", "info.human_rating", "high", "1", "3", "5"),
            judgements=["info.human_rating"],
            never=["info.language", "info.tokens"],
        ),
    )


@file
def extra_annotation_winner() -> Made:
    t = Texts(303)
    rows = []
    for n, item in enumerate(t.draw(18)):
        first, second, best = sides(t, item)
        annotation = {"winner": t.pick("ab"[best], "ab"[best], "tie"), "annotator": f"w{t.number(1, 4)}"}
        rows.append(
            {
                "uid": f"p{n}",
                "request": item.question,
                "candidates": {"a": first, "b": second},
                "extra": {"source": "pilot", "annotation": annotation},
            }
        )
    return Made(
        "pilot.jsonl",
        jsonl(rows),
        judged(
            "two candidates in a mapping; the winner is inside extra.annotation",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="request",
                first="candidates.a",
                second="candidates.b",
                label="extra.annotation.winner",
                codes={"a": "first", "b": "second", "tie": "tie"},
            ),
            judgements=["extra.annotation.winner"],
            never=["uid", "extra.source", "extra.annotation.annotator"],
        ),
    )


@file
def metadata_of_dialogues() -> Made:
    t = Texts(304, SUPPORT)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, 1), (item.poor, -1), (item.fair, 0))
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": "You work for a web shop."},
                    user(item.question),
                    assistant(answer),
                ],
                "meta": {"channel": "web", "user_vote": mark, "at": t.time()},
            }
        )
    return Made(
        "dialogues.jsonl",
        jsonl(rows),
        judged(
            "dialogues that look like demonstrations; meta.user_vote is 1, 0 or -1",
            HAND,
            reading(
                ["thumbs", "ratings"],
                messages="messages",
                label="meta.user_vote",
                codes={"1": "good", "0": "neutral", "-1": "bad"},
            ),
            reading("ratings", messages="messages", scores={"meta.user_vote": "high"}),
            judgements=["meta.user_vote"],
            never=["meta.channel", "meta.at"],
        ),
    )


@file
def metadata_json_text() -> Made:
    t = Texts(305)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "good"), (item.poor, "bad"))
        rows.append(
            {
                "prompt": item.question,
                "completion": answer,
                "metadata": f'{{"run": {t.number(1, 9)}, "label": "{mark}"}}',
            }
        )
    return Made(
        "with_metadata.csv",
        table(rows),
        judged(
            "the label is in a cell of JSON text",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="prompt",
                response="completion",
                label="metadata.label",
                codes={"good": "good", "bad": "bad"},
                literals=["metadata"],
            ),
            judgements=["metadata.label|metadata"],
            silence="right",
        ),
    )


@file
def three_people_in_words() -> Made:
    t = Texts(306)
    rows = []
    for item in t.draw(18):
        answer, mark = t.pick((item.good, "ok"), (item.poor, "not ok"))
        other = {"ok": "not ok", "not ok": "ok"}[mark]
        rows.append(
            {
                "Prompt": item.question,
                "Response": answer,
                "Anna": t.pick(mark, mark, mark, other),
                "Bilal": t.pick(mark, mark, ""),
                "Chen": t.pick(mark, other),
            }
        )
    columns = ["Anna", "Bilal", "Chen"]
    return Made(
        "team review.xlsx",
        workbook(rows, "Review"),
        judged(
            "one column for each of three people, called by their names: ok, not ok or blank",
            HAND,
            thumbs("Prompt", "Response", columns, **{"ok": "good", "not ok": "bad"}),
            judgements=columns,
            needs={name: ["codes"] for name in columns},
        ),
    )


@file
def three_votes_on_two() -> Made:
    t = Texts(307, GERMAN)
    rows = []
    for n, item in enumerate(t.draw(18)):
        first, second, best = sides(t, item)
        mark = ["Antwort 1", "Antwort 2"][best]
        rows.append(
            {
                "Nr": n + 1,
                "Frage": item.question,
                "Antwort 1": first,
                "Antwort 2": second,
                "Urteil Prüfer 1": mark,
                "Urteil Prüfer 2": t.pick(mark, "gleich"),
                "Urteil Prüfer 3": t.pick(mark, mark, "gleich"),
            }
        )
    labels = [f"Urteil Prüfer {n}" for n in (1, 2, 3)]
    return Made(
        "Urteile.csv",
        table(rows, ";"),
        judged(
            "German: three columns of verdicts about two answers",
            HAND,
            reading(
                "votes",
                prompt="Frage",
                first="Antwort 1",
                second="Antwort 2",
                label=labels,
                codes={"Antwort 1": "first", "Antwort 2": "second", "gleich": "tie"},
            ),
            judgements=labels,
            never=["Nr"],
        ),
    )


@file
def reviews_as_list_of_people() -> Made:
    t = Texts(308)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, "up"), (item.poor, "down"))
        other = {"up": "down", "down": "up"}[mark]
        reviews: list[dict[str, Any]] = [
            {"reviewer": name, "thumb": value, "at": t.time()}
            for name, value in (("r1", mark), ("r2", mark), ("r3", t.pick(mark, other)))
        ]
        rows.append({"question": item.question, "answer": answer, "reviews": reviews[: t.number(1, 3)]})
    return Made(
        "reviews.json",
        as_json(rows),
        judged(
            "a list of people's thumbs for each answer, one to three of them",
            HAND,
            thumbs("question", "answer", "reviews.*.thumb", up="good", down="bad"),
            inside("reviews", thumbs("parent.question", "parent.answer", "thumb", up="good", down="bad")),
            judgements=["reviews|thumb"],
            never=["reviews.*.reviewer", "reviews.*.at"],
        ),
    )


@file
def raters_by_name_mapping() -> Made:
    t = Texts(309)
    rows = []
    for item in t.draw(16):
        first, second, best = sides(t, item)
        mark = ["A", "B"][best]
        votes = {name: t.pick(mark, mark, "same") for name in ("mia", "noah", "olu")}
        rows.append({"prompt": item.question, "A": first, "B": second, "votes": votes})
    return Made(
        "votes_by_name.jsonl",
        jsonl(rows),
        judged(
            "a mapping person -> vote",
            HAND,
            reading(
                "votes",
                prompt="prompt",
                first="A",
                second="B",
                label="votes.*",
                codes={"A": "first", "B": "second", "same": "tie"},
            ),
            reading(
                "votes",
                prompt="prompt",
                first="A",
                second="B",
                label=["votes.mia", "votes.noah", "votes.olu"],
                codes={"A": "first", "B": "second", "same": "tie"},
            ),
            judgements=["votes"],
        ),
    )


@file
def scores_of_people_and_axes() -> Made:
    t = Texts(310)
    rows = []
    for item in t.draw(14):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        scores = {f"{axis}_r{n}": mark for axis in ("accuracy", "tone") for n in (1, 2)}
        rows.append({"prompt": item.question, "response": answer} | scores)
    fields = ["accuracy_r1", "accuracy_r2", "tone_r1", "tone_r2"]
    return Made(
        "two_raters_two_axes.csv",
        table(rows),
        judged(
            "two axes, two raters each: accuracy_r1, accuracy_r2, tone_r1, tone_r2",
            HAND,
            reading("ratings", prompt="prompt", response="response", scores=dict.fromkeys(fields, "high")),
            *(
                reading(
                    "thumbs",
                    prompt="prompt",
                    response="response",
                    label=label,
                    codes={"1": "bad", "3": "neutral", "5": "good"},
                )
                for label in (fields[:2], fields[2:])
            ),
            judgements=fields,
        ),
    )


@file
def tags_of_quality() -> Made:
    t = Texts(311)
    rows = []
    for item in t.draw(20):
        answer, tags = t.pick(
            (item.good, ["correct", "concise"]), (item.fair, ["correct"]), (item.poor, ["incorrect", "rude"])
        )
        rows.append({"prompt": item.question, "response": answer, "labels": tags})
    return Made(
        "tagged.parquet",
        parquet(rows),
        judged(
            "a list of tags for each answer, of which correct and incorrect are verdicts",
            HAND,
            reading(
                ["thumbs", "ratings"],
                prompt="prompt",
                response="response",
                label="labels.*",
                codes={"correct": "good", "incorrect": "bad"},
            ),
            judgements=["labels"],
            silence="right",
        ),
    )


@file
def nested_steps_in_words() -> Made:
    t = Texts(312)
    rows = []
    for _ in range(14):
        a, b = t.number(2, 30), t.number(2, 30)
        wrong = t.is_less(0.5)
        steps = [
            {"text": f"The first number is {a}.", "verdict": "valid"},
            {"text": f"{a} plus {b} is {a + b + 2 * wrong}.", "verdict": "invalid" if wrong else "valid"},
        ]
        rows.append({"problem": f"What is {a} plus {b}?", "solution": steps, "checker": t.pick("x", "y")})
    return Made(
        "checked_steps.jsonl",
        jsonl(rows),
        judged(
            "solutions in steps; each step has a verdict valid or invalid",
            HAND,
            reading(
                "steps",
                prompt="problem",
                steps="solution",
                step="text",
                rating="verdict",
                codes={"valid": "right", "invalid": "wrong"},
            ),
            judgements=["solution.*.verdict"],
            never=["checker"],
        ),
    )
