"""Labelling tools."""

from ..files import Made, Maker, as_json, collector, jsonl
from ..texts import SUPPORT, Texts
from ..truths import judged, rated, reading
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def argilla1_rating() -> Made:
    t = Texts(1)
    rows = []
    for item in t.draw(18):
        answer, mean = t.pick((item.good, 4), (item.fair, 3), (item.poor, 1))
        people = [
            {"user_id": t.uuid(), "value": min(5, max(1, mean + t.number(-1, 1))), "status": "submitted"}
            for _ in range(t.number(1, 2))
        ]
        if t.is_less(0.15):
            people = [{"user_id": t.uuid(), "value": None, "status": "discarded"}]
        rows.append(
            {
                "prompt": item.question,
                "response": answer,
                "quality": people,
                "quality-suggestion": None,
                "quality-suggestion-metadata": {"type": None, "score": None, "agent": None},
                "external_id": None,
                "metadata": "{}",
            }
        )
    return Made(
        "records.json",
        jsonl(rows),
        judged(
            "Argilla 1.x, a rating question, written with push_to_hub / to_json",
            "docs.v1.argilla.io, FeedbackDataset export to the Hub",
            *rated("prompt", "response", "quality.*.value", "high", "1", "3", "5"),
            judgements=["quality"],
            where=["quality.*.status"],
            never=["quality.*.user_id", "metadata"],
        ),
    )


@file
def argilla2_preference() -> Made:
    t = Texts(2)
    rows = []
    for item in t.draw(16):
        first, second, best = sides(t, item)
        names = ["response_1", "response_2"]
        rows.append(
            {
                "id": t.uuid(),
                "status": "completed",
                "_server_id": t.uuid(),
                "fields": {"instruction": item.question, "response_1": first, "response_2": second},
                "metadata": {"source": t.pick("support", "web")},
                "suggestions": {},
                "responses": {"better": [{"value": names[best], "user_id": t.uuid()}]},
                "vectors": {},
            }
        )
    return Made(
        "argilla.json",
        as_json(rows),
        judged(
            "Argilla 2.x records, a label question over two fields",
            "docs.argilla.io, dataset.records.to_json",
            reading(
                ["pairs", "votes", "multiple_choice"],
                prompt="fields.instruction",
                first="fields.response_1",
                second="fields.response_2",
                label="responses.better.*.value",
                codes={"response_1": "first", "response_2": "second"},
            ),
            judgements=["responses.better"],
            never=["responses.better.*.user_id", "_server_id", "metadata.source"],
        ),
    )


@file
def label_studio_pairwise() -> Made:
    t = Texts(3)
    rows = []
    for n, item in enumerate(t.draw(20)):
        left, right, best = sides(t, item)
        made = t.time()
        rows.append(
            {
                "id": 100 + n,
                "annotations": [
                    {
                        "id": 900 + n,
                        "completed_by": t.number(1, 4),
                        "result": [
                            {
                                "value": {"selected": ["left", "right"][best]},
                                "id": t.uuid()[:10],
                                "from_name": "comparison",
                                "to_name": "answer1,answer2",
                                "type": "pairwise",
                                "origin": "manual",
                            }
                        ],
                        "was_cancelled": False,
                        "ground_truth": False,
                        "created_at": made,
                        "updated_at": t.time(),
                        "lead_time": t.number(3000, 90000) / 1000,
                        "unique_id": t.uuid(),
                    }
                ],
                "drafts": [],
                "predictions": [],
                "data": {"prompt": item.question, "answer1": left, "answer2": right},
                "meta": {},
                "created_at": made,
                "updated_at": t.time(),
                "inner_id": n + 1,
                "total_annotations": 1,
                "project": 7,
            }
        )
    return Made(
        "project-7-at-2025-03-01-10-12.json",
        as_json(rows),
        judged(
            "Label Studio JSON export with a Pairwise control",
            "labelstud.io/guide/task_format and /tags/pairwise",
            reading(
                ["pairs", "votes"],
                prompt="data.prompt",
                first="data.answer1",
                second="data.answer2",
                label="annotations.*.result.*.value.selected",
                codes={"left": "first", "right": "second"},
            ),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["created_at", "updated_at", "annotations.*.created_at", "annotations.*.result.*.to_name"],
        ),
    )


@file
def label_studio_choices_min() -> Made:
    t = Texts(4, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(24)):
        answer, verdict = t.pick((item.good, "Good"), (item.fair, "Good"), (item.poor, "Bad"), (item.poor, "Bad"))
        rows.append(
            {
                "id": 40 + n,
                "user_message": item.question,
                "model_output": answer,
                "quality": verdict,
                "annotator": t.number(1, 3),
                "annotation_id": 700 + n,
                "created_at": t.time(),
                "updated_at": t.time(),
                "lead_time": t.number(2000, 30000) / 1000,
            }
        )
    return Made(
        "project-12-min.json",
        as_json(rows),
        judged(
            "Label Studio JSON_MIN export with a Choices control Good / Bad",
            "labelstud.io/guide/export, JSON_MIN",
            reading(
                ["thumbs", "ratings"],
                prompt="user_message",
                response="model_output",
                label="quality",
                codes={"Good": "good", "Bad": "bad"},
            ),
            judgements=["quality"],
            never=["created_at", "updated_at", "lead_time", "annotator"],
        ),
    )


@file
def prodigy_choice() -> Made:
    t = Texts(5)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        answer = t.pick("accept", "accept", "accept", "ignore")
        rows.append(
            {
                "text": item.question,
                "options": [{"id": "A", "text": first}, {"id": "B", "text": second}],
                "_input_hash": t.number(-(2**31), 2**31),
                "_task_hash": t.number(-(2**31), 2**31),
                "_view_id": "choice",
                "config": {"choice_style": "single"},
                "accept": ["AB"[best]] if answer == "accept" else [],
                "answer": answer,
                "_timestamp": t.number(1690000000, 1700000000),
                "_annotator_id": "prefs-" + t.pick("ann", "bob"),
                "_session_id": "prefs-ann",
            }
        )
    return Made(
        "prefs.jsonl",
        jsonl(rows),
        judged(
            "Prodigy db-out of a choice interface: accept holds the id of the chosen option",
            "prodi.gy/docs/api-interfaces#choice",
            reading(
                "multiple_choice",
                prompt="text",
                options="options.*.text",
                answer="accept.*",
                labels="options.*.id",
            ),
            reading(
                ["pairs", "votes"],
                prompt="text",
                first="options.0.text",
                second="options.1.text",
                label="accept.*",
                codes={"A": "first", "B": "second"},
            ),
            judgements=["accept", "answer"],
            accept={"labels": [["A", "B"]]},
            where=["answer"],
            never=["_session_id", "_annotator_id", "_input_hash"],
        ),
    )


@file
def doccano_labels() -> Made:
    t = Texts(6)
    rows = []
    for n, item in enumerate(t.draw(25)):
        answer, label = t.pick((item.good, "helpful"), (item.poor, "not helpful"), (item.fair, "not helpful"))
        rows.append({"id": 3000 + n, "text": answer, "question": item.question, "label": [label], "Comments": []})
    return Made(
        "all.jsonl",
        jsonl(rows),
        judged(
            "doccano text classification export: the label is a list of one",
            "doccano.github.io/doccano/tutorial, export JSONL",
            reading(
                ["thumbs", "ratings"],
                prompt="question",
                response="text",
                label="label.*",
                codes={"helpful": "good", "not helpful": "bad"},
            ),
            judgements=["label"],
        ),
    )
