"""W&B Weave."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, values_at
from unipref.unify.detection.export_traces import find_exchange, propose_verdict

FEEDBACK = "summary.weave.feedback"
REACTION = "wandb.reaction.1"
COLUMN = f"{FEEDBACK}.{REACTION}.payload.emoji"


def _call(number: int, answer: str, emoji: str) -> dict[str, Any]:
    reaction = {"feedback_type": REACTION, "payload": {"emoji": emoji, "alias": ":thumbs:"}, "creator": "ann"}
    note = {"feedback_type": "wandb.note.1", "payload": {"note": "hm"}, "creator": "ann"}
    return {
        "id": f"call-{number}",
        "op_name": "weave:///team/project/op/chat:v1",
        "trace_id": f"trace-{number}",
        "started_at": "2025-04-12T07:50:32Z",
        "inputs": {"question": "Name a moon of Jupiter."},
        "output": answer,
        "summary": {"weave": {"status": "success", "feedback": [note, reaction]}},
    }


class Weave(Export):
    """Calls with `inputs`, `output` and the reactions of people: an emoji for each. Notes and scores are not read."""

    origin: ClassVar[str] = (
        "W&B Weave: calls queried with include_feedback and saved, or exported from the table of traces"
    )
    seen: ClassVar[str] = (
        "wandb/weave, trace_server_common.py and feedback_types.py, and public code that reads exports"
    )
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("summary.weave.feedback.*.creator", "summary.weave.feedback.*.wb_user_id")
    settled: ClassVar[tuple[str, ...]] = ("summary.weave.status",)
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [_call(1, "The Sun.", "👎"), _call(2, "Io.", "👍")],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "A table of calls": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "id": f"call-{number}",
                    "op_name": "chat",
                    "inputs.question": "Name a moon of Jupiter.",
                    "output": answer,
                    COLUMN: emoji,
                }
                for number, (answer, emoji) in enumerate([("The Sun.", "👎"), ("Io.", "👍")])
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`op_name` and `output`, beside feedback in `summary.weave`."""
        if not have_paths(rows, "op_name", "output"):
            return None
        if any(COLUMN in row for row in rows):
            return _propose_columns(rows)
        if not any(values_at(rows, "summary.weave")):
            return None
        feedback = [item for item in items_at(rows, FEEDBACK) if isinstance(item, dict)]
        reactions = [item for item in feedback if item.get("feedback_type") == REACTION]
        kinds = {str(item.get("feedback_type")) for item in feedback} - {REACTION, "wandb.note.1"}
        doubts = [f"the feedback {', '.join(sorted(kinds))} is not read"] if kinds else []
        if not reactions:
            return Proposal(None, {}, 0.0, ["these are calls of Weave without reactions of people"], doubts)
        values = distinct(values_at(reactions, "payload.emoji"))
        why = [f"'{FEEDBACK}' holds the reactions of people"]
        exchange = find_exchange(rows, "inputs", "output")
        proposal = propose_verdict(exchange, rows, "reaction", f"{FEEDBACK}.*.payload.emoji", values, why)
        mapping = {**proposal.map, "where_items": {FEEDBACK: {"feedback_type": [REACTION]}}}
        return Proposal(proposal.format, mapping, proposal.confidence, why, [*proposal.doubts, *doubts])


def _propose_columns(rows: Sequence[Row]) -> Proposal:
    """A table in which nested fields are columns with dots."""
    inputs = [name for name in rows[0] if name.startswith("inputs.")]
    exchange = find_exchange(rows, inputs[0] if len(inputs) == 1 else "inputs", "output")
    values = distinct(value for value in values_at(rows, COLUMN) if value != "")
    return propose_verdict(exchange, rows, "reaction", COLUMN, values, [f"'{COLUMN}' is the reaction of a person"])
