"""Labelling tools."""

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import judged, rated, reading, shown
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def argilla1_ranking() -> Made:
    t = Texts(101)
    rows = []
    for n, item in enumerate(t.draw(16)):
        answers = [(item.good, 1), (item.poor, 2)]
        t.random.shuffle(answers)
        rows.append(
            {
                "instruction": item.question,
                "response-1": answers[0][0],
                "response-2": answers[1][0],
                "preference": [
                    {
                        "user_id": t.uuid(),
                        "value": {"rank": [answers[0][1], answers[1][1]], "value": ["response-1", "response-2"]},
                        "status": "submitted",
                    }
                ],
                "preference-suggestion": None,
                "preference-suggestion-metadata": {"type": None, "score": None, "agent": None},
                "external_id": f"rec-{n}",
                "metadata": '{"origin": "sheet"}',
            }
        )
    return Made(
        "argilla_ranking.jsonl",
        jsonl(rows),
        judged(
            "Argilla 1.x, a ranking question over two answers; rank 1 is the best",
            "docs.v1.argilla.io, FeedbackDataset export to the Hub",
            reading(
                "ranking",
                prompt="instruction",
                answers=["response-1", "response-2"],
                ranks="preference.*.value.rank",
                better="low",
            ),
            reading(
                "ranking",
                prompt="instruction",
                answers=["response-1", "response-2"],
                ranks="preference.0.value.rank",
                ranks_key="preference.0.value.value",
                better="low",
            ),
            reading(
                "ranking",
                prompt="instruction",
                answers=["response-1", "response-2"],
                ranks="preference.*.value.rank",
                ranks_key="preference.*.value.value",
                better="low",
            ),
            judgements=["preference"],
            where=["preference.*.status"],
            never=["preference.*.user_id", "external_id", "metadata"],
        ),
    )


@file
def argilla2_ratings() -> Made:
    t = Texts(102, SUPPORT)
    rows = []
    for item in t.draw(18):
        answer, mean = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        done = t.is_less(0.85)
        rows.append(
            {
                "id": t.uuid(),
                "status": "completed" if done else "pending",
                "_server_id": t.uuid(),
                "fields": {"question": item.question, "answer": answer},
                "metadata": {},
                "suggestions": {"quality": {"value": t.number(1, 5), "score": None, "agent": "gpt-4o"}},
                "responses": {"quality": [{"value": mean, "user_id": t.uuid()}] if done else []},
                "vectors": {},
            }
        )
    return Made(
        "records.json",
        as_json(rows),
        judged(
            "Argilla 2.x records with a rating question; a model's suggestion stands beside the human's answer",
            "docs.argilla.io, dataset.records.to_json",
            *rated("fields.question", "fields.answer", "responses.quality.*.value", "high", "1", "3", "5"),
            judgements=["responses.quality"],
            where=["status"],
            never=["responses.quality.*.user_id", "suggestions.quality.agent"],
        ),
    )


@file
def label_studio_rating() -> Made:
    t = Texts(103)
    rows = []
    for n, item in enumerate(t.draw(18)):
        answer, stars = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append(
            {
                "id": n + 1,
                "annotations": [
                    {
                        "id": 50 + n,
                        "completed_by": 3,
                        "result": [
                            {
                                "value": {"rating": stars},
                                "id": t.uuid()[:10],
                                "from_name": "quality",
                                "to_name": "answer",
                                "type": "rating",
                                "origin": "manual",
                            }
                        ],
                        "was_cancelled": False,
                        "ground_truth": False,
                        "created_at": t.time(),
                        "updated_at": t.time(),
                        "lead_time": t.number(2000, 50000) / 1000,
                    }
                ],
                "file_upload": "8f1c-tasks.json",
                "predictions": [],
                "data": {"question": item.question, "answer": answer, "model": t.pick("a", "b")},
                "meta": {},
                "created_at": t.time(),
                "updated_at": t.time(),
                "project": 3,
            }
        )
    return Made(
        "project-3.json",
        as_json(rows),
        judged(
            "Label Studio JSON export with a Rating control",
            "labelstud.io/guide/task_format and /tags/rating",
            *rated("data.question", "data.answer", "annotations.*.result.*.value.rating", "high", "1", "3", "5"),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["data.model", "created_at", "file_upload", "annotations.*.created_at"],
        ),
    )


