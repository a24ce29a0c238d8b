"""Observability and evaluation tools."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import SUPPORT, Texts
from ..truths import inside, judged, rated, reading, thumbs
from ..turns import assistant, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def langsmith_test_results() -> Made:
    t = Texts(231)
    rows = []
    for item in t.draw(18):
        answer, right = t.pick((item.good, 1.0), (item.fair, 1.0), (item.poor, 0.0))
        rows.append(
            {
                "input.question": item.question,
                "outputs.output": answer,
                "reference.answer": item.good,
                "feedback.correctness": right,
                "feedback.conciseness": t.number(20, 100) / 100,
                "execution_time": t.number(100, 3000) / 1000,
                "error": "",
                "id": t.uuid(),
            }
        )
    return Made(
        "experiment.csv",
        table(rows),
        judged(
            "LangSmith, results of an experiment: columns feedback.*",
            "reference.langchain.com, Client.get_test_results",
            reading(
                "ratings",
                prompt="input.question",
                response="outputs.output",
                scores={"feedback.correctness": "high", "feedback.conciseness": "high"},
            ),
            reading(
                "thumbs",
                prompt="input.question",
                response="outputs.output",
                label="feedback.correctness",
                codes={"1": "good", "0": "bad"},
            ),
            judgements=["feedback.correctness", "feedback.conciseness"],
            never=["reference.answer", "execution_time"],
        ),
    )


@file
def helicone_requests() -> Made:
    t = Texts(232, SUPPORT)
    rows = []
    for item in t.draw(14):
        answer, mark = t.pick((item.good, True), (item.poor, False), (item.fair, None))
        rows.append(
            {
                "request_id": t.uuid(),
                "request_created_at": t.time(),
                "request_body": {
                    "model": "gpt-4o-mini",
                    "messages": [{"role": "system", "content": "You help customers."}, user(item.question)],
                },
                "response_status": 200,
                "response_body": {"choices": [{"index": 0, "message": assistant(answer), "finish_reason": "stop"}]},
                "feedback_rating": mark,
                "delay_ms": t.number(200, 4000),
                "total_tokens": t.number(40, 400),
            }
        )
    answers = ["response_body.choices.*.message.content", "response_body.choices.0.message"]
    return Made(
        "helicone.json",
        as_json({"data": rows, "error": None}),
        judged(
            "Helicone requests with feedback_rating true, false or null",
            "docs.helicone.ai, POST /v1/request/query",
            inside(
                "data",
                reading(
                    ["thumbs", "ratings"],
                    prompt="request_body.messages",
                    response="response_body.choices.0.message.content",
                    label="feedback_rating",
                    codes={"true": "good", "false": "bad"},
                ),
            ),
            judgements=["feedback_rating"],
            accept={"response": answers},
            never=["request_created_at", "response_status", "request_body.model"],
        ),
    )


@file
def mlflow_traces() -> Made:
    t = Texts(233)
    rows = []
    for item in t.draw(14):
        answer, mark = t.pick((item.good, True), (item.poor, False))
        trace = "tr-" + t.uuid().replace("-", "")
        human = {
            "assessment_id": "a-" + t.uuid()[:8],
            "assessment_name": "is_helpful",
            "trace_id": trace,
            "source": {"source_type": "HUMAN", "source_id": "ann@example.org"},
            "create_time": t.time(),
            "feedback": {"value": mark},
            "rationale": "",
        }
        info = {
            "trace_id": trace,
            "request_time": t.time(),
            "state": "OK",
            "request_preview": item.question,
            "response_preview": answer,
            "execution_duration_ms": t.number(100, 4000),
            "assessments": [human],
        }
        rows.append({"info": info, "data": {"spans": []}})
    return Made(
        "traces.jsonl",
        jsonl(rows),
        judged(
            "MLflow traces with a person's assessment is_helpful",
            "mlflow.org/docs, Trace.to_dict; entities/assessment.py",
            thumbs(
                "info.request_preview",
                "info.response_preview",
                "info.assessments.*.feedback.value",
                true="good",
                false="bad",
            ),
            judgements=["info.assessments"],
            where=["info.state"],
            never=["info.state", "info.request_time", "info.assessments.*.source.source_id"],
        ),
    )


@file
def opik_traces() -> Made:
    t = Texts(234)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, 1.0), (item.poor, 0.0), (item.fair, None))
        score = {
            "name": "User feedback",
            "value": mark,
            "reason": None,
            "source": "ui",
            "created_by": "kim",
            "created_at": t.time(),
        }
        rows.append(
            {
                "id": t.uuid(),
                "name": "chat",
                "project_id": t.uuid(),
                "start_time": t.time(),
                "end_time": t.time(),
                "input": {"user_question": item.question},
                "output": {"answer": answer},
                "metadata": {"version": "3"},
                "tags": [],
                "feedback_scores": [] if mark is None else [score],
                "total_estimated_cost": t.number(1, 90) / 10000,
            }
        )
    place = {"prompt": "input.user_question", "response": "output.answer"}
    return Made(
        "opik_traces.json",
        as_json(rows),
        judged(
            "Opik traces: a list of named scores, here User feedback with 1 or 0",
            "comet.com/docs/opik, traces and feedback scores; public code that reads them",
            reading(
                "thumbs",
                prompt=place["prompt"],
                response=place["response"],
                label="feedback_scores.*.value",
                codes={"1": "good", "0": "bad"},
            ),
            reading(
                "ratings",
                prompt=place["prompt"],
                response=place["response"],
                scores={"feedback_scores.*.value": "high"},
            ),
            judgements=["feedback_scores"],
            never=["name", "start_time", "feedback_scores.*.name", "feedback_scores.*.source"],
        ),
    )


@file
def braintrust_experiment() -> Made:
    t = Texts(235)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, 1), (item.fair, 0.6), (item.poor, 0))
        rows.append(
            {
                "id": t.uuid(),
                "span_id": t.uuid(),
                "root_span_id": t.uuid(),
                "is_root": True,
                "created": t.time(),
                "input": item.question,
                "output": answer,
                "expected": item.good,
                "scores": {"Factuality": mark, "Levenshtein": t.number(0, 100) / 100},
                "metadata": {"model": "gpt-4o"},
                "metrics": {"start": 1740000000.1, "end": 1740000001.9, "tokens": t.number(40, 400)},
                "span_attributes": {"name": "eval", "type": "eval"},
            }
        )
    return Made(
        "experiment.jsonl",
        jsonl(rows),
        judged(
            "Braintrust experiment: a mapping of scores, and the expected answer",
            "braintrust.dev/docs, fetch experiment events",
            reading(
                "ratings",
                prompt="input",
                response="output",
                scores={"scores.Factuality": "high", "scores.Levenshtein": "high"},
            ),
            reading(
                "thumbs",
                prompt="input",
                response="output",
                label="scores.Factuality",
                codes={"1": "good", "0.6": "neutral", "0": "bad"},
            ),
            judgements=["scores"],
            never=["expected", "created", "span_attributes.name", "metadata.model"],
        ),
    )


@file
def inspect_ai_log() -> Made:
    t = Texts(236)
    samples = []
    for n, item in enumerate(t.draw(14)):
        answer, mark = t.pick((item.good, "C"), (item.poor, "I"))
        samples.append(
            {
                "id": n + 1,
                "epoch": 1,
                "input": item.question,
                "target": item.good,
                "messages": [user(item.question), assistant(answer)],
                "output": {
                    "model": "openai/gpt-4o",
                    "choices": [{"message": assistant(answer), "stop_reason": "stop"}],
                    "completion": answer,
                },
                "scores": {"model_graded_fact": {"value": mark, "answer": answer, "explanation": "It was graded."}},
            }
        )
    whole = {
        "version": 2,
        "status": "success",
        "eval": {"task": "facts", "model": "openai/gpt-4o", "created": t.time()},
        "results": {"total_samples": 14, "scores": [{"name": "model_graded_fact", "metrics": {}}]},
        "samples": samples,
    }
    codes = {"C": "good", "I": "bad"}
    label = "scores.model_graded_fact.value"
    return Made(
        "2025-03-01T10-11-12_facts.json",
        as_json(whole),
        judged(
            "Inspect AI log: C is correct and I incorrect, which the rows do not spell out",
            "inspect.aisi.org.uk, eval logs; scorer/_metric.py: CORRECT = C, INCORRECT = I",
            inside(
                "samples",
                reading(["thumbs", "ratings"], prompt="input", response="output.completion", label=label, codes=codes),
            ),
            inside("samples", reading(["thumbs", "ratings"], messages="messages", label=label, codes=codes)),
            judgements=["scores"],
            accept={
                "response": [
                    "output.choices.0.message.content",
                    "output.choices.*.message.content",
                    "scores.model_graded_fact.answer",
                ]
            },
            silence="right",
            never=["target", "output.model", "scores.model_graded_fact.explanation"],
        ),
    )


@file
def lm_eval_samples() -> Made:
    t = Texts(237)
    rows = []
    for n, item in enumerate(t.draw(14)):
        answer, mark = t.pick((item.good, 1.0), (item.poor, 0.0))
        prompt = f"Question: {item.question}\nAnswer:"
        arguments: dict[str, Any] = {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["\n"]}}}
        rows.append(
            {
                "doc_id": n,
                "doc": {"question": item.question, "answer": item.good},
                "target": item.good,
                "arguments": arguments,
                "resps": [[answer]],
                "filtered_resps": [answer],
                "filter": "none",
                "metrics": ["exact_match"],
                "doc_hash": t.uuid().replace("-", ""),
                "exact_match": mark,
            }
        )
    return Made(
        "samples_facts_2025-03-01T10-11-12.jsonl",
        jsonl(rows),
        judged(
            "lm-evaluation-harness --log_samples: the answer is in a list of lists",
            "github: EleutherAI/lm-evaluation-harness, samples_*.jsonl; public code that reads them",
            *(
                reading(
                    "thumbs",
                    prompt="arguments.gen_args_0.arg_0",
                    response=response,
                    label="exact_match",
                    codes={"1": "good", "0": "bad"},
                )
                for response in ("resps.0.0", "filtered_resps.0")
            ),
            reading(
                "ratings",
                prompt="arguments.gen_args_0.arg_0",
                response="resps.0.0",
                scores={"exact_match": "high"},
            ),
            judgements=["exact_match"],
            accept={
                "prompt": ["doc.question"],
                "response": ["resps.*.*", "resps.*.0", "filtered_resps.*", "filtered_resps.0"],
            },
            silence="right",
            never=["target", "doc.answer", "filter", "doc_hash"],
        ),
    )


@file
def trulens_records() -> Made:
    t = Texts(238, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(18)):
        answer, mean = t.pick((item.good, 0.9), (item.fair, 0.6), (item.poor, 0.1))
        rows.append(
            {
                "app_name": "support",
                "app_version": "base",
                "record_id": f"record_hash_{n}",
                "input": item.question,
                "output": answer,
                "tags": "-",
                "ts": t.time(" "),
                "Answer Relevance": round(min(1, mean + t.number(-5, 5) / 100), 2),
                "Groundedness": round(min(1, mean + t.number(-5, 5) / 100), 2),
                "latency": t.number(1, 9),
                "total_tokens": t.number(60, 800),
                "total_cost": t.number(1, 90) / 10000,
            }
        )
    return Made(
        "trulens.csv",
        table(rows),
        judged(
            "TruLens get_records_and_feedback: one column for each feedback function",
            "trulens.org, TruSession.get_records_and_feedback",
            reading(
                "ratings",
                prompt="input",
                response="output",
                scores={"Answer Relevance": "high", "Groundedness": "high"},
            ),
            *(
                reading("thumbs", prompt="input", response="output", label=path, codes={"0.95": "good", "0.1": "bad"})
                for path in ("Answer Relevance", "Groundedness")
            ),
            judgements=["Answer Relevance", "Groundedness"],
            never=["app_name", "record_id", "ts"],
        ),
    )


@file
def langfuse_scores() -> Made:
    t = Texts(239)
    rows = [
        {
            "id": t.uuid(),
            "timestamp": t.time(),
            "source": t.pick("API", "ANNOTATION"),
            "name": "helpfulness",
            "dataType": "CATEGORICAL",
            "value": "",
            "stringValue": t.pick("good", "bad"),
            "comment": t.pick("", "too long"),
            "traceId": t.uuid(),
            "observationId": "",
        }
        for _ in range(24)
    ]
    return Made(
        "1741000000-lf-scores-export.csv",
        table(rows),
        judged(
            "Langfuse, the table of scores: the texts are in the table of traces",
            "langfuse.com/docs, export of scores",
            judgements=["stringValue"],
            silence="right",
            never=["comment", "timestamp", "source"],
        ),
    )


@file
def verl_rollouts() -> Made:
    t = Texts(240)
    rows = []
    for _ in range(6):
        a, b = t.number(11, 60), t.number(11, 60)
        for last in (a + b, a + b, a + b + t.number(1, 9)):
            rows.append(
                {
                    "input": f"user\nWhat is {a} + {b}?\nassistant\n",
                    "output": f"I add {a} and {b}. The answer is {last}.",
                    "gts": str(a + b),
                    "score": 1.0 if last == a + b else 0.0,
                    "step": 40,
                }
            )
    return Made(
        "40.jsonl",
        jsonl(rows),
        judged(
            "verl rollouts: several answers to each prompt with a score of 1 or 0",
            "github: volcengine/verl, trainer.rollout_data_dir",
            *rated("input", "output", "score", "high", "0", "0.5", "1"),
            judgements=["score"],
            never=["gts", "step"],
        ),
    )
