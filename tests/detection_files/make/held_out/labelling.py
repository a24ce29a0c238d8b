"""Label Studio, Argilla, Prodigy and doccano."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl
from ..texts import CODE, SUPPORT, WORK, Texts
from ..truths import judged, nothing, rated, reading, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


def _task(n: int, t: Texts, people: list[list[dict[str, Any]]], data: dict[str, Any]) -> dict[str, Any]:
    """A task of a Label Studio export with one annotation for each list of results."""
    annotations = [
        {
            "id": 5000 + 10 * n + k,
            "completed_by": {"id": k + 3, "email": f"rater{k + 3}@example.org", "first_name": "", "last_name": ""},
            "result": result,
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": t.time(),
            "lead_time": t.number(2000, 50000) / 1000,
            "result_count": len(result),
        }
        for k, result in enumerate(people)
    ]
    return {
        "id": 700 + n,
        "annotations": annotations,
        "predictions": [],
        "data": data,
        "meta": {},
        "created_at": t.time(),
        "inner_id": n + 1,
        "project": 31,
    }


def _result(t: Texts, name: str, to: str, type: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": t.uuid()[:8], "type": type, "value": value, "origin": "manual", "to_name": to, "from_name": name}


@file
def label_studio_people_and_model() -> Made:
    t = Texts(401, WORK)
    rows = []
    for n, item in enumerate(t.draw(14)):
        first, second, best = sides(t, item)
        right = ["Draft 1", "Draft 2"][best]
        people = [
            [_result(t, "which", "task", "choices", {"choices": [t.pick(right, right, right, "No difference")]})]
            for _ in range(2)
        ]
        row = _task(n, t, people, {"brief": item.question, "draft_1": first, "draft_2": second})
        guess = _result(t, "which", "task", "choices", {"choices": [t.pick("Draft 1", "Draft 2")]})
        row["predictions"] = [{"id": n, "model_version": "judge-0.3", "score": 0.61, "result": [guess]}]
        rows.append(row)
    return Made(
        "project-31-at-2025-06-11-09-30-a1b2c3d4.json",
        as_json(rows, None),
        judged(
            "Label Studio JSON: two people chose a draft; the predictions are a model's guesses, often wrong",
            "labelstud.io/guide/task_format and /guide/predictions",
            reading(
                ["votes", "pairs"],
                prompt="data.brief",
                first="data.draft_1",
                second="data.draft_2",
                label="annotations.*.result.*.value.choices.*",
                codes={"Draft 1": "first", "Draft 2": "second", "No difference": "tie"},
            ),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["created_at", "annotations.*.completed_by.email", "predictions.*.model_version"],
        ),
    )


@file
def label_studio_number_of_errors() -> Made:
    t = Texts(402, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, errors = t.pick((item.good, 0), (item.fair, 1), (item.poor, 4))
        result = [_result(t, "error_count", "reply", "number", {"number": errors})]
        rows.append(_task(n, t, [result], {"ticket_text": item.question, "reply": answer}))
    label = "annotations.*.result.*.value.number"
    place = {"prompt": "data.ticket_text", "response": "data.reply"}
    return Made(
        "project-31.json",
        as_json(rows, None),
        judged(
            "Label Studio Number control that counts errors: fewer is better",
            "labelstud.io/tags/number",
            reading("ratings", **place, scores={label: "low"}),
            reading("thumbs", **place, label=label, codes={"0": "good", "4": "bad"}),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["created_at", "annotations.*.created_at", "annotations.*.completed_by.email"],
        ),
    )


@file
def label_studio_min_two_controls() -> Made:
    t = Texts(403)
    rows = []
    for n, item in enumerate(t.draw(18)):
        answer, stars, safe = t.pick((item.good, 5, "Safe"), (item.fair, 3, "Safe"), (item.poor, 1, "Unsafe"))
        rows.append(
            {
                "id": 90 + n,
                "user_prompt": item.question,
                "completion": answer,
                "stars": [{"rating": stars}],
                "safety": safe,
                "annotator": t.number(1, 4),
                "annotation_id": 1200 + n,
                "created_at": t.time(),
                "updated_at": t.time(),
                "lead_time": t.number(2000, 30000) / 1000,
            }
        )
    place = ("user_prompt", "completion")
    return Made(
        "project-8-at-2025-05-02-min.json",
        as_json(rows),
        judged(
            "Label Studio JSON_MIN: a Rating is a list of one object, a Choices control is a text",
            "labelstud.io/guide/export, JSON_MIN; label-studio-converter, prettify_result",
            *rated(*place, "stars.*.rating", "high", "1", "3", "5"),
            thumbs(*place, "safety", Safe="good", Unsafe="bad"),
            judgements=["stars", "safety"],
            never=["created_at", "updated_at", "lead_time", "annotator"],
        ),
    )


@file
def argilla1_problems_of_answer() -> Made:
    t = Texts(404, WORK)
    rows = []
    for n, item in enumerate(t.draw(18)):
        answer, marks = t.pick(
            (item.good, ["no problem"]), (item.fair, ["too vague"]), (item.poor, ["wrong facts", "bad tone"])
        )
        rows.append(
            {
                "request": item.question,
                "reply": answer,
                "problems": [{"user_id": t.uuid(), "value": marks, "status": "submitted"}],
                "problems-suggestion": None,
                "problems-suggestion-metadata": {"type": None, "score": None, "agent": None},
                "external_id": str(n),
                "metadata": '{"round": 2}',
            }
        )
    return Made(
        "problems.jsonl",
        jsonl(rows),
        judged(
            "Argilla 1.x, a multi-label question: the labels are problems, or 'no problem'",
            "docs.v1.argilla.io, MultiLabelQuestion; FeedbackDataset export to the Hub",
            reading(
                ["thumbs", "ratings"],
                prompt="request",
                response="reply",
                label="problems.*.value.*",
                codes={"no problem": "good", "too vague": "bad", "wrong facts": "bad", "bad tone": "bad"},
            ),
            judgements=["problems"],
            where=["problems.*.status"],
            silence="right",
            never=["problems.*.user_id", "external_id", "metadata"],
        ),
    )


@file
def argilla2_ranking_of_three() -> Made:
    t = Texts(405)
    rows = []
    for n, item in enumerate(t.draw(12)):
        texts = [item.good, item.fair, item.poor]
        order = [0, 1, 2]
        t.random.shuffle(order)
        fields = {"task": item.question} | {f"reply_{k + 1}": texts[place] for k, place in enumerate(order)}
        best_first = [f"reply_{order.index(place) + 1}" for place in range(3)]
        rows.append(
            {
                "id": f"r{n}",
                "status": "completed",
                "inserted_at": t.time(),
                "fields": fields,
                "metadata": {"batch": 4},
                "suggestions": {},
                "responses": {"order_of_replies": [{"value": best_first, "user_id": t.uuid()}]},
                "vectors": {},
            }
        )
    answers = [f"fields.reply_{k}" for k in (1, 2, 3)]
    return Made(
        "ranking_records.json",
        as_json(rows),
        judged(
            "Argilla 2.x records with a ranking question: the value is the list of names, the first is ranked first",
            "docs.argilla.io, RankingQuestion and dataset.records.to_json",
            *(
                reading("ranking", prompt="fields.task", answers=answers, order="best_first", **{setting: path})
                for setting, path in (
                    ("sequence", "responses.order_of_replies.*.value"),
                    ("sequence", "responses.order_of_replies.0.value"),
                    ("sequences", "responses.order_of_replies.*.value"),
                )
            ),
            judgements=["responses.order_of_replies"],
            never=["inserted_at", "metadata.batch", "responses.order_of_replies.*.user_id"],
        ),
    )


@file
def argilla2_mood_and_verdict() -> Made:
    t = Texts(406, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, mark = t.pick((item.good, "solves it"), (item.poor, "does not solve it"))
        user = t.uuid()
        mood = t.pick("calm", "angry", "desperate")
        rows.append(
            {
                "id": f"t{n}",
                "status": "completed",
                "fields": {"customer": item.question, "agent": answer},
                "metadata": {},
                "suggestions": {"mood_of_customer": {"value": mood, "score": 0.8, "agent": "sentiment-v1"}},
                "responses": {
                    "mood_of_customer": [{"value": mood, "user_id": user}],
                    "verdict_on_answer": [{"value": mark, "user_id": user}],
                },
                "vectors": {},
            }
        )
    return Made(
        "verdicts.json",
        as_json(rows),
        judged(
            "Argilla 2.x: one question is about the customer's mood, the other about the answer",
            "docs.argilla.io, LabelQuestion and dataset.records.to_json",
            reading(
                ["thumbs", "ratings"],
                prompt="fields.customer",
                response="fields.agent",
                label="responses.verdict_on_answer.*.value",
                codes={"solves it": "good", "does not solve it": "bad"},
            ),
            judgements=["responses.verdict_on_answer"],
            never=["responses.mood_of_customer.*.user_id", "suggestions.mood_of_customer.agent"],
        ),
    )


@file
def prodigy_compare_recipe() -> Made:
    t = Texts(407)
    rows = []
    for n, item in enumerate(t.draw(18)):
        mapping = t.pick({"A": "accept", "B": "reject"}, {"A": "reject", "B": "accept"})
        texts = {"A": {"text": item.good}, "B": {"text": item.poor}}
        if t.is_less(0.4):
            texts = {"A": texts["B"], "B": texts["A"]}
        row = {"id": n, "input": {"text": item.question}} | texts
        row |= {mapping["A"]: texts["A"], mapping["B"]: texts["B"], "mapping": mapping}
        answer = "accept" if row["accept"]["text"] == item.good else "reject"
        rows.append(row | {"answer": t.pick(answer, answer, answer, "ignore"), "_view_id": "compare"})
    place = {"prompt": "input.text"}
    codes = {"accept": "ask", "reject": "ask", "ignore": "none"}
    return Made(
        "compare_a_b.jsonl",
        jsonl(rows),
        judged(
            "Prodigy compare: accept and reject are the two sides in random order, and 'answer' says which won",
            "prodi.gy/docs/workflow-evaluation: accept approves the second output",
            reading(
                ["pairs", "votes"],
                **place,
                first="accept.text",
                second="reject.text",
                label="answer",
                codes={"accept": "first", "reject": "second", "ignore": "none"},
            ),
            reading(["pairs", "votes"], **place, first="A.text", second="B.text", label="answer", codes=codes),
            judgements=["answer"],
            silence="right",
            where=["answer"],
            never=["_view_id", "mapping.A", "mapping.B"],
        ),
    )


@file
def prodigy_flag_is_a_bookmark() -> Made:
    t = Texts(408, WORK)
    rows = []
    options = [{"id": "USABLE", "text": "Could be sent as it is"}, {"id": "UNUSABLE", "text": "Must not be sent"}]
    for item in t.draw(20):
        text, mark = t.pick((item.good, "USABLE"), (item.fair, "USABLE"), (item.poor, "UNUSABLE"))
        rows.append(
            {
                "question": item.question,
                "text": text,
                "_input_hash": t.number(-(2**31), 2**31),
                "_task_hash": t.number(-(2**31), 2**31),
                "options": options,
                "_view_id": "choice",
                "accept": [mark],
                "answer": "accept",
                "flagged": t.is_less(0.3),
                "_timestamp": t.number(1740000000, 1750000000),
                "_session_id": "drafts-" + t.pick("jo", "max"),
            }
        )
    return Made(
        "drafts_reviewed.jsonl",
        jsonl(rows),
        judged(
            "Prodigy choice of USABLE or UNUSABLE; answer is always accept, and flagged is the bookmark of a person",
            "prodi.gy/docs/api-interfaces#choice; show_flag in the configuration",
            thumbs("question", "text", "accept.*", USABLE="good", UNUSABLE="bad"),
            judgements=["accept"],
            where=["answer", "flagged"],
            never=["_session_id", "_timestamp", "_view_id"],
        ),
    )


@file
def doccano_topics() -> Made:
    t = Texts(409, SUPPORT)
    rows = [
        {
            "id": 70 + n,
            "text": item.question,
            "label": [t.pick("billing", "delivery", "login")],
            "Comments": t.pick([], [], ["unclear"]),
        }
        for n, item in enumerate(t.draw(30))
    ]
    return Made(
        "all.jsonl",
        jsonl(rows),
        nothing(
            "doccano: topics of customers' questions; there is no answer that somebody judged",
            "doccano.github.io/doccano/tutorial, export JSONL",
        ),
    )


@file
def doccano_projects_of_people() -> Made:
    t = Texts(410, CODE)
    rows = []
    for n, item in enumerate(t.draw(20)):
        answer, mark = t.pick((item.good, "compiles_and_fits"), (item.fair, "compiles_and_fits"), (item.poor, "broken"))
        rows.append(
            {
                "id": n,
                "text": f"{item.question}\n\n{answer}",
                "task": item.question,
                "snippet": answer,
                "label": [mark],
                "annotator": t.pick("ida", "per"),
            }
        )
    return Made(
        "ida.jsonl",
        jsonl(rows),
        judged(
            "doccano: the text repeats task and snippet, which are metadata; the label is a list of one",
            "doccano.github.io/doccano, metadata columns in an export",
            thumbs("task", "snippet", "label.*", compiles_and_fits="good", broken="bad"),
            judgements=["label"],
            never=["annotator", "id"],
        ),
    )
