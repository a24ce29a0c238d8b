"""LangSmith."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_questions import ASKED
from unipref.unify.detection.export_rows import distinct, have_paths, values_at
from unipref.unify.detection.export_traces import ask_which, find_exchange, propose_verdict
from unipref.unify.detection.guess import PLACEHOLDER


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
    """Runs with `inputs`, `outputs` and `feedback_stats`: the mean of each kind of feedback on the run."""

    origin: ClassVar[str] = "LangSmith: Client.list_runs saved as JSON, or bulk export"
    seen: ClassVar[str] = "docs.langchain.com/langsmith, run data format, and the reference of RunFeedbackStat"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [_run(1, "The Sun.", 0.0), _run(2, "Io.", 1.0)],
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`run_type`, `inputs` and `outputs`, beside `feedback_stats`."""
        if not have_paths(rows, "id", "run_type", "inputs", "outputs"):
            return None
        stats = [one for one in values_at(rows, "feedback_stats") if isinstance(one, dict)]
        keys = dict.fromkeys(key for one in stats for key in one)
        if not keys:
            reason = "these are runs of LangSmith without feedback: read feedback_stats, or join the feedback by run_id"
            return Proposal(None, {}, 0.0, [reason])
        values = {key: distinct(values_at(stats, f"{key}.avg")) for key in keys}
        exchange = find_exchange(rows, "inputs", "outputs")
        why = [f"'feedback_stats' holds the mean of each kind of feedback: {', '.join(keys)}"]
        if len(keys) > 1:
            mapping = {**exchange.map, "label": PLACEHOLDER, "up": [PLACEHOLDER], "down": [PLACEHOLDER]}
            return Proposal("thumbs", mapping, ASKED, why, [*exchange.doubts, *ask_which("LangSmith", dict(values))])
        key = next(iter(keys))
        proposal = propose_verdict(exchange, key, f"feedback_stats.{key}.avg", values[key], why)
        doubts = [*proposal.doubts]
        if any(number > 1 for number in values_at(stats, f"{key}.n") if isinstance(number, int)):
            doubts.append("some runs have several feedbacks, of which only the mean is here")
        return Proposal(proposal.format, proposal.map, proposal.confidence, proposal.why, doubts)
