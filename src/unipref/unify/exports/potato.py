"""Potato."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.concerns import find_concern
from unipref.unify.detection.export_fields import (
    SENTIMENTS,
    find_side_codes,
    find_verdicts,
    names_comparison,
    names_praise,
)
from unipref.unify.detection.export_questions import ASKED
from unipref.unify.detection.export_rows import distinct, have_paths, values_at
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.questions import MAX_LABELS
from unipref.unify.detection.side_words import names_a_side
from unipref.unify.detection.verdict_words import have_verdicts
from unipref.unify.mapping.paths import KEYS

LABELS = "label_annotations"
DATA = "data"
"""The name under which the table of instances is joined."""
MISSING_TEXTS = "the file of the task that holds the texts, and the paths of prompt and candidates in it"
MAX_VALUE = 40
"""Most characters of the value of a label; longer ones are texts that people wrote."""


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
    people: ClassVar[tuple[str, ...]] = ("user_id",)
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
        labels = {name: _find_labels(rows, name) for name in schemes if name not in (*pairwise, *scales)}
        chosen = {name: several for name, several in labels.items() if several and _judges(name, several)}
        key = "instance_id" if "instance_id" in rows[0] else "id"
        source = {"join": [{"path": PLACEHOLDER, "left": key, "right": "id", "as": DATA}]}
        unread = [name for name in labels if name not in chosen or pairwise or scales]
        doubts = [f"the scheme '{name}' is not read" for name in unread]
        if pairwise or scales:
            return _propose_comparison(rows, pairwise, scales, doubts, source)
        if chosen:
            return _propose_labels(rows, chosen, doubts, source)
        reason = f"this is an export of Potato without a comparison or a verdict; its schemes: {quote_names(schemes)}"
        return Proposal(None, {}, 0.0, [reason])


def _find_labels(rows: Sequence[Row], name: str) -> list[str]:
    """Returns the labels of a scheme, which are the keys of what was chosen: {"good": "1"}; none for written texts."""
    given = [value for value in values_at(rows, f"{LABELS}.{name}") if isinstance(value, dict)]
    labels = sorted({str(label) for value in given for label in value})
    longest = max((len(str(one)) for value in given for one in value.values()), default=0)
    return labels if 0 < len(labels) <= MAX_LABELS and longest <= MAX_VALUE and labels != ["text_box"] else []


def _judges(name: str, labels: Sequence[str]) -> bool:
    """Whether the labels of a scheme judge an answer; the sentiment or the toxicity of a post does not."""
    is_class = "sentiment" in split_words(name) or bool({label.lower() for label in labels} & SENTIMENTS)
    is_class |= find_concern(name) is not None
    is_graded = all(label.isdigit() for label in labels) and names_praise(name)
    return all(map(names_a_side, labels)) or ((have_verdicts(labels) or is_graded) and not is_class)


def _propose_comparison(
    rows: Sequence[Row], pairwise: list[str], scales: list[str], doubts: list[str], source: dict[str, Any]
) -> Proposal:
    """Proposes a choice between two candidates, or a scale between them."""
    both = [*pairwise, *scales]
    doubts += [f"which of the comparisons {quote_names(both)} to read"] if len(both) > 1 else []
    doubts.append(MISSING_TEXTS)
    sides = dict.fromkeys(("prompt", "first", "second"), PLACEHOLDER)
    if pairwise:
        values = distinct(value for one in pairwise for value in values_at(rows, f"{LABELS}.{one}.selection"))
        codes = {"A": "first", "B": "second", "tie": "tie"}
        if not all(map(names_comparison, pairwise)):
            codes |= dict.fromkeys("AB", PLACEHOLDER)
            doubts.append(f"whether the candidate that {quote_names(pairwise)} names is the better one")
        codes |= {value: PLACEHOLDER for value in values if value not in codes}
        votes = PLACEHOLDER if len(both) > 1 else f"{LABELS}.{both[0]}.selection"
        why = [f"'{LABELS}.{both[0]}.selection' names the preferred candidate: A, B or tie"]
        return Proposal("votes", {**sides, "votes": votes, "codes": codes}, ASKED, why, doubts, source)
    ends = {"first": PLACEHOLDER, "second": PLACEHOLDER}
    mapping = {**sides, "grade": PLACEHOLDER if len(both) > 1 else f"{LABELS}.{both[0]}.scale_value", "scale": ends}
    doubts.append("the ends of the scale: its minimum means that the first candidate is better")
    why = [f"'{LABELS}.{both[0]}.scale_value' is negative if the first candidate is better"]
    return Proposal("graded_pair", mapping, ASKED, why, doubts, source)


def _propose_labels(
    rows: Sequence[Row], labels: dict[str, list[str]], doubts: list[str], source: dict[str, Any]
) -> Proposal:
    """Proposes a choice of labels: votes if they name one of two candidates, else thumbs."""
    name = next((one for one in labels if all(map(names_a_side, labels[one]))), next(iter(labels)))
    path = f"{LABELS}.{name}.{KEYS}"
    doubts += [f"which of the schemes {quote_names(labels)} to read"] if len(labels) > 1 else []
    doubts.append(MISSING_TEXTS)
    if any(isinstance(text, list) for text in values_at(rows, "displayed_text")):
        doubts.append("'displayed_text' is a list that shows the texts too, such as displayed_text.0")
    why = [f"the keys of '{LABELS}.{name}' are the chosen labels: {', '.join(labels[name])}"]
    if all(map(names_a_side, labels[name])):
        codes, more = find_side_codes(labels[name], name, (), None, names_comparison(name))
        sides = dict.fromkeys(("prompt", "first", "second"), PLACEHOLDER)
        mapping = {**sides, "votes": path if len(labels) == 1 else PLACEHOLDER, "codes": codes}
        return Proposal("votes", mapping, ASKED, why, [*doubts, *more], source)
    verdicts = find_verdicts(labels[name], name)
    sides = dict.fromkeys(("prompt", "response"), PLACEHOLDER)
    mapping = {**sides, "label": path if len(labels) == 1 else PLACEHOLDER, **verdicts.settings}
    return Proposal("thumbs", mapping, ASKED, why, [*doubts, *verdicts.doubts], source)
