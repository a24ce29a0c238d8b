"""LangSmith."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, values_at
from unipref.unify.detection.export_traces import (
    Exchange,
    find_exchange,
    is_judging,
    parse_json_text,
    propose_one_of,
    propose_verdict,
)
from unipref.unify.detection.guess import PLACEHOLDER

STATS, COLUMN, LIST = "feedback_stats", "feedback.", "feedback"


def _run(number: int, answer: str, score: float) -> dict[str, Any]:
    return {
        "id": f"run-{number}",
        "name": "chat",
        "run_type": "chain",
        "start_time": "2025-04-12T07:50:32",
        "inputs": {"question": "Name a moon of Jupiter."},
        "outputs": {"output": answer},
        "error": None,
        "session_id": "p1",
        "trace_id": f"run-{number}",
        "dotted_order": "20250412T075032",
        "feedback_stats": {"user_feedback": {"n": 1, "avg": score, "stdev": 0.0, "values": {}}},
    }


class Langsmith(Export):
    """Runs with `inputs`, `outputs` and `feedback_stats`, the mean of each kind of feedback on the run; or a table of
    runs with a column `feedback.NAME` for each kind.
    """

    origin: ClassVar[str] = "LangSmith: Client.list_runs saved as JSON, or bulk export"
    seen: ClassVar[str] = "docs.langchain.com/langsmith, run data format, and the reference of RunFeedbackStat"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    settled: ClassVar[tuple[str, ...]] = ("status", "error")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [_run(1, "The Sun.", 0.0), _run(2, "Io.", 1.0)],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "A table of runs": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "id": f"run-{number}",
                    "name": "chat",
                    "run_type": "llm",
                    "inputs": '{"messages": [{"role": "user", "content": "Name a moon of Jupiter."}]}',
                    "outputs": f'{{"choices": [{{"message": {{"role": "assistant", "content": "{answer}"}}}}]}}',
                    "feedback.user_score": score,
                    "feedback.comment": comment,
                }
                for number, (answer, score, comment) in enumerate(
                    [("The Sun.", "0.0", "no moon"), ("Io.", "1.0", ""), ("Europa.", "", "")]
                )
            ],
            "answers": {"map": {"up": [1], "down": [0]}},
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`run_type`, `inputs` and `outputs`, beside `feedback_stats`, a list `feedback` or columns `feedback.NAME`."""
        if not have_paths(rows, "id", "run_type", "inputs", "outputs"):
            return None
        exchange = find_exchange(rows, "inputs", "outputs")
        stats = [parse_json_text(one) for one in values_at(rows, STATS)]
        stats = [one for one in stats if isinstance(one, dict)]
        values = {key: distinct(values_at(stats, f"{key}.avg")) for one in stats for key in one}
        if not values:
            return _propose_list(rows, exchange) or _propose_columns(rows, exchange)
        why = [f"'{STATS}' holds the mean of each kind of feedback: {', '.join(values)}"]
        if any(isinstance(one, str) for one in values_at(rows, STATS)):
            exchange = replace(exchange, map={**exchange.map, "literals": [*exchange.map.get("literals", []), STATS]})
        if len(values) > 1:
            return propose_one_of("LangSmith", exchange, values, why, {})
        (key,) = values
        proposal = propose_verdict(exchange, rows, key, f"{STATS}.{key}.avg", values[key], why)
        doubts = [*proposal.doubts]
        if any(number > 1 for number in values_at(stats, f"{key}.n") if isinstance(number, int)):
            doubts.append("some runs have several feedbacks, of which only the mean is here")
        return Proposal(proposal.format, proposal.map, proposal.confidence, proposal.why, doubts)


def _propose_list(rows: Sequence[Row], exchange: Exchange) -> Proposal | None:
    """Feedback in a list beside each run, as list_feedback returns it: `key` and `score`, or `value` for a text."""
    items = [item for item in items_at(rows, LIST) if isinstance(item, dict) and "key" in item]
    if not items:
        return None
    keys = {key: _find_field(items, key) for key in dict.fromkeys(str(item["key"]) for item in items)}
    values = {key: distinct(item.get(at) for item in items if str(item["key"]) == key) for key, at in keys.items()}
    values = {key: several for key, several in values.items() if is_judging(key, several)}
    if not values:
        return None
    why = [f"'{LIST}' is a list of the feedback on each run: {', '.join(keys)}"]
    if len(values) > 1:
        more = {"label": f"{LIST}.*.{keys[next(iter(values))]}", "where_items": {LIST: {"key": PLACEHOLDER}}}
        return propose_one_of("LangSmith", exchange, values, why, more)
    (key,) = values
    proposal = propose_verdict(exchange, rows, key, f"{LIST}.*.{keys[key]}", values[key], why)
    return replace(proposal, map={**proposal.map, "where_items": {LIST: {"key": [key]}}})


def _find_field(items: Sequence[Row], key: str) -> str:
    """Returns the field that holds the feedback of a key, whatever the order of the items: an item may be a comment."""
    has_score = any(item.get("score") is not None for item in items if str(item["key"]) == key)
    return "score" if has_score else "value"


def _propose_columns(rows: Sequence[Row], exchange: Exchange) -> Proposal:
    """Feedback in columns of their own, as in a table of runs; comments are texts and are not read."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith(COLUMN))
    values = {name: [value for value in values_at(rows, name) if value not in (None, "")] for name in names}
    scores = {name: distinct(several) for name, several in values.items() if is_judging(name, several)}
    if not scores:
        reason = "these are runs of LangSmith without feedback: read feedback_stats, or join the feedback by run_id"
        return Proposal(None, {}, 0.0, [reason])
    why = [f"'{name}' is a column of feedback of LangSmith" for name in scores]
    if len(scores) > 1:
        return propose_one_of("LangSmith", exchange, scores, why, {})
    (name,) = scores
    return propose_verdict(exchange, rows, name.removeprefix(COLUMN), name, scores[name], why)
