"""Langfuse."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, values_at
from unipref.unify.detection.export_traces import find_exchange, propose_one_of, propose_verdict
from unipref.unify.detection.guess import PLACEHOLDER

OWN_COLUMNS = {
    "id", "timestamp", "name", "userId", "sessionId", "input", "output", "latency", "totalCost", "tags", "metadata",
    "bookmarked", "public", "release", "version", "environment", "usage", "inputCost", "outputCost", "level",
    "inputTokens", "outputTokens", "totalTokens", "observationCount", "projectId", "createdAt", "updatedAt", "scores",
    "observations", "htmlPath", "comments", "externalId", "errorCount", "warningCount", "defaultCount", "debugCount",
}  # fmt: skip
"""Columns of a trace; any other column of a table of traces is a score."""
TRACE_COLUMNS = ("latency", "totalCost", "sessionId", "userId", "tags")


def _trace(number: int, output: str, scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"trace-{number}",
        "timestamp": "2025-04-12T07:50:32Z",
        "name": "chat",
        "userId": "u-23",
        "sessionId": "s-1",
        "input": {"messages": [{"role": "user", "content": "Name a moon of Jupiter."}]},
        "output": {"role": "assistant", "content": output},
        "tags": [],
        "latency": 0.9,
        "totalCost": 0.0077,
        "scores": scores,
    }


def _score(name: str, value: float, source: str = "API") -> dict[str, Any]:
    return {"id": f"score-{name}", "name": name, "value": value, "source": source, "dataType": "NUMERIC"}


class Langfuse(Export):
    """Traces with `input`, `output` and scores: a list `scores` of named scores (JSON), or one column for each score (a
    table of traces).
    """

    origin: ClassVar[str] = (
        "Langfuse 2 and 3: export of the table of traces, a downloaded trace, or GET /api/public/traces"
    )
    seen: ClassVar[str] = "langfuse.com/docs, export from UI, and public code with an answer of the API"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("scores.*.authorUserId", "scores.*.author_user_id")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [
            _trace(1, "The Sun.", [_score("user-feedback", 0)]),
            _trace(2, "Io.", [_score("user-feedback", 1)]),
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "A table of traces": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "id": f"trace-{number}",
                    "timestamp": "2025-04-12T07:50:32Z",
                    "name": "chat",
                    "userId": "",
                    "sessionId": "s-1",
                    "input": "Name a moon of Jupiter.",
                    "output": output,
                    "user-feedback": score,
                    "latency": "0.9",
                    "totalCost": "0.0077",
                    "tags": "prod",
                }
                for number, (output, score) in enumerate([("The Sun.", "0"), ("Io.", "1"), ("Europa.", "")])
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`id`, `timestamp`, `input` and `output`, beside a list of named `scores` or columns of a table of traces."""
        if not have_paths(rows, "id", "timestamp", "input", "output"):
            return None
        if have_paths(rows, "scores") and all(isinstance(row["scores"], list) for row in rows):
            return _propose_lists(rows)
        names = dict.fromkeys(name for row in rows for name in row)
        if sum(name in names for name in TRACE_COLUMNS) < 3:
            return None
        values = {name: distinct(v for v in values_at(rows, name) if v != "") for name in names}
        return _propose_columns(rows, {n: v for n, v in values.items() if n not in OWN_COLUMNS and v})


def _propose_lists(rows: Sequence[Row]) -> Proposal | None:
    """Scores in a list: only those of one name are read."""
    scores = [score for score in items_at(rows, "scores") if isinstance(score, dict)]
    if not scores or not all("name" in score and ("value" in score or "stringValue" in score) for score in scores):
        return None
    names = dict.fromkeys(str(score["name"]) for score in scores)
    # The value of a category is text; its number, if there is one, only counts the categories.
    keys = {name: _find_key([score for score in scores if str(score["name"]) == name]) for name in names}
    values = {name: distinct(s.get(keys[name]) for s in scores if str(s["name"]) == name) for name in names}
    exchange = find_exchange(rows, "input", "output")
    why = [f"'scores' is a list of scores of traces: {', '.join(names)}"]
    paths = {f"scores.*.{key}" for key in keys.values()}
    path = paths.pop() if len(paths) == 1 else PLACEHOLDER
    if len(names) > 1:
        more = {"label": path, "where_items": {"scores": {"name": PLACEHOLDER}}}
        proposal = propose_one_of("Langfuse", exchange, values, why, more)
        places = ", ".join(f"'{name}' has its label in 'scores.*.{key}'" for name, key in keys.items())
        return proposal if path != PLACEHOLDER else replace(proposal, doubts=[*proposal.doubts, places])
    (name,) = names
    proposal = propose_verdict(exchange, rows, name, path, values[name], why)
    mapping = {**proposal.map, "where_items": {"scores": {"name": [name]}}}
    return Proposal(proposal.format, mapping, proposal.confidence, why, proposal.doubts)


def _find_key(scores: Sequence[Row]) -> str:
    """Returns the key under which scores of one name hold their value."""
    is_text = any(score.get("dataType") == "CATEGORICAL" and score.get("stringValue") for score in scores)
    return "stringValue" if is_text or not any(score.get("value") is not None for score in scores) else "value"


def _propose_columns(rows: Sequence[Row], values: dict[str, Sequence[Any]]) -> Proposal:
    """Scores in columns of their own."""
    if not values:
        return Proposal(None, {}, 0.0, ["these are traces of Langfuse without a score: join the scores by traceId"])
    exchange = find_exchange(rows, "input", "output")
    if len(values) == 1:
        (name,) = values
        return propose_verdict(exchange, rows, name, name, values[name], [f"'{name}' is a score of traces of Langfuse"])
    why = ["the rows are traces of Langfuse with several scores"]
    return propose_one_of("Langfuse", exchange, values, why, {})
