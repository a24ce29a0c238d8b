"""Argilla 1.x, FeedbackDataset."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_questions import propose_for_questions
from unipref.unify.detection.export_rows import distinct, text_fields
from unipref.unify.detection.questions import Question, classify

RESPONSE_FIELDS = {"user_id", "value", "status"}
"""Fields of a person's response to a question."""


def _response(value: Any, user: str, status: str = "submitted") -> dict[str, Any]:
    return {"user_id": user, "value": value, "status": status}


def _record(prompt: str, first: str, second: str, better: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "response-1": first,
        "response-2": second,
        "preference": better,
        "preference-suggestion": None,
        "preference-suggestion-metadata": {"type": None, "score": None, "agent": None},
        "external_id": None,
        "metadata": "{}",
    }


class Argilla1(Export):
    """Records with one column for each field and one for each question: the list of what people answered. Responses
    that are drafts or discarded are left out. Suggestions are not read: most come from models.
    """

    origin: ClassVar[str] = "Argilla 1.8 to 1.29: FeedbackDataset.push_to_huggingface, or format_as('datasets') saved"
    seen: ClassVar[str] = (
        "features of a dataset that Argilla pushed (argilla/stackoverflow_feedback_demo), and its docs"
    )
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun."), ("Yes.", "No.")],
        "rows": [
            _record("Name a moon of Jupiter.", "The Sun.", "Io.", [_response("response-2", "ann")]),
            _record(
                "Is ice cold?",
                "Yes.",
                "No.",
                [_response("response-1", "ann"), *[_response("response-2", u, "discarded") for u in ("bob", "eve")]],
            ),
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "A rating of one response": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "prompt": "Name a moon of Jupiter.",
                    "response": response,
                    "quality": [_response(one, "ann"), _response(other, "bob")],
                    "quality-suggestion": None,
                    "quality-suggestion-metadata": None,
                    "external_id": None,
                    "metadata": "{}",
                }
                for response, one, other in (("The Sun.", 1, 2), ("Io.", 5, 4))
            ],
            "answers": {"map": {"scores": {"quality": {"better": "high", "low": 1, "high": 5}}}},
        },
        "An order that was stored by column": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                _record(
                    "Name a moon of Jupiter.",
                    "The Sun.",
                    "Io.",
                    [
                        _response({"rank": [1, 2], "value": ["response-1", "response-2"]}, "eve", "discarded"),
                        _response({"rank": [2, 1], "value": ["response-1", "response-2"]}, "ann"),
                    ],
                )
            ],
        },
        "An order of three responses": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "prompt": "Name a moon of Jupiter.",
                    "response-1": "The Sun.",
                    "response-2": "Io.",
                    "response-3": "Mars.",
                    "order": [
                        _response(
                            [
                                {"rank": 1, "value": "response-2"},
                                {"rank": 2, "value": "response-3"},
                                {"rank": 3, "value": "response-1"},
                            ],
                            "ann",
                        )
                    ],
                    "order-suggestion": None,
                    "external_id": None,
                    "metadata": "{}",
                }
            ],
        },
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """Columns that hold lists of responses (`user_id`, `value`, `status`), and `external_id` or suggestions."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        questions = [name for name in names if _is_question(rows, name)]
        if not questions or not ("external_id" in names or any(f"{name}-suggestion" in names for name in questions)):
            return None
        further = {*questions, "external_id", "metadata"}
        fields = [n for n in text_fields(rows) if n not in further and not n.endswith(("-suggestion", "-metadata"))]
        return propose_for_questions("Argilla", rows, fields, "", [_read_question(rows, name) for name in questions])


def _is_question(rows: Sequence[Row], name: str) -> bool:
    """Whether a column holds lists of responses."""
    lists = [row[name] for row in rows if isinstance(row.get(name), list)]
    items = [item for one in lists for item in one]
    return bool(items) and all(isinstance(item, dict) and item.keys() >= RESPONSE_FIELDS for item in items)


def _read_question(rows: Sequence[Row], name: str) -> Question:
    """Returns a question with the values of its submitted responses."""
    responses = [
        [one for one in row[name] if one["status"] == "submitted" and one["value"] is not None]
        for row in rows
        if isinstance(row.get(name), list)
    ]
    values = [one["value"] for several in responses for one in several]
    return Question(name, classify(values), distinct(values) or values, name, "value", {"status": ["submitted"]})
