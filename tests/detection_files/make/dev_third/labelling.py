"""Labelling tools and crowdsourcing."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import judged, rated, reading, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def argilla1_label_of_two() -> Made:
    t = Texts(201)
    rows = []
    for n, item in enumerate(t.draw(18)):
        first, second, best = sides(t, item)
        right = ["first-answer is better", "second-answer is better"][best]
        votes: list[dict[str, Any]] = [
            {"user_id": t.uuid(), "value": t.pick(right, right, "both are bad"), "status": "submitted"}
            for _ in range(t.number(1, 3))
        ]
        if t.is_less(0.3):
            votes.append({"user_id": t.uuid(), "value": None, "status": "discarded"})
        rows.append(
            {
                "question": item.question,
                "first-answer": first,
                "second-answer": second,
                "which-is-better": votes,
                "which-is-better-suggestion": t.pick("first-answer is better", "second-answer is better"),
                "which-is-better-suggestion-metadata": {"type": "model", "score": 0.8, "agent": "gpt-4"},
                "external_id": f"q-{n}",
                "metadata": "{}",
            }
        )
    codes = {"first-answer is better": "first", "second-answer is better": "second", "both are bad": "tie"}
    return Made(
        "which_is_better.jsonl",
        jsonl(rows),
        judged(
            "Argilla 1.x, a label question about two answers, several people; a model's suggestion beside it",
            "docs.v1.argilla.io, FeedbackDataset export to the Hub",
            reading(
                ["votes", "pairs"],
                prompt="question",
                first="first-answer",
                second="second-answer",
                label="which-is-better.*.value",
                codes=codes,
            ),
            judgements=["which-is-better"],
            where=["which-is-better.*.status"],
            never=["which-is-better.*.user_id", "which-is-better-suggestion", "external_id", "metadata"],
        ),
    )


@file
def argilla2_flat_questions() -> Made:
    t = Texts(202, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, mark, safe = t.pick((item.good, 5, "yes"), (item.fair, 3, "yes"), (item.poor, 1, "no"))
        people = [t.uuid() for _ in range(2)]
        states = ["submitted", t.pick("submitted", "discarded")]
        rows.append(
            {
                "id": f"rec-{n}",
                "status": "completed",
                "_server_id": t.uuid(),
                "message": item.question,
                "reply": answer,
                "helpfulness.responses": [mark, mark],
                "helpfulness.responses.users": people,
                "helpfulness.responses.status": states,
                "safe.responses": [safe, safe],
                "safe.responses.users": people,
                "safe.responses.status": states,
            }
        )
    return Made(
        "argilla_flat.json",
        as_json(rows),
        judged(
            "Argilla 2.x, flat records with a rating question and a question of yes and no",
            "github: argilla-io/argilla, records/_io/_generic.py; dataset.records.to_datasets",
            *rated("message", "reply", "helpfulness.responses", "high", "1", "3", "5"),
            thumbs("message", "reply", "safe.responses", yes="good", no="bad"),
            judgements=["helpfulness.responses", "safe.responses"],
            where=["status"],
            never=["helpfulness.responses.users", "safe.responses.users", "_server_id"],
        ),
    )


def _task(n: int, t: Texts, result: list[dict[str, Any]], data: dict[str, Any], cancelled: bool = False) -> Any:
    """A task of a Label Studio export with one annotation."""
    return {
        "id": n + 1,
        "annotations": [
            {
                "id": 300 + n,
                "completed_by": t.number(1, 4),
                "result": result,
                "was_cancelled": cancelled,
                "ground_truth": False,
                "created_at": t.time(),
                "updated_at": t.time(),
                "lead_time": t.number(2000, 50000) / 1000,
            }
        ],
        "predictions": [],
        "data": data,
        "meta": {},
        "created_at": t.time(),
        "project": 11,
    }


def _result(t: Texts, name: str, to: str, type: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"value": value, "id": t.uuid()[:10], "from_name": name, "to_name": to, "type": type, "origin": "manual"}


@file
def label_studio_choice_and_note() -> Made:
    t = Texts(203)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, mark = t.pick((item.good, "Accurate"), (item.fair, "Partly accurate"), (item.poor, "Inaccurate"))
        result = [_result(t, "accuracy", "reply", "choices", {"choices": [mark]})]
        if t.is_less(0.5):
            note = _result(t, "note", "reply", "textarea", {"text": ["Checked in the manual."]})
            result.insert(t.number(0, 1), note)
        rows.append(_task(n, t, result, {"user_question": item.question, "bot_reply": answer}))
    return Made(
        "project-11-at-2025-04-01.json",
        as_json(rows),
        judged(
            "Label Studio JSON with Choices and a TextArea: the results come in any order",
            "labelstud.io/guide/task_format, /tags/choices and /tags/textarea",
            reading(
                ["thumbs", "ratings"],
                prompt="data.user_question",
                response="data.bot_reply",
                label="annotations.*.result.*.value.choices.*",
                codes={"Accurate": "good", "Partly accurate": "neutral", "Inaccurate": "bad"},
            ),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["created_at", "annotations.*.created_at", "annotations.*.result.*.value.text"],
        ),
    )


@file
def label_studio_sides_turned() -> Made:
    t = Texts(204)
    rows = []
    for n, item in enumerate(t.draw(16)):
        first, second, best = sides(t, item)
        result = [_result(t, "better", "answer_b,answer_a", "pairwise", {"selected": ["right", "left"][best]})]
        rows.append(
            _task(
                n, t, result, {"query": item.question, "answer_a": first, "answer_b": second}, cancelled=t.is_less(0.15)
            )
        )
    return Made(
        "pairwise.json",
        as_json(rows),
        judged(
            "Label Studio Pairwise whose to_name puts answer_b on the left",
            "labelstud.io/tags/pairwise: the first name of toName is on the left",
            reading(
                ["pairs", "votes"],
                prompt="data.query",
                first="data.answer_b",
                second="data.answer_a",
                label="annotations.*.result.*.value.selected",
                codes={"left": "first", "right": "second"},
            ),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["created_at", "annotations.*.result.*.to_name"],
        ),
    )


@file
def label_studio_buckets() -> Made:
    t = Texts(205)
    rows = []
    for n, item in enumerate(t.draw(12)):
        answers = [(item.good, True), (item.fair, True), (item.poor, False)]
        t.random.shuffle(answers)
        items = [{"id": f"c{k}", "title": f"Answer {k}", "body": text} for k, (text, _) in enumerate(answers)]
        good = [f"c{k}" for k, (_, is_good) in enumerate(answers) if is_good]
        bad = [f"c{k}" for k, (_, is_good) in enumerate(answers) if not is_good]
        value = {"ranker": {"acceptable": good, "unacceptable": bad}}
        rows.append(_task(n, t, [_result(t, "rank", "list", "ranker", value)], {"task": item.question, "items": items}))
    return Made(
        "buckets.json",
        as_json(rows),
        judged(
            "Label Studio Ranker with buckets: the good and the bad answers are lists of ids",
            "labelstud.io/tags/ranker, with Bucket; templates/generative-llm-ranker",
            judgements=["annotations.*.result"],
            silence="right",
            never=["created_at"],
        ),
    )


@file
def prodigy_five_options() -> Made:
    t = Texts(206)
    names = ("very poor", "poor", "so-so", "good", "very good")
    options = [{"id": n, "text": f"{n} - {name}"} for n, name in enumerate(names, 1)]
    rows = []
    for item in t.draw(20):
        text, mark = t.pick((item.good, 5), (item.good, 4), (item.fair, 3), (item.poor, 2), (item.poor, 1))
        state = t.pick("accept", "accept", "accept", "accept", "ignore")
        rows.append(
            {
                "text": text,
                "instruction": item.question,
                "options": options,
                "accept": [mark] if state == "accept" else [],
                "config": {"choice_style": "single"},
                "answer": state,
                "_input_hash": t.number(-(2**31), 2**31),
                "_task_hash": t.number(-(2**31), 2**31),
                "_view_id": "choice",
                "_annotator_id": t.pick("ratings-ann", "ratings-bo"),
            }
        )
    return Made(
        "ratings.jsonl",
        jsonl(rows),
        judged(
            "Prodigy choice: the options are five grades of one answer; 'answer' only says whether the task was done",
            "prodi.gy/docs/api-interfaces#choice",
            *rated("instruction", "text", "accept.*", "high", "1", "3", "5"),
            judgements=["accept"],
            where=["answer"],
            never=["_view_id", "_annotator_id", "answer", "options"],
        ),
    )


@file
def doccano_csv_labels() -> Made:
    t = Texts(207, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(22)):
        answer, mark = t.pick((item.good, "correct"), (item.good, "correct"), (item.poor, "incorrect"))
        rows.append({"id": n + 1, "text": answer, "label": mark, "user_request": item.question, "ticket": 900 + n})
    return Made(
        "admin.csv",
        table(rows),
        judged(
            "doccano CSV of text classification: the text is the answer, the request is metadata",
            "github: doccano/doccano, backend/data_export, CSV",
            thumbs("user_request", "text", "label", correct="good", incorrect="bad"),
            judgements=["label"],
            never=["id", "ticket"],
        ),
    )


@file
def mturk_batch() -> Made:
    t = Texts(208)
    rows = []
    for item in t.draw(9):
        first, second, best = sides(t, item)
        hit = "3" + t.uuid().replace("-", "")[:29].upper()
        for _ in range(3):
            right = ["responseA", "responseB"][best]
            rows.append(
                {
                    "HITId": hit,
                    "HITTypeId": "3K4PG",
                    "Reward": "$0.15",
                    "AssignmentId": "3" + t.uuid().replace("-", "")[:29].upper(),
                    "WorkerId": "A" + t.uuid()[:8].upper(),
                    "AssignmentStatus": t.pick("Approved", "Approved", "Rejected"),
                    "AcceptTime": "Sat Mar 01 08:12:44 PST 2025",
                    "WorkTimeInSeconds": t.number(20, 400),
                    "LifetimeApprovalRate": f"{t.number(90, 100)}% (10/10)",
                    "Input.prompt": item.question,
                    "Input.responseA": first,
                    "Input.responseB": second,
                    "Answer.better": t.pick(right, right, right, "same"),
                    "Answer.comment": t.pick("", "", "good task"),
                }
            )
    return Made(
        "Batch_4912345_batch_results.csv",
        table(rows),
        judged(
            "Mechanical Turk batch: one row for each worker; Approved is about the worker, not about an answer",
            "docs.aws.amazon.com/AWSMechTurk, results file of a batch: Input.* and Answer.*",
            reading(
                ["votes", "pairs"],
                prompt="Input.prompt",
                first="Input.responseA",
                second="Input.responseB",
                label="Answer.better",
                codes={"responseA": "first", "responseB": "second", "same": "tie"},
            ),
            judgements=["Answer.better"],
            where=["AssignmentStatus"],
            never=["HITId", "WorkerId", "AcceptTime", "AssignmentStatus", "LifetimeApprovalRate", "Answer.comment"],
        ),
    )


@file
def toloka_pool() -> Made:
    t = Texts(209)
    rows = []
    for n, item in enumerate(t.draw(20)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "INPUT:query": item.question,
                "INPUT:left": first,
                "INPUT:right": second,
                "OUTPUT:result": t.pick(["LEFT", "RIGHT"][best], ["LEFT", "RIGHT"][best], "EQUAL"),
                "GOLDEN:result": "",
                "HINT:text": "",
                "ASSIGNMENT:assignment_id": f"0000{n:04}--6501",
                "ASSIGNMENT:worker_id": t.uuid().replace("-", ""),
                "ASSIGNMENT:status": "APPROVED",
                "ASSIGNMENT:started": t.time(),
            }
        )
    return Made(
        "assignments_from_pool_1234__01-03-2025.tsv",
        table(rows, "\t"),
        judged(
            "Toloka: columns INPUT:, OUTPUT:, GOLDEN: and ASSIGNMENT:",
            "github: Toloka/toloka-kit, get_assignments_df; public code that reads the columns",
            reading(
                ["votes", "pairs"],
                prompt="INPUT:query",
                first="INPUT:left",
                second="INPUT:right",
                label="OUTPUT:result",
                codes={"LEFT": "first", "RIGHT": "second", "EQUAL": "tie"},
            ),
            judgements=["OUTPUT:result"],
            where=["ASSIGNMENT:status"],
            never=["ASSIGNMENT:worker_id", "ASSIGNMENT:started", "ASSIGNMENT:status", "ASSIGNMENT:assignment_id"],
        ),
    )


@file
def labelbox_export() -> Made:
    t = Texts(210)
    rows = []
    for n, item in enumerate(t.draw(10)):
        answer, mark = t.pick((item.good, "helpful"), (item.poor, "not_helpful"))
        radio = {"name": mark.replace("_", " ").title(), "value": mark}
        label = {
            "label_kind": "Default",
            "label_details": {"created_at": t.time(), "created_by": "ann@example.org"},
            "annotations": {
                "objects": [],
                "classifications": [{"name": "Is it helpful?", "value": "is_it_helpful", "radio_answer": radio}],
            },
        }
        rows.append(
            {
                "data_row": {
                    "id": f"cl{n:05}",
                    "global_key": f"row-{n}",
                    "row_data": f"{item.question}\n---\n{answer}",
                },
                "media_attributes": {"asset_type": "text"},
                "projects": {"cmbgnzmhu0bed": {"name": "Helpfulness", "labels": [label]}},
            }
        )
    return Made(
        "export-result.ndjson",
        jsonl(rows),
        judged(
            "Labelbox export: the verdict is below the id of the project; question and answer are one text",
            "docs.labelbox.com, export specifications; public code with data_row and projects",
            judgements=["projects"],
            silence="right",
            never=["data_row.global_key", "data_row.id"],
        ),
    )


@file
def potato_scale() -> Made:
    t = Texts(211)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answer, mark = t.pick((item.good, "5"), (item.fair, "3"), (item.poor, "1"))
        rows.append(
            {
                "user_id": t.pick("ann", "bo"),
                "instance_id": f"item_{n}",
                "displayed_text": f"<b>Q</b> {item.question}<br/><b>A</b> {answer}",
                "label_annotations": {"quality": {f"scale_{mark}": mark}},
                "span_annotations": [],
                "behavioral_data": {"time_string": "Time spent: 0d 0h 0m 12s"},
            }
        )
    return Made(
        "annotated_instances.jsonl",
        jsonl(rows),
        judged(
            "Potato with a Likert scale: the name of the answer holds the value; the texts are one text",
            "github: davidjurgens/potato, annotation_output and likert",
            judgements=["label_annotations.quality"],
            silence="right",
            never=["user_id", "instance_id"],
        ),
    )
