"""Label Studio, JSON_MIN and CSV."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import find_roles, may_judge
from unipref.unify.detection.export_questions import propose_for_questions
from unipref.unify.detection.export_rows import distinct, have_paths, list_values, text_fields, values_at
from unipref.unify.detection.guess import quote_names
from unipref.unify.detection.questions import Question, classify

OWN_FIELDS = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")
"""Fields that Label Studio adds to each annotation."""


def _row(number: int, data: dict[str, Any], annotator: int = 1) -> dict[str, Any]:
    return {
        "id": number,
        **data,
        "annotator": annotator,
        "annotation_id": 700 + number,
        "created_at": "2025-10-28T05:21:18Z",
        "updated_at": "2025-10-28T05:22:18Z",
        "lead_time": 15.8,
    }


class LabelStudioMin(Export):
    """One row for each annotation: the fields of the task beside the values of the controls. Rows of several people on
    one task come together by their prompt and answers.
    """

    origin: ClassVar[str] = "Label Studio 1.x: Export, format JSON-MIN or CSV"
    seen: ClassVar[str] = "labelstud.io/guide/export"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("annotator.email", "annotator.id", "annotator")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [
            _row(number, {"user_message": "Name a moon of Jupiter.", "model_output": answer, "quality": label})
            for number, (answer, label) in enumerate([("The Sun.", "Bad"), ("Io.", "Good")])
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "Choices about two answers": {
            "preferences": [("Yes.", "No."), ("Not at all.", "Sure.")],
            "rows": [
                _row(1, {"prompt": "Is ice cold?", "answer_a": "Yes.", "answer_b": "No.", "label": "A"}),
                _row(2, {"prompt": "Is fire cold?", "answer_a": "Sure.", "answer_b": "Not at all.", "label": "B"}),
            ],
            "answers": {"map": {"codes": {"A": "first", "B": "second"}}},
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """Flat rows with `annotation_id`, `annotator` and `lead_time`."""
        if not have_paths(rows, "annotation_id", "annotator", "lead_time"):
            return None
        fields = [name for name in text_fields(rows) if name not in OWN_FIELDS]
        roles = find_roles(rows, fields)
        names = dict.fromkeys(name for row in rows for name in row if name not in OWN_FIELDS)
        controls: dict[str, list[Any]] = {}
        for name in names:
            values = [value for value in values_at(rows, name) if value is not None and value != ""]
            if name not in (*roles.prompt, *roles.answers, roles.system) and classify(values) in ("choice", "score"):
                controls[name] = distinct(values)
        # A text that is the same in every row, or different in every row, is part of the task.
        labels = {n: v for n, v in controls.items() if len(v) < max(2, len(values_at(rows, n)) // 2) or len(rows) < 9}
        if not labels or not roles.answers:
            shown = quote_names(labels) or "none"
            reason = f"this is an export of Label Studio, but it holds no answer with a judgement; controls: {shown}"
            return Proposal(None, {}, 0.0, [reason])
        questions = [Question(name, classify(values), values, name, "") for name, values in labels.items()]
        judging = [q for q in questions if q.kind == "score" or may_judge(q.name, q.values)] or questions
        proposal = propose_for_questions("Label Studio", rows, fields, "", judging)
        others = [q for q in questions if q not in judging]
        doubts = [f"the control '{q.name}' ({list_values(q.values)}) is not read" for q in others]
        return replace(proposal, doubts=[*proposal.doubts, *doubts])
