"""Label Studio, JSON_MIN and CSV."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import find_roles, find_side_codes, find_verdicts, names_better
from unipref.unify.detection.export_questions import ASKED, RIGHT, classify
from unipref.unify.detection.export_rows import distinct, have_paths, list_values, text_fields, values_at
from unipref.unify.detection.guess import PLACEHOLDER, path_setting, quote_names

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
        roles = find_roles([name for name in text_fields(rows) if name not in OWN_FIELDS])
        names = dict.fromkeys(name for row in rows for name in row if name not in OWN_FIELDS)
        controls: dict[str, list[Any]] = {}
        for name in names:
            values = [value for value in values_at(rows, name) if value is not None and value != ""]
            if name not in (*roles.prompt, *roles.answers) and classify(values) in ("choice", "score"):
                controls[name] = distinct(values)
        # A text that is the same in every row, or different in every row, is part of the task.
        labels = {n: v for n, v in controls.items() if len(v) < max(2, len(values_at(rows, n)) // 2) or len(rows) < 9}
        return _propose(roles.prompt, roles.answers, labels)


def _propose(prompt: list[str], answers: list[str], labels: dict[str, list[Any]]) -> Proposal:
    """Proposes how to read one or two answers with the values of controls beside them."""
    if not labels or not answers:
        controls = quote_names(labels) or "none"
        reason = f"this is an export of Label Studio, but it holds no answer with a judgement; controls: {controls}"
        return Proposal(None, {}, 0.0, [reason])
    better = [name for name in labels if names_better(name)]
    name = (better or list(labels))[0] if len(answers) > 1 else next(iter(labels))
    values = labels[name]
    doubts = [f"the control '{one}' ({list_values(labels[one])}) is not read" for one in labels if one != name]
    doubts += [] if prompt else ["which field is the prompt"]
    base: dict[str, Any] = {"prompt": path_setting(prompt) if prompt else PLACEHOLDER}
    why = [f"'{name}' is a control of Label Studio with the values {list_values(values)}"]
    if len(answers) == 2:
        codes = find_side_codes(values, answers, names_better(name))
        doubts += [f"which answer is better if '{name}' is {v!r}" for v, side in codes.items() if side == PLACEHOLDER]
        mapping = {**base, "first": answers[0], "second": answers[1], "votes": name, "codes": codes}
        return Proposal("votes", mapping, ASKED if PLACEHOLDER in codes.values() else RIGHT, why, doubts)
    base["response"] = answers[0] if len(answers) == 1 else PLACEHOLDER
    if len(answers) > 1:
        doubts.append(f"which of {quote_names(answers)} is judged")
    if classify(values) == "score":
        scores = {name: {"field": name, "better": PLACEHOLDER}}
        doubts.append(f"whether a high '{name}' is better, and its range: declare 'low' and 'high'")
        return Proposal("ratings", {**base, "scores": scores}, ASKED, why, doubts)
    verdicts = find_verdicts(values, name)
    mapping = {**base, "label": name, **verdicts.settings}
    is_open = f"'{PLACEHOLDER}'" in str(mapping)
    return Proposal("thumbs", mapping, ASKED if is_open else RIGHT, why, [*doubts, *verdicts.doubts])
