"""Label Studio, JSON_MIN and CSV."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import (
    Roles,
    find_roles,
    find_side_codes,
    find_verdicts,
    may_judge,
    names_better,
)
from unipref.unify.detection.export_questions import ASKED, RIGHT, ask_for_bounds, classify
from unipref.unify.detection.export_rows import (
    distinct,
    have_paths,
    have_several_answers,
    list_values,
    text_fields,
    values_at,
)
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
        roles = find_roles(rows, [name for name in text_fields(rows) if name not in OWN_FIELDS])
        names = dict.fromkeys(name for row in rows for name in row if name not in OWN_FIELDS)
        controls: dict[str, list[Any]] = {}
        for name in names:
            values = [value for value in values_at(rows, name) if value is not None and value != ""]
            if name not in (*roles.prompt, *roles.answers, roles.system) and classify(values) in ("choice", "score"):
                controls[name] = distinct(values)
        # A text that is the same in every row, or different in every row, is part of the task.
        labels = {n: v for n, v in controls.items() if len(v) < max(2, len(values_at(rows, n)) // 2) or len(rows) < 9}
        return _propose(rows, roles, labels)


def _propose(rows: Sequence[Row], roles: Roles, labels: dict[str, list[Any]]) -> Proposal:
    """Proposes how to read one or two answers with the values of controls beside them."""
    prompt, answers = roles.prompt, roles.answers
    if not labels or not answers:
        controls = quote_names(labels) or "none"
        reason = f"this is an export of Label Studio, but it holds no answer with a judgement; controls: {controls}"
        return Proposal(None, {}, 0.0, [reason])
    better = [name for name in labels if names_better(name)]
    judging = [name for name, values in labels.items() if may_judge(name, values)] or list(labels)
    candidates = better or judging if len(answers) > 1 else judging
    name = candidates[0]
    values = labels[name]
    doubts = [f"the control '{one}' ({list_values(labels[one])}) is not read" for one in labels if one != name]
    doubts += [] if prompt else ["which field is the prompt"]
    base: dict[str, Any] = {"prompt": path_setting(prompt) if prompt else PLACEHOLDER}
    base |= {"system": roles.system} if roles.system else {}
    why = [f"'{name}' is a control of Label Studio with the values {list_values(values)}"]
    if len(candidates) > 1:
        doubts.append(f"which of the controls {quote_names(candidates)} says which answer is good")
    label = name if len(candidates) == 1 else PLACEHOLDER
    if len(answers) == 2:
        codes, more = find_side_codes(values, name, answers, roles.marks, names_better(name))
        if label == PLACEHOLDER:
            codes, more = {value: PLACEHOLDER for one in candidates for value in labels[one]}, []
        mapping = {**base, "first": answers[0], "second": answers[1], "votes": label, "codes": codes}
        return _finish("votes", mapping, why, [*doubts, *more])
    base["response"] = answers[0] if len(answers) == 1 else PLACEHOLDER
    if len(answers) > 1:
        doubts.append(f"which of {quote_names(answers)} is judged")
    if label == PLACEHOLDER:
        mapping = {**base, "label": PLACEHOLDER, "up": [PLACEHOLDER], "down": [PLACEHOLDER]}
        return _finish("thumbs", mapping, why, doubts)
    if classify(values) != "score":
        verdicts = find_verdicts(values, name)
        return _finish("thumbs", {**base, "label": name, **verdicts.settings}, why, [*doubts, *verdicts.doubts])
    if not have_several_answers(rows, base["prompt"], base["response"]):
        settings, more = ask_for_bounds(name, values, None)
        return _finish("thumbs", {**base, "label": name, **settings}, why, [*doubts, *more])
    scores = {name: {"field": name, "better": PLACEHOLDER}}
    doubts.append(f"whether a high '{name}' is better, and its range: declare 'low' and 'high'")
    return _finish("ratings", {**base, "scores": scores}, why, doubts)


def _finish(name: str, mapping: dict[str, Any], why: list[str], doubts: list[str]) -> Proposal:
    is_open = f"'{PLACEHOLDER}'" in str(mapping)
    return Proposal(name, mapping, ASKED if is_open else RIGHT, why, doubts)
