"""Label Studio, full JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import find_roles
from unipref.unify.detection.export_questions import ASKED, RIGHT, Kind, Question, propose_for_questions
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, text_fields, values_at
from unipref.unify.detection.guess import PLACEHOLDER, path_setting, quote_names

VALUES = {
    "pairwise": "value.selected",
    "choices": "value.choices.0",
    "rating": "value.rating",
    "number": "value.number",
}
"""Type of a control that judges -> path of its value inside a result."""


def _task(number: int, data: dict[str, Any], *annotations: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": number,
        "annotations": list(annotations),
        "drafts": [],
        "predictions": [],
        "data": data,
        "meta": {},
        "created_at": "2025-01-04T18:43:47Z",
        "project": 7,
    }


def _annotation(control: str, kind: str, value: dict[str, Any], is_cancelled: bool = False) -> dict[str, Any]:
    result = {"id": "r1", "from_name": control, "to_name": "answer1,answer2", "type": kind, "value": value}
    return {"id": 900, "completed_by": 1, "was_cancelled": is_cancelled, "ground_truth": False, "result": [result]}


DATA = {"prompt": "Is ice cold?", "answer1": "Yes.", "answer2": "No."}


class LabelStudio(Export):
    """Tasks with their `annotations`: controls Pairwise, Choices, Rating and Number. Cancelled annotations are left
    out; predictions and drafts are not read. Several people's answers on one task count together.
    """

    origin: ClassVar[str] = "Label Studio 1.x: Export, format JSON"
    seen: ClassVar[str] = (
        "labelstud.io/guide/task_format and /tags/pairwise, an exported file in an issue of the project"
    )
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    settled: ClassVar[tuple[str, ...]] = (
        "annotations.*.completed_by",
        "annotations.*.was_cancelled",
        "annotations.*.result",
    )
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Yes.", "No."), ("Io.", "The Sun.")],
        "rows": [
            _task(
                1,
                DATA,
                _annotation("comparison", "pairwise", {"selected": "left"}),
                _annotation("comparison", "pairwise", {"selected": "right"}, is_cancelled=True),
                _annotation("comparison", "pairwise", {"selected": "right"}, is_cancelled=True),
            ),
            _task(
                2,
                {"prompt": "Name a moon of Jupiter.", "answer1": "The Sun.", "answer2": "Io."},
                _annotation("comparison", "pairwise", {"selected": "right"}),
            ),
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "Choices about one answer": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                _task(
                    number,
                    {"question": "Name a moon of Jupiter.", "answer": answer},
                    _annotation("quality", "choices", {"choices": [label]}),
                )
                for number, (answer, label) in enumerate([("The Sun.", "Bad"), ("Io.", "Good")])
            ],
        },
        "An order of items": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                _task(
                    1,
                    {
                        "prompt": "Name a moon of Jupiter.",
                        "items": [
                            {"id": "m1", "title": "A", "body": "The Sun."},
                            {"id": "m2", "title": "B", "body": "Io."},
                            {"id": "m3", "title": "C", "body": "Mars."},
                        ],
                    },
                    _annotation("rank", "ranker", {"ranker": {"rank": ["m2", "m3", "m1"]}}),
                )
            ],
        },
        "Stars for one answer": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                _task(
                    number,
                    {"question": "Name a moon of Jupiter.", "answer": answer},
                    _annotation("stars", "rating", {"rating": stars}),
                )
                for number, (answer, stars) in enumerate([("The Sun.", 1), ("Io.", 5)])
            ],
        },
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """Tasks with `data` and `annotations`, whose results name their control (`from_name`) and its `type`."""
        if not have_paths(rows, "data", "annotations") or not all(isinstance(row["data"], dict) for row in rows):
            return None
        results = list(_read_results(rows))
        if not all(isinstance(result, dict) and result.keys() >= {"type", "value"} for result in results):
            return None
        if any(result["type"] == "ranker" for result in results):
            return _propose_ranker(rows, results)
        controls = dict.fromkeys((str(one.get("from_name", "")), str(one["type"])) for one in results)
        is_one = len(controls) == 1
        questions = [_read_control(rows, results, name, kind, is_one) for name, kind in controls]
        return propose_for_questions("Label Studio", text_fields(rows, "data"), "data.", questions)


def _propose_ranker(rows: Sequence[Row], results: Sequence[Any]) -> Proposal:
    """Proposes how to read orders of items by their ids, from the control Ranker of a List."""
    orders = [one["value"]["ranker"] for one in results if one["type"] == "ranker" and "ranker" in one["value"]]
    buckets = dict.fromkeys(name for order in orders if isinstance(order, dict) for name in order)
    lists = [name for name in rows[0]["data"] if have_paths(rows, f"data.{name}.*.id")]
    texts = text_fields(items_at(rows, f"data.{lists[0]}")) if lists else []
    texts = [name for name in texts if name not in ("id", "title")] or texts
    roles = find_roles(text_fields(rows, "data"))
    inside = "value.ranker"
    if buckets:
        inside = f"value.ranker.{next(iter(buckets))}" if len(buckets) == 1 else PLACEHOLDER
    mapping: dict[str, Any] = {
        "prompt": path_setting([f"data.{name}" for name in roles.prompt]) if roles.prompt else PLACEHOLDER,
        "answers": f"data.{lists[0]}" if len(lists) == 1 else PLACEHOLDER,
        "response": texts[0] if len(texts) == 1 else PLACEHOLDER,
        "key": "id",
        "sequences": PLACEHOLDER if inside == PLACEHOLDER else f"annotations.*.result.0.{inside}",
        "order": "best_first",
    }
    filters: dict[str, Any] = {"annotations": {"was_cancelled": [False]}}
    others = {(str(one.get("from_name")), one["type"]) for one in results if one["type"] != "ranker"}
    if others:
        filters["annotations.*.result"] = {"type": ["ranker"]}
    mapping["where_items"] = filters
    doubts = ["the first item of an order is taken as the best"]
    doubts += [f"the question '{name}' ({kind}) is not read" for name, kind in sorted(others)]
    if inside == PLACEHOLDER:
        doubts.append(f"which of the buckets {quote_names(buckets)} holds the order")
    doubts += [f"where the {key} is" for key in ("prompt", "answers", "response") if mapping[key] == PLACEHOLDER]
    is_open = f"'{PLACEHOLDER}'" in str(mapping)
    why = ["a control Ranker of Label Studio orders the items of a list by their ids"]
    return Proposal("ranking", mapping, ASKED if is_open else RIGHT, why, doubts)


def _read_results(rows: Sequence[Row]) -> Iterator[Any]:
    """Yields the results of all annotations that were not cancelled."""
    for annotation in items_at(rows, "annotations"):
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            yield from annotation.get("result") or []


PAIRWISE_VALUES = ("left", "right")
"""The values of the control Pairwise."""


def _read_control(rows: Sequence[Row], results: Sequence[Any], name: str, kind: str, is_one: bool) -> Question:
    """Returns a control as a question.

    Args:
        rows: the tasks.
        results: those of all annotations.
        name: of the control.
        kind: its type.
        is_one: whether no other control occurs, so that its result is always the only one.
    """
    mine = [one for one in results if str(one.get("from_name", "")) == name and one["type"] == kind]
    inside = VALUES.get(kind)
    values = distinct(values_at(mine, inside)) if inside else []
    if values and kind == "pairwise":
        values = distinct([*values, *PAIRWISE_VALUES])  # these rows may hold only one of them
    several = any(len(one["value"].get("choices", [])) > 1 for one in mine if isinstance(one["value"], dict))
    is_score = kind in ("rating", "number")
    usual: Kind = "score" if is_score else "choice"
    return Question(
        name=name or kind,
        kind="other" if not values or several else usual,
        values=values,
        people="annotations",
        inside=f"result.0.{inside}",
        where={"was_cancelled": [False]},
        where_inside={} if is_one else {"result": {"from_name": [name], "type": [kind]}},
        most=max((_count_annotations(row) for row in rows), default=1),
        is_about_better=kind == "pairwise",
        better="high" if kind == "rating" else PLACEHOLDER if is_score else None,
    )


def _count_annotations(row: Row) -> int:
    annotations = row["annotations"] if isinstance(row["annotations"], list) else []
    return sum(isinstance(one, dict) and not one.get("was_cancelled") for one in annotations) or 1
