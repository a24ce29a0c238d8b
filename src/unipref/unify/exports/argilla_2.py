"""Argilla 2.x."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_questions import Question, classify, propose_for_questions
from unipref.unify.detection.export_rows import distinct, text_fields, values_at
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
    `QUESTION.responses` (`to_datasets`). Only a flat record says whether a response was discarded.
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
            return propose_for_questions("Argilla", text_fields(rows, "fields"), "fields.", questions)
        names = dict.fromkeys(name.removesuffix(STATUS) for row in rows for name in row if name.endswith(STATUS))
        if not names:
            return None
        fields = [name for name in text_fields(rows) if name not in ("id", "status", "_server_id") and "." not in name]
        return _propose_flat(rows, fields, list(names))


def _read_nested(rows: Sequence[Row], name: str) -> Question:
    """Returns a question of nested records."""
    lists = [one for one in values_at(rows, f"responses.{name}") if isinstance(one, list)]
    items = [item for one in lists for item in one if isinstance(item, dict) and item.get("value") is not None]
    values = [item["value"] for item in items]
    where = {"status": ["submitted"]} if any("status" in item for item in items) else {}
    most = max((len(one) for one in lists), default=1)
    return Question(
        name, classify(values), distinct(values) or values, f"responses.{name}", "value", where, most=max(most, 1)
    )


def _propose_flat(rows: Sequence[Row], fields: list[str], names: list[str]) -> Proposal:
    """Proposes how to read flat records, whose responses and statuses are parallel lists."""
    lists = {name: [row.get(f"{name}.responses") or [] for row in rows] for name in names}
    statuses = [status for name in names for row in rows for status in row.get(name + STATUS) or []]
    questions = []
    for name in names:
        values = [value for one in lists[name] for value in one if value is not None]
        most = max((len(one) for one in lists[name]), default=1)
        questions.append(
            Question(
                name=name,
                kind=classify(values),
                values=distinct(values) or values,
                people=f"{name}.responses",
                inside="",
                where={f"{BESIDE}{name}{STATUS}": ["submitted"]},
                most=max(most, 1),
            )
        )
    proposal = propose_for_questions("Argilla", fields, "", questions)
    if not proposal.source.get("records") or set(statuses) <= {"submitted", None}:
        return proposal
    # As rows of their own, responses have lost the list of statuses beside them.
    doubt = "some responses are drafts or discarded, in a list beside the responses: save with to_json instead"
    return Proposal(None, {}, 0.0, proposal.why, [doubt, *proposal.doubts])
