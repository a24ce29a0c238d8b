"""Crowdsourcing and labelling services."""

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import CODE, SUPPORT, WORK, Texts
from ..truths import inside, judged, reading, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def potato_only_ids() -> Made:
    t = Texts(411)
    rows = []
    for n in range(26):
        side = t.pick("A", "B")
        rows.append(
            {
                "user": t.pick("p1", "p2", "p3"),
                "instance_id": f"pair_{n}",
                "better:::Answer A": "1" if side == "A" else "",
                "better:::Answer B": "1" if side == "B" else "",
                "certain:::5": t.pick("5", ""),
                "certain:::1": "",
            }
        )
    return Made(
        "annotated_instances.tsv",
        table(rows, "\t"),
        judged(
            "Potato TSV with the verdicts of people but only the ids of the pairs: the texts are elsewhere",
            "github: davidjurgens/potato, annotation_output as tsv: schema:::label",
            judgements=["better:::Answer A"],
            silence="right",
            never=["user", "instance_id"],
        ),
    )


@file
def toloka_verdict_on_the_worker() -> Made:
    t = Texts(412, WORK)
    rows = []
    for n, item in enumerate(t.draw(22)):
        answer, mark = t.pick((item.good, "fits"), (item.fair, "fits_partly"), (item.poor, "does_not_fit"))
        rows.append(
            {
                "INPUT:request": item.question,
                "INPUT:model_reply": answer,
                "OUTPUT:fit": mark,
                "GOLDEN:fit": "",
                "HINT:text": "",
                "HINT:default_language": "en",
                "ASSIGNMENT:link": f"https://example.org/task/{n}",
                "ASSIGNMENT:assignment_id": f"0001{n:04}--66aa",
                "ASSIGNMENT:worker_id": t.uuid().replace("-", ""),
                "ASSIGNMENT:status": "SUBMITTED",
                "ACCEPT:verdict": t.pick("+", "+", "-"),
                "ACCEPT:comment": t.pick("", "", "Too fast"),
            }
        )
    return Made(
        "assignments_for_review.tsv",
        table(rows, "\t"),
        judged(
            "Toloka file for review: ACCEPT:verdict pays or refuses the worker, OUTPUT:fit judges the reply",
            "toloka docs, reviewing assignments: ACCEPT:verdict and ACCEPT:comment",
            thumbs(
                "INPUT:request",
                "INPUT:model_reply",
                "OUTPUT:fit",
                fits="good",
                fits_partly="neutral",
                does_not_fit="bad",
            ),
            judgements=["OUTPUT:fit"],
            where=["ACCEPT:verdict", "ASSIGNMENT:status"],
            never=["ASSIGNMENT:link", "ASSIGNMENT:worker_id", "HINT:default_language", "ACCEPT:comment"],
        ),
    )


@file
def superannotate_items() -> Made:
    t = Texts(413)
    rows = []
    for n, item in enumerate(t.draw(14)):
        first, second, best = sides(t, item)
        right = ["Answer 1", "Answer 2"][best]
        rows.append(
            {
                "metadata": {"name": f"item_{n}", "annotatorEmail": "kai@example.org", "status": "Completed"},
                "data": {
                    "prompt": {"value": item.question},
                    "answer_1": {"value": first},
                    "answer_2": {"value": second},
                    "better_answer": {"value": t.pick(right, right, right, "Both bad")},
                },
            }
        )
    return Made(
        "annotations.json",
        as_json(rows),
        judged(
            "SuperAnnotate custom editor: each component of the form has a value",
            "docs.superannotate.com, JSON format of LLM and GenAI projects",
            reading(
                ["pairs", "votes"],
                prompt="data.prompt.value",
                first="data.answer_1.value",
                second="data.answer_2.value",
                label="data.better_answer.value",
                codes={"Answer 1": "first", "Answer 2": "second", "Both bad": "tie"},
            ),
            judgements=["data.better_answer"],
            never=["metadata.name", "metadata.annotatorEmail", "metadata.status"],
        ),
    )


