"""Argilla 2.x."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_questions import ASKED, propose_for_questions
from unipref.unify.detection.export_rows import distinct, items_at, text_fields
from unipref.unify.detection.questions import Question, classify
from unipref.unify.mapping.item_filter import BESIDE

STATUS = ".responses.status"
"""The end of the column of a question's statuses, in flat records."""


def _record(number: int, fields: dict[str, str], responses: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "id": f"record-{number}",
        "status": "completed",
        "_server_id": f"server-{number}",
        "fields": fields,
        "metadata": {},
        "suggestions": {},
        "responses": responses,
        "vectors": {},
    }


class Argilla2(Export):
    """Records with `fields` and `responses` (`dataset.records.to_json`), or flat records with a column
    `QUESTION.responses` (`to_datasets`). Only a flat record says whether a response was submitted.
    """

    origin: ClassVar[str] = "Argilla 2.x: dataset.records.to_json, to_dict, to_list or to_datasets"
    seen: ClassVar[str] = "argilla-io/argilla, argilla/src/argilla/records/_io/_generic.py"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun."), ("Yes.", "No.")],
        "rows": [
            _record(
                number,
                {"instruction": prompt, "response_1": first, "response_2": second},
                {"better": [{"value": better, "user_id": "ann"}]},
            )
            for number, (prompt, first, second, better) in enumerate(
                [
                    ("Name a moon of Jupiter.", "The Sun.", "Io.", "response_2"),
                    ("Is ice cold?", "Yes.", "No.", "response_1"),
                ]
            )
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "Flat records about two responses": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "id": "record-0",
                    "status": "completed",
                    "_server_id": "server-0",
                    "instruction": "Name a moon of Jupiter.",
                    "response_1": "The Sun.",
                    "response_2": "Io.",
                    "better.responses": ["response_1", "response_2", "response_1"],
                    "better.responses.users": ["ann", "bob", "eve"],
                    "better.responses.status": ["discarded", "submitted", "draft"],
                }
            ],
        },
        "A flat record": {
            "preferences": [(None, "The Sun.")],
            "rows": [
                {
                    "id": "record-0",
                    "status": "completed",
                    "_server_id": "server-0",
                    "instruction": "Name a moon of Jupiter.",
                    "response": "The Sun.",
                    "correct.responses": ["wrong"],
                    "correct.responses.users": ["ann"],
                    "correct.responses.status": ["submitted"],
                    "correct.suggestion": "right",
                    "correct.suggestion.score": 0.3,
                    "correct.suggestion.agent": "a model",
                }
            ],
            "answers": {"map": {"up": ["right"], "down": ["wrong"]}},
        },
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`fields` and `responses` beside `_server_id`, or columns `QUESTION.responses.status`."""
        if all(isinstance(row.get("fields"), dict) and isinstance(row.get("responses"), dict) for row in rows):
            if not all("_server_id" in row or "suggestions" in row for row in rows):
                return None
            names = dict.fromkeys(name for row in rows for name in row["responses"])
            questions = [_read_nested(rows, name) for name in names]
            proposal = propose_for_questions("Argilla", rows, text_fields(rows, "fields"), "fields", questions)
            return proposal if proposal.format is None or any(q.where for q in questions) else _doubt_status(proposal)
        names = dict.fromkeys(name.removesuffix(STATUS) for row in rows for name in row if name.endswith(STATUS))
        if not names:
            return None
        fields = [name for name in text_fields(rows) if name not in ("id", "status", "_server_id") and "." not in name]
        return propose_for_questions("Argilla", rows, fields, "", [_read_flat(rows, name) for name in names])


def _doubt_status(proposal: Proposal) -> Proposal:
    """Says that nested records do not tell drafts and discarded responses from submitted ones."""
    doubt = "whether some responses are drafts or discarded: these records have no status; to_datasets writes it"
    confidence = min(proposal.confidence, ASKED)
    return Proposal(proposal.format, proposal.map, confidence, proposal.why, [*proposal.doubts, doubt], proposal.source)


def _read_nested(rows: Sequence[Row], name: str) -> Question:
    """Returns a question of nested records."""
    items = [item for item in items_at(rows, f"responses.{name}") if isinstance(item, dict)]
    where = {"status": ["submitted"]} if any("status" in item for item in items) else {}
    submitted = [item for item in items if item.get("status", "submitted") == "submitted"]
    values = [item["value"] for item in submitted if item.get("value") is not None]
    return Question(name, classify(values), distinct(values) or values, f"responses.{name}", "value", where)


def _read_flat(rows: Sequence[Row], name: str) -> Question:
    """Returns a question of flat records, whose responses and statuses are parallel lists."""
    values = [value for value in items_at(rows, f"{name}.responses") if value is not None]
    where = {f"{BESIDE}{name}{STATUS}": ["submitted"]}
    return Question(name, classify(values), distinct(values) or values, f"{name}.responses", "", where)
