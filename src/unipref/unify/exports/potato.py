"""Potato."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import names_comparison
from unipref.unify.detection.export_questions import ASKED
from unipref.unify.detection.export_rows import distinct, have_paths, values_at
from unipref.unify.detection.guess import PLACEHOLDER, quote_names

LABELS = "label_annotations"
DATA = "data"
"""The name under which the table of instances is joined."""


def _instance(name: str, annotations: dict[str, Any]) -> dict[str, Any]:
    return {
        "user_id": "ann",
        "instance_id": name,
        "displayed_text": "...",
        LABELS: annotations,
        "span_annotations": [],
        "behavioral_data": {},
    }


class Potato(Export):
    """What one annotator answered, by instance. The texts are in the file of the task, which has to be joined; the
    displayed text holds both candidates in one.
    """

    origin: ClassVar[str] = "Potato 2: annotation_output/USER/annotated_instances.jsonl"
    seen: ClassVar[str] = (
        "davidjurgens/potato, docs/annotation-types/comparison/pairwise_annotation.md, and public code"
    )
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun."), ("Yes.", "No.")],
        "rows": [
            _instance("1", {"preference": {"selection": "B"}}),
            _instance("2", {"preference": {"selection": "A"}}),
            _instance("3", {"preference": {"selection": "tie"}}),
        ],
        "files": {
            "instances.jsonl": [
                {"id": "1", "prompt": "Name a moon of Jupiter.", "responses": ["The Sun.", "Io."]},
                {"id": "2", "prompt": "Is ice cold?", "responses": ["Yes.", "No."]},
                {"id": "3", "prompt": "What is rain?", "responses": ["Water.", "Drops of water."]},
            ]
        },
        "answers": {
            "join": [{"path": "instances.jsonl", "left": "instance_id", "right": "id", "as": DATA}],
            "map": {"prompt": f"{DATA}.prompt", "first": f"{DATA}.responses.0", "second": f"{DATA}.responses.1"},
        },
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`label_annotations` beside `instance_id` or `id`."""
        if not have_paths(rows, LABELS) or not ("instance_id" in rows[0] or "id" in rows[0]):
            return None
        schemes = dict.fromkeys(name for row in rows if isinstance(row[LABELS], dict) for name in row[LABELS])
        pairwise = [name for name in schemes if any(values_at(rows, f"{LABELS}.{name}.selection"))]
        scales = [name for name in schemes if any(values_at(rows, f"{LABELS}.{name}.scale_value"))]
        others = [name for name in schemes if name not in (*pairwise, *scales)]
        doubts = [f"the scheme '{name}' is not read" for name in others]
        if not pairwise and not scales:
            reason = f"this is an export of Potato without a pairwise comparison; its schemes: {quote_names(schemes)}"
            return Proposal(None, {}, 0.0, [reason])
        both = [*pairwise, *scales]
        doubts += [f"which of the comparisons {quote_names(both)} to read"] if len(both) > 1 else []
        doubts.append("the file of the task that holds the texts, and the paths of prompt and candidates in it")
        key = "instance_id" if "instance_id" in rows[0] else "id"
        source = {"join": [{"path": PLACEHOLDER, "left": key, "right": "id", "as": DATA}]}
        sides = dict.fromkeys(("prompt", "first", "second"), PLACEHOLDER)
        if pairwise:
            values = distinct(value for one in pairwise for value in values_at(rows, f"{LABELS}.{one}.selection"))
            codes = {"A": "first", "B": "second", "tie": "tie"}
            if not all(map(names_comparison, pairwise)):
                codes |= dict.fromkeys("AB", PLACEHOLDER)
                doubts.append(f"whether the candidate that {quote_names(pairwise)} names is the better one")
            codes |= {value: PLACEHOLDER for value in values if value not in codes}
            mapping = {
                **sides,
                "votes": PLACEHOLDER if len(both) > 1 else f"{LABELS}.{both[0]}.selection",
                "codes": codes,
            }
            why = [f"'{LABELS}.{both[0]}.selection' names the preferred candidate: A, B or tie"]
            return Proposal("votes", mapping, ASKED, why, doubts, source)
        ends = {"first": PLACEHOLDER, "second": PLACEHOLDER}
        mapping = {**sides, "grade": PLACEHOLDER if len(both) > 1 else f"{LABELS}.{both[0]}.scale_value", "scale": ends}
        doubts.append("the ends of the scale: its minimum means that the first candidate is better")
        why = [f"'{LABELS}.{both[0]}.scale_value' is negative if the first candidate is better"]
        return Proposal("graded_pair", mapping, ASKED, why, doubts, source)