@file
def label_studio_ranker() -> Made:
    t = Texts(104)
    rows = []
    for n, item in enumerate(t.draw(14)):
        answers = [(item.good, 0), (item.fair, 1), (item.poor, 2)]
        t.random.shuffle(answers)
        items = [{"id": f"cand_{k}", "title": f"Answer {k}", "body": text} for k, (text, _) in enumerate(answers)]
        order = sorted(range(3), key=lambda k: answers[k][1])
        rows.append(
            {
                "id": n,
                "data": {"prompt": item.question, "items": items},
                "annotations": [
                    {
                        "id": 80 + n,
                        "completed_by": 1,
                        "was_cancelled": False,
                        "result": [
                            {
                                "value": {"ranker": {"rank": [f"cand_{k}" for k in order]}},
                                "id": t.uuid()[:8],
                                "from_name": "rank",
                                "to_name": "list",
                                "type": "ranker",
                            }
                        ],
                        "created_at": t.time(),
                        "lead_time": t.number(2000, 50000) / 1000,
                    }
                ],
                "created_at": t.time(),
            }
        )
    return Made(
        "ranker.json",
        as_json(rows),
        judged(
            "Label Studio Ranker: the order is a list of ids",
            "labelstud.io/tags/ranker",
            reading(
                "ranking",
                prompt="data.prompt",
                answers="data.items",
                response="body",
                sequence="annotations.*.result.*.value.ranker.rank",
                order="best_first",
                key="id",
            ),
            reading(
                "ranking",
                prompt="data.prompt",
                answers="data.items",
                response="body",
                sequences="annotations.*.result.0.value.ranker.rank",
                order="best_first",
                key="id",
            ),
            judgements=["annotations.*.result"],
            where=["annotations.*.was_cancelled"],
            never=["created_at"],
        ),
    )


@file
def label_studio_csv() -> Made:
    t = Texts(105)
    rows = []
    for n, item in enumerate(t.draw(24)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "annotation_id": n + 1,
                "annotator": t.number(1, 3),
                "created_at": t.time(),
                "id": n,
                "lead_time": t.number(2000, 50000) / 1000,
                "preference": t.pick(["left", "right"][best], ["left", "right"][best], "tie"),
                "prompt": item.question,
                "response_left": first,
                "response_right": second,
                "updated_at": t.time(),
            }
        )
    return Made(
        "project-5-at-2025-02-02.csv",
        table(rows),
        judged(
            "Label Studio CSV export of a choice left / right / tie",
            "labelstud.io/guide/export, CSV",
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="response_left",
                second="response_right",
                label="preference",
                codes={"left": "first", "right": "second", "tie": "tie"},
            ),
            judgements=["preference"],
            never=["created_at", "updated_at", "lead_time", "annotator"],
        ),
    )


@file
def prodigy_accept_reject() -> Made:
    t = Texts(106)
    rows = []
    for item in t.draw(26):
        text, answer = t.pick((item.good, "accept"), (item.poor, "reject"), (item.fair, "ignore"))
        rows.append(
            {
                "prompt": item.question,
                "response": text,
                "meta": {"model": "m1"},
                "_input_hash": t.number(-(2**31), 2**31),
                "_task_hash": t.number(-(2**31), 2**31),
                "_view_id": "html",
                "answer": answer,
                "_timestamp": t.number(1690000000, 1700000000),
            }
        )
    return Made(
        "judgements.jsonl",
        jsonl(rows),
        judged(
            "Prodigy db-out: 'answer' is the verdict accept / reject / ignore, not an answer",
            "prodi.gy/docs/api-interfaces",
            reading(
                ["thumbs", "ratings"],
                prompt="prompt",
                response="response",
                label="answer",
                codes={"accept": "good", "reject": "bad", "ignore": "none"},
            ),
            judgements=["answer"],
            never=["_view_id", "_timestamp", "meta.model"],
        ),
    )


@file
def potato_annotations() -> Made:
    t = Texts(107)
    rows = []
    for n, item in enumerate(t.draw(22)):
        text, label = t.pick((item.good, "acceptable"), (item.poor, "unacceptable"))
        rows.append(
            {
                "user": t.pick("ann1", "ann2"),
                "instance_id": f"item_{n}",
                "displayed_text": f"{item.question} [SEP] {text}",
                "quality:::acceptable": 1 if label == "acceptable" else "",
                "quality:::unacceptable": 1 if label == "unacceptable" else "",
                "comment:::text_box": t.pick("", "", "ok", "rude"),
            }
        )
    return Made(
        "annotated_instances.tsv",
        table(rows, "\t"),
        judged(
            "Potato TSV output: one column per label; prompt and answer in one text",
            "github: davidjurgens/potato, annotation output",
            judgements=["quality:::acceptable", "quality:::unacceptable"],
            silence="right",
        ),
    )


@file
def doccano_seq2seq() -> Made:
    t = Texts(108)
    rows = [{"id": n, "text": i.question, "label": [i.good], "Comments": []} for n, i in enumerate(t.draw(22))]
    return Made(
        "admin.jsonl",
        jsonl(rows),
        shown(
            "doccano sequence to sequence export: the label is what an annotator wrote as the answer",
            "doccano.github.io/doccano, sequence to sequence",
            reading("demonstration", prompt="text", response="label.0"),
            silence="right",
            accept={"response": ["label", "label.*"]},
        ),
    )
