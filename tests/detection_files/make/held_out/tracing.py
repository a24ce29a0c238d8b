"""Observability and evaluation tools."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import CODE, SUPPORT, WORK, Texts
from ..truths import inside, judged, reading, shown, thumbs
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def langfuse_nested_scores() -> Made:
    t = Texts(441, WORK)
    rows = []
    for item in t.draw(14):
        answer, mark = t.pick((item.good, "good"), (item.poor, "bad"))
        scores: list[dict[str, Any]] = [
            {
                "id": t.uuid(),
                "name": "answer-quality",
                "dataType": "CATEGORICAL",
                "stringValue": mark,
                "value": int(mark == "good"),
                "source": "ANNOTATION",
            },
            {
                "id": t.uuid(),
                "name": "input-toxicity",
                "dataType": "NUMERIC",
                "stringValue": None,
                "value": t.number(2, 90) / 100,
                "source": "EVAL",
            },
        ]
        t.random.shuffle(scores)
        rows.append(
            {
                "id": t.uuid(),
                "timestamp": t.time(),
                "name": "chat",
                "input": {"question": item.question},
                "output": {"text": answer},
                "metadata": {},
                "release": "v14",
                "scores": scores,
                "latency": t.number(300, 9000) / 1000,
                "totalCost": t.number(1, 90) / 10000,
            }
        )
    return Made(
        "traces.json",
        as_json({"data": rows, "meta": {"page": 1, "limit": 50, "totalItems": len(rows), "totalPages": 1}}),
        judged(
            "Langfuse traces of the API: a category for the answer and a number for the toxicity of the input",
            "api.reference.langfuse.com, GET /api/public/traces with scores",
            inside("data", thumbs("input.question", "output.text", "scores.*.stringValue", good="good", bad="bad")),
            inside(
                "data",
                reading(
                    "thumbs",
                    prompt="input.question",
                    response="output.text",
                    label="scores.*.value",
                    codes={"1": "good", "0": "bad"},
                ),
            ),
            judgements=["scores"],
            silence="right",
            never=["name", "timestamp", "release", "scores.*.name"],
        ),
    )


@file
def langsmith_feedback_with_correction() -> Made:
    t = Texts(442)
    rows = []
    for item in t.draw(18):
        answer, score = t.pick((item.good, 1), (item.poor, 0))
        rows.append(
            {
                "id": t.uuid(),
                "run_id": t.uuid(),
                "key": "correctness",
                "score": score,
                "value": ["incorrect", "correct"][score],
                "comment": "",
                "correction": None if score else {"output": item.good},
                "feedback_source": {"type": "app", "metadata": None, "user_id": t.uuid()},
                "created_at": t.time(),
                "run": {"inputs": {"question": item.question}, "outputs": {"output": answer}, "run_type": "chain"},
            }
        )
    place = ("run.inputs.question", "run.outputs.output")
    return Made(
        "annotation_queue.jsonl",
        jsonl(rows),
        judged(
            "LangSmith feedback of an annotation queue, with its run and a correction where the answer was wrong",
            "docs.smith.langchain.com, feedback data format",
            thumbs(*place, "value", correct="good", incorrect="bad"),
            thumbs(*place, "score", **{"1": "good", "0": "bad"}),
            reading("ratings", prompt=place[0], response=place[1], scores={"score": "high"}),
            reading("edit", prompt=place[0], before=place[1], after="correction.output"),
            judgements=["score|value", "correction"],
            never=["key", "created_at", "run.run_type", "feedback_source.type"],
        ),
    )


@file
def phoenix_user_thumbs() -> Made:
    t = Texts(443, SUPPORT)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, "thumbs-up"), (item.poor, "thumbs-down"))
        note = {
            "name": "user_feedback",
            "annotator_kind": "HUMAN",
            "result": {"label": mark, "score": int(mark == "thumbs-up"), "explanation": None},
        }
        rows.append(
            {
                "context": {"span_id": t.uuid()[-12:], "trace_id": t.uuid()},
                "name": "answer",
                "span_kind": "CHAIN",
                "status_code": "OK",
                "start_time": t.time(),
                "attributes": {"input": {"value": item.question}, "output": {"value": answer}},
                "annotations": [note],
            }
        )
    place = ("attributes.input.value", "attributes.output.value")
    return Made(
        "spans.jsonl",
        jsonl(rows),
        judged(
            "Phoenix spans with the list of their annotations: thumbs-up or thumbs-down of a user",
            "arize.com/docs/phoenix, span annotations of the REST API",
            thumbs(*place, "annotations.*.result.label", **{"thumbs-up": "good", "thumbs-down": "bad"}),
            thumbs(*place, "annotations.*.result.score", **{"1": "good", "0": "bad"}),
            reading("ratings", prompt=place[0], response=place[1], scores={"annotations.*.result.score": "high"}),
            judgements=["annotations"],
            where=["status_code"],
            never=["name", "start_time", "status_code", "span_kind"],
        ),
    )


@file
def weave_hallucination_scorer() -> Made:
    t = Texts(444)
    rows = []
    for item in t.draw(18):
        answer, bad = t.pick((item.good, False), (item.poor, True))
        rows.append(
            {
                "id": t.uuid(),
                "op_name": "weave:///team/bot/op/predict:v3",
                "started_at": t.time(),
                "inputs": {"example": {"question": item.question}, "self": "weave:///team/bot/object/Bot:x1"},
                "output": {
                    "model_output": answer,
                    "model_latency": t.number(300, 4000) / 1000,
                    "scores": {"HallucinationFreeScorer": {"has_hallucination": bad, "reasonings": ["Compared."]}},
                },
                "exception": None,
            }
        )
    label = "output.scores.HallucinationFreeScorer.has_hallucination"
    return Made(
        "evaluation_calls.jsonl",
        jsonl(rows),
        judged(
            "Weave evaluation: the scorer is called HallucinationFree, but its field is true where the answer is bad",
            "weave-docs.wandb.ai/guides/evaluation/builtin_scorers",
            thumbs("inputs.example.question", "output.model_output", label, true="bad", false="good"),
            judgements=[label],
            where=["exception"],
            never=["op_name", "started_at", "output.model_latency", "output.scores.HallucinationFreeScorer.reasonings"],
        ),
    )


@file
def helicone_arms_without_feedback() -> Made:
    t = Texts(445, SUPPORT)
    rows = [
        {
            "Request ID": t.uuid(),
            "Created At": t.time(),
            "Request": item.question,
            "Response": item.good,
            "Feedback": "",
            "Status": 200,
            "Model": t.pick("gpt-4o-mini", "claude-3-haiku"),
            "Property: Experiment Arm": t.pick("A", "B"),
            "Cost (USD)": t.number(1, 90) / 10000,
            "Latency (ms)": t.number(200, 4000),
        }
        for item in t.draw(26)
    ]
    return Made(
        "helicone_requests.csv",
        table(rows),
        shown(
            "Helicone requests with two arms of an experiment; the column Feedback is blank in every row",
            "docs.helicone.ai, exporting requests; custom properties",
            reading("demonstration", prompt="Request", response="Response"),
            where=["Status"],
            never=["Created At", "Model", "Property: Experiment Arm", "Request ID"],
        ),
    )


@file
def braintrust_risk_and_thumbs() -> Made:
    t = Texts(446, WORK)
    rows = []
    for item in t.draw(18):
        answer, thumb, risk = t.pick((item.good, 1, 0.0), (item.fair, None, 0.2), (item.poor, 0, 0.9))
        rows.append(
            {
                "id": t.uuid(),
                "created": t.time(),
                "log_id": "g",
                "input": [{"role": "system", "content": "You answer in one sentence."}, user(item.question)],
                "output": answer,
                "expected": None,
                "scores": {"User thumbs": thumb, "Brand risk": risk},
                "metadata": {"environment": "prod", "user_id": f"u{t.number(1, 90)}"},
                "metrics": {"prompt_tokens": t.number(20, 90), "completion_tokens": t.number(5, 90)},
                "span_attributes": {"type": "llm", "name": "Chat Completion"},
            }
        )
    place = {"prompt": "input", "response": "output"}
    return Made(
        "project_logs.jsonl",
        jsonl(rows),
        judged(
            "Braintrust logs: thumbs of users, and a risk of which a high value is bad",
            "braintrust.dev/docs, fetch project logs; human review scores",
            reading("ratings", **place, scores={"scores.User thumbs": "high", "scores.Brand risk": "low"}),
            reading("thumbs", **place, label="scores.User thumbs", codes={"1": "good", "0": "bad"}),
            reading("thumbs", **place, label="scores.Brand risk", codes={"0": "good", "0.9": "bad"}),
            judgements=["scores.User thumbs", "scores.Brand risk"],
            never=["created", "log_id", "span_attributes.name", "metadata.user_id"],
        ),
    )


@file
def datadog_llm_spans() -> Made:
    t = Texts(447, SUPPORT)
    rows = []
    for item in t.draw(14):
        answer, mark = t.pick((item.good, "accepted"), (item.poor, "rejected"))
        injection = t.pick("false", "false", "true")
        rows.append(
            {
                "span_id": str(t.number(10**17, 10**18)),
                "ml_app": "shop-bot",
                "name": "answer",
                "status": "ok",
                "start_ns": 1750000000000000000 + t.number(0, 10**9),
                "duration": t.number(10**8, 10**9),
                "meta": {"input": {"value": item.question}, "output": {"value": answer}, "span": {"kind": "workflow"}},
                "metrics": {"input_tokens": t.number(10, 90), "output_tokens": t.number(10, 90)},
                "tags": ["env:prod", "version:1.9"],
                "evaluation_metrics": {
                    "agent_decision": {"metric_type": "categorical", "value": mark},
                    "prompt_injection": {"metric_type": "categorical", "value": injection},
                },
            }
        )
    place = ("meta.input.value", "meta.output.value")
    return Made(
        "datadog_spans.json",
        as_json(rows),
        judged(
            "Datadog LLM observability: agent_decision judges the answer, prompt_injection judges the input",
            "docs.datadoghq.com/llm_observability, spans and external evaluations",
            thumbs(*place, "evaluation_metrics.agent_decision.value", accepted="good", rejected="bad"),
            judgements=["evaluation_metrics.agent_decision"],
            where=["status", "evaluation_metrics.prompt_injection.value"],
            never=["name", "status", "ml_app", "tags", "evaluation_metrics.agent_decision.metric_type"],
        ),
    )


@file
def lunary_runs() -> Made:
    t = Texts(448)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, {"thumb": "up"}), (item.poor, {"thumb": "down"}), (item.fair, None))
        rows.append(
            {
                "id": t.uuid(),
                "type": "llm",
                "name": "gpt-4o",
                "createdAt": t.time(),
                "status": "success",
                "input": [user(item.question)],
                "output": assistant(answer),
                "feedback": mark,
                "tokens": {"prompt": t.number(9, 90), "completion": t.number(9, 90)},
                "cost": t.number(1, 90) / 10000,
                "userId": t.number(1, 90),
            }
        )
    return Made(
        "runs.jsonl",
        jsonl(rows),
        judged(
            "Lunary runs: feedback.thumb is up or down, or feedback is null; status is about the call",
            "lunary.ai/docs, runs and feedback",
            thumbs("input", "output.content", "feedback.thumb", up="good", down="bad"),
            judgements=["feedback"],
            accept={"response": ["output"]},
            where=["status"],
            never=["name", "type", "createdAt", "status"],
        ),
    )


@file
def portkey_weighted_feedback() -> Made:
    t = Texts(449, CODE)
    rows = []
    for item in t.draw(18):
        answer, value = t.pick((item.good, 1), (item.poor, -1))
        rows.append(
            {
                "id": t.uuid(),
                "trace_id": t.uuid(),
                "request_prompt": item.question,
                "response_text": answer,
                "feedback.value": value,
                "feedback.weight": t.pick(0.5, 1),
                "is_success": True,
                "response_status_code": 200,
                "cost": t.number(1, 90) / 10000,
            }
        )
    place = ("request_prompt", "response_text")
    return Made(
        "portkey_logs.csv",
        table(rows),
        judged(
            "Portkey logs: a value of 1 or -1 and its weight; is_success is about the call",
            "portkey.ai/docs, feedback: value and weight; export of logs",
            thumbs(*place, "feedback.value", **{"1": "good", "-1": "bad"}),
            reading("ratings", prompt=place[0], response=place[1], scores={"feedback.value": "high"}),
            judgements=["feedback.value"],
            where=["is_success", "response_status_code"],
            never=["trace_id", "feedback.weight", "is_success"],
        ),
    )


@file
def promptlayer_requests() -> Made:
    t = Texts(450, WORK)
    rows = []
    for n, item in enumerate(t.draw(18)):
        answer, score = t.pick((item.good, 95), (item.fair, 55), (item.poor, 5))
        rows.append(
            {
                "request_id": 88000 + n,
                "prompt_version": t.number(1, 7),
                "input_text": item.question,
                "output_text": answer,
                "score": score,
                "tags": "prod;eu",
                "request_start_time": t.time(" "),
                "price": t.number(1, 90) / 1000,
            }
        )
    place = {"prompt": "input_text", "response": "output_text"}
    return Made(
        "promptlayer_requests.csv",
        table(rows),
        judged(
            "PromptLayer requests: score from 0 to 100; a version and a price are no scores",
            "docs.promptlayer.com, scoring requests",
            reading("ratings", **place, scores={"score": "high"}),
            reading("thumbs", **place, label="score", codes={"95": "good", "55": "neutral", "5": "bad"}),
            judgements=["score"],
            never=["request_id", "tags", "request_start_time"],
        ),
    )
