"""Label Studio, full JSON."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.concerns import find_rank_concerns, is_plain, judges_prompt
from unipref.unify.detection.export_fields import find_roles, names_comparison
from unipref.unify.detection.export_questions import ASKED, RIGHT, propose_for_questions
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, text_fields, values_at
from unipref.unify.detection.guess import PLACEHOLDER, path_setting, quote_names, suggest_direction
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.orders import read_order_name
from unipref.unify.detection.questions import Kind, Question

VALUES = {
    "pairwise": "value.selected",
    "choices": "value.choices.*",
    "rating": "value.rating",
    "number": "value.number",
}
"""Type of a control that judges -> path of its value inside a result."""
USUAL_BUCKETS = {"rank", "ranker", "_", "ranked", "results", "items", "list", "order", "sorted"}
"""Names of controls and buckets that say nothing."""
NOT_CANCELLED: dict[str, Any] = {"was_cancelled": [False, None]}
"""Which annotations count: those of imported tasks may lack the field."""


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
    people: ClassVar[tuple[str, ...]] = (
        "annotations.*.completed_by.email",
        "annotations.*.completed_by.id",
        "annotations.*.completed_by",
    )
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
        if not all(isinstance(result, dict) and isinstance(result.get("value"), dict) for result in results):
            return None
        if not all("type" in result for result in results):
            return None
        if any(result["type"] == "ranker" for result in results):
            return _propose_ranker(rows, results)
        controls = dict.fromkeys((str(one.get("from_name", "")), str(one["type"])) for one in results)
        questions = [_read_control(rows, results, name, kind) for name, kind in controls]
        return propose_for_questions("Label Studio", rows, text_fields(rows, "data"), "data", questions)


def _propose_ranker(rows: Sequence[Row], results: Sequence[Any]) -> Proposal:
    """Proposes how to read orders of items by their ids, from the control Ranker of a List."""
    mine = [one for one in results if one["type"] == "ranker"]
    orders = [one["value"].get("ranker") for one in mine]
    buckets = dict.fromkeys(name for order in orders if isinstance(order, dict) for name in order)
    controls = dict.fromkeys(str(one.get("from_name", "")) for one in mine)
    lists = [name for name in rows[0]["data"] if have_paths(rows, f"data.{name}.*.id")]
    texts = text_fields(items_at(rows, f"data.{lists[0]}")) if lists else []
    texts = [name for name in texts if name not in ("id", "title")] or texts
    roles = find_roles(values_at(rows, "data"), text_fields(rows, "data"))
    inside = "value.ranker"
    if buckets:
        inside = f"value.ranker.{next(iter(buckets))}" if len(buckets) == 1 else PLACEHOLDER
    is_clear = inside != PLACEHOLDER and len(controls) == 1
    mapping: dict[str, Any] = {
        "prompt": path_setting([f"data.{name}" for name in roles.prompt]) if roles.prompt else PLACEHOLDER,
        "answers": f"data.{lists[0]}" if len(lists) == 1 else PLACEHOLDER,
        "response": texts[0] if len(texts) == 1 else PLACEHOLDER,
        "key": "id",
        "sequences": f"annotations.*.result.0.{inside}" if is_clear else PLACEHOLDER,
        "order": _read_order([*controls, *buckets]),
    }
    filters: dict[str, Any] = {"annotations": NOT_CANCELLED}
    others = {(str(one.get("from_name")), one["type"]) for one in results if one["type"] != "ranker"}
    if others:
        filters["annotations.*.result"] = {"type": ["ranker"]}
    mapping["where_items"] = filters
    taken = {"best_first": "best", "worst_first": "worst"}.get(mapping["order"])
    doubts = [
        f"that the first item of an order is the {taken}"
        if taken
        else f"which end of an order is the best: {quote_names([*controls, *buckets])} do not tell"
    ]
    doubts += [f"the question '{name}' ({kind}) is not read" for name, kind in sorted(others)]
    if inside == PLACEHOLDER:
        doubts.append(f"which of the buckets {quote_names(buckets)} holds the order")
    if len(controls) > 1:
        doubts.append(f"which of the controls {quote_names(controls)} orders the answers by their quality")
    doubts += [f"where the {key} is" for key in ("prompt", "answers", "response") if mapping[key] == PLACEHOLDER]
    is_open = f"'{PLACEHOLDER}'" in str(mapping)
    why = ["a control Ranker of Label Studio orders the items of a list by their ids"]
    return Proposal("ranking", mapping, ASKED if is_open else RIGHT, why, doubts)


def _read_order(names: Sequence[str]) -> str:
    """Returns which end of an order comes first, according to the names of controls and buckets.

    People order the best first, unless a name says something else, or what else decides the order.
    """
    told = {order for name in names if (order := read_order_name(name)) is not None}
    others = [name for name in names if read_order_name(name) is None]
    if len(told) > 1 or find_rank_concerns(name for name in others if name not in USUAL_BUCKETS):
        return PLACEHOLDER
    return told.pop() if told else "best_first"


def _read_results(rows: Sequence[Row]) -> Iterator[Any]:
    """Yields the results of all annotations that were not cancelled."""
    for annotation in items_at(rows, "annotations"):
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            yield from items_at([annotation], "result")


def _read_control(rows: Sequence[Row], results: Sequence[Any], name: str, kind: str) -> Question:
    """Returns a control as a question.

    Args:
        rows: the tasks.
        results: those of all annotations.
        name: of the control.
        kind: its type.
    """
    mine = [one for one in results if str(one.get("from_name", "")) == name and one["type"] == kind]
    inside = VALUES.get(kind, "")
    chosen = [value for value in values_at(mine, "value.choices") if isinstance(value, list)]
    several = kind == "choices" and any(len(labels) > 1 for labels in chosen)
    if kind == "choices":
        values = distinct(label for labels in chosen for label in labels)
    else:
        values = distinct(values_at(mine, inside)) if inside else []
    sides, doubts = _find_sides(rows, mine, name) if kind == "pairwise" else ({}, [])
    # Of stars, more are better, but not of stars for a fault or for something else.
    is_praise = (
        kind == "rating" and suggest_direction(name, split_words(name)) == "high" and is_plain(split_words(name))
    )
    is_score = kind in ("rating", "number")
    usual: Kind = "score" if is_score else "choice"
    return Question(
        name=name or kind,
        kind="other" if not values or several else usual,
        values=values,
        people="annotations",
        inside=f"result.*.{inside}",
        where=NOT_CANCELLED,
        # Later tasks may have results of other controls, even if these have none.
        where_inside={"result": {"from_name": [name], "type": [kind]}} if name else {},
        is_about_better=kind == "pairwise",
        better="high" if is_praise else PLACEHOLDER if is_score else None,
        sides=sides,
        doubts=doubts,
        is_about_prompt=kind != "pairwise" and _is_about_prompt(mine),
    )


def _is_about_prompt(results: Sequence[Any]) -> bool:
    """Whether the tag that a control belongs to, in `to_name`, is that of the prompt."""
    tags = {str(one.get("to_name") or "").strip() for one in results}
    return any(judges_prompt(f"{tag}.value") for tag in tags if not re.search(r"[,;\s]", tag))


def _find_sides(rows: Sequence[Row], results: Sequence[Any], name: str) -> tuple[dict[Any, str], list[str]]:
    """Returns what left and right of the control Pairwise mean, and the doubts.

    Left is the first tag in `to_name`. A tag is a name of the labelling configuration, which need not be that of a
    field of the task.
    """
    unclear = dict.fromkeys(("left", "right"), PLACEHOLDER)
    tags = dict.fromkeys(tuple(re.split(r"[,;\s]+", str(one.get("to_name") or "").strip())) for one in results)
    shown = ", ".join(f"'{','.join(one)}'" for one in tags)
    roles = find_roles(values_at(rows, "data"), text_fields(rows, "data"))
    if not names_comparison(name):
        return unclear, [f"whether left in '{name}' means that the answer on the left is the better one"]
    if len(tags) > 1:
        return unclear, [f"which answers left and right in '{name}' are: 'to_name' differs between results ({shown})"]
    (left_right,) = tags or [()]
    if len(left_right) != 2 or len(roles.answers) != 2:
        return unclear, [f"which answers left and right in '{name}' are: 'to_name' is {shown or 'missing'}"]
    words = [split_words(tag) for tag in left_right]
    fields = [split_words(answer) for answer in roles.answers]
    if sorted(words) == sorted(fields):
        return _order_sides(words[0] == fields[0]), []
    marks = list(roles.marks or ())
    at = [[mark for mark in marks if mark in tag] for tag in words]
    if marks and sorted(at) == sorted([mark] for mark in marks):
        doubt = (
            f"whether the first tag of 'to_name' ({shown}) shows the field with '{at[0][0]}' in its name, on the left"
        )
        return _order_sides(at[0] == marks[:1]), [doubt]
    return unclear, [
        f"which of {quote_names(roles.answers)} is on the left: the first tag of 'to_name' ({shown}) shows it"
    ]


def _order_sides(is_first_left: bool) -> dict[Any, str]:
    return {"left": "first", "right": "second"} if is_first_left else {"left": "second", "right": "first"}