@file
def mturk_radio_columns() -> Made:
    t = Texts(414, SUPPORT)
    rows = []
    for item in t.draw(18):
        first, second, best = sides(t, item)
        side = t.pick(best, best, best, 2)
        rows.append(
            {
                "HITId": "3" + t.uuid().replace("-", "")[:29].upper(),
                "AssignmentId": "3" + t.uuid().replace("-", "")[:29].upper(),
                "WorkerId": "A" + t.uuid()[:8].upper(),
                "AssignmentStatus": "Submitted",
                "WorkTimeInSeconds": t.number(20, 400),
                "Input.question": item.question,
                "Input.reply1": first,
                "Input.reply2": second,
                "Answer.better.reply1": str(side == 0).lower(),
                "Answer.better.reply2": str(side == 1).lower(),
                "Answer.better.same": str(side == 2).lower(),
                "Approve": "",
                "Reject": "",
            }
        )
    marks = {"first": "Answer.better.reply1", "second": "Answer.better.reply2", "tie": "Answer.better.same"}
    place = {"prompt": "Input.question", "first": "Input.reply1", "second": "Input.reply2"}
    return Made(
        "Batch_5200001_batch_results.csv",
        table(rows),
        judged(
            "Mechanical Turk with crowd-radio: one column of true and false for each option; Approve is for the worker",
            "docs.aws.amazon.com/AWSMechTurk, crowd-radio-group in a results file",
            reading("votes", **place, counts=marks),
            reading(["pairs", "votes"], **place, label=marks["first"], codes={"true": "first", "false": "none"}),
            reading(["pairs", "votes"], **place, label=marks["second"], codes={"true": "second", "false": "none"}),
            judgements=["Answer.better.reply1", "Answer.better.reply2"],
            silence="right",
            where=["AssignmentStatus", *marks.values()],
            never=["HITId", "WorkerId", "AssignmentStatus", "Approve", "Reject"],
        ),
    )


@file
def scale_tasks() -> Made:
    t = Texts(415, WORK)
    rows = []
    for item in t.draw(12):
        first, second, best = sides(t, item)
        better = ["completion_1", "completion_2"][best]
        rows.append(
            {
                "task_id": t.uuid().replace("-", "")[:24],
                "type": "textcollection",
                "status": "completed",
                "created_at": t.time(),
                "params": {
                    "instruction": "Choose the better completion.",
                    "attachments": [
                        {"type": "text", "content": item.question},
                        {"type": "text", "content": first},
                        {"type": "text", "content": second},
                    ],
                },
                "response": {"annotations": {"better": {"type": "category", "response": [[better]]}}},
            }
        )
    return Made(
        "scale_tasks.json",
        as_json({"docs": rows, "total": len(rows), "limit": 100, "has_more": False}),
        judged(
            "Scale text collection: question and both completions are items of one list without names",
            "docs.scale.com, text collection and list of tasks",
            inside(
                "docs",
                reading(
                    ["pairs", "votes"],
                    prompt="params.attachments.0.content",
                    first="params.attachments.1.content",
                    second="params.attachments.2.content",
                    label="response.annotations.better.response.*",
                    codes={"completion_1": "first", "completion_2": "second"},
                ),
            ),
            judgements=["response.annotations"],
            silence="right",
            where=["status"],
            never=["params.instruction", "task_id", "created_at", "type"],
        ),
    )


@file
def labelbox_preference() -> Made:
    t = Texts(416, CODE)
    rows = []
    for n, item in enumerate(t.draw(8)):
        first, second, best = sides(t, item)
        answer = {"name": f"Response {'AB'[best]}", "value": f"response_{'ab'[best]}"}
        classification = {"name": "Which is better?", "value": "which_is_better", "radio_answer": answer}
        label = {
            "label_details": {"created_by": "lu@example.org", "created_at": t.time()},
            "performance_details": {"seconds_to_create": t.number(10, 200)},
            "annotations": {"objects": [], "classifications": [classification]},
        }
        row_data = {
            "type": "application/llm.prompt-response-creation",
            "messages": [{"content": item.question, "canReply": True}],
            "modelOutputs": [
                {"title": "Response A", "content": first, "modelConfigName": "m-large"},
                {"title": "Response B", "content": second, "modelConfigName": "m-small"},
            ],
        }
        rows.append(
            {
                "data_row": {"id": f"cm{n:05}", "global_key": f"code-{n}", "row_data": row_data},
                "projects": {"cm1x2y3z4": {"name": "Preferences", "labels": [label]}},
            }
        )
    return Made(
        "preferences.ndjson",
        jsonl(rows),
        judged(
            "Labelbox human preference: the choice is below the id of the project, far from the two outputs",
            "docs.labelbox.com, LLM human preference",
            *(
                reading(
                    ["pairs", "votes"],
                    prompt=prompt,
                    first="data_row.row_data.modelOutputs.0.content",
                    second="data_row.row_data.modelOutputs.1.content",
                    label=f"projects.cm1x2y3z4.labels.*.annotations.classifications.*.radio_answer.{name}",
                    codes=codes,
                )
                for prompt in ("data_row.row_data.messages", "data_row.row_data.messages.*.content")
                for name, codes in (
                    ("name", {"Response A": "first", "Response B": "second"}),
                    ("value", {"response_a": "first", "response_b": "second"}),
                )
            ),
            judgements=["projects"],
            accept={"prompt": ["data_row.row_data.messages.0.content"]},
            silence="right",
            never=["data_row.id", "data_row.global_key"],
        ),
    )
