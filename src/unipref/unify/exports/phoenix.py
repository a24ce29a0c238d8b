"""Arize Phoenix."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, values_at
from unipref.unify.detection.export_traces import Exchange, find_exchange, propose_one_of, propose_verdict
from unipref.unify.detection.guess import PLACEHOLDER

VALUES = ("attributes.input.value", "attributes.output.value")
INPUT, OUTPUT = VALUES
MESSAGES = ("attributes.llm.input_messages", "attributes.llm.output_messages")
"""The columns that hold the exchange: as texts or JSON, or as lists of messages."""
MESSAGE = re.compile(r"attributes\.llm\.(input|output)_messages\.(\d+)\.message\.(role|content)")
"""A column of one message, if lists are flattened."""
LABEL, SCORE = "result.label", "result.score"
NAME, KIND = "annotation_name", "annotator_kind"
"""Columns with the name of an annotation, and with HUMAN, LLM or CODE."""
ANNOTATIONS = "annotations"
"""A list of annotations, or a mapping name -> annotation; also flattened to columns."""


def _span(number: int, answer: str, label: str, score: float) -> dict[str, Any]:
    return {
        "context.span_id": f"span-{number}",
        "name": "ChatCompletion",
        "span_kind": "LLM",
        "start_time": "2025-02-23 10:05:50",
        "status_code": "OK",
        INPUT: "Name a moon of Jupiter.",
        OUTPUT: answer,
        "attributes.llm.model_name": "gpt-4o",
        "annotation_name": "correctness",
        "annotator_kind": "HUMAN",
        LABEL: label,
        SCORE: score,
    }


class Phoenix(Export):
    """Spans with `attributes.input.value` and `attributes.output.value`, or with `attributes.llm.input_messages` and
    `attributes.llm.output_messages`, joined with their annotations or with a column `annotations`. Without annotations,
    the table of annotations has to be joined by the span's id.
    """

    origin: ClassVar[str] = "Phoenix 9 and later: get_spans_dataframe joined with get_span_annotations_dataframe, saved"
    seen: ClassVar[str] = "arize.com/docs/phoenix, exporting annotated spans, and public code that reads both tables"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("annotations.*.user_id", "annotations.*.identifier")
    settled: ClassVar[tuple[str, ...]] = ("annotation_name", "result.score", "annotations.*.result.score")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [_span(1, "The Sun.", "incorrect", 0.0), _span(2, "Io.", "correct", 1.0)],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "Spans with messages and a list of annotations": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "context.span_id": f"span-{number}",
                    "span_kind": "LLM",
                    MESSAGES[0]: [{"message.role": "user", "message.content": "Name a moon of Jupiter."}],
                    MESSAGES[1]: [{"message.role": "assistant", "message.content": answer}],
                    ANNOTATIONS: [{"name": "quality", KIND: "HUMAN", "result": {"label": label, "score": None}}],
                }
                for number, (answer, label) in enumerate([("The Sun.", "thumbs-down"), ("Io.", "thumbs-up")])
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """The texts or the messages of an exchange beside a span's id."""
        is_span = have_paths(rows, "context.span_id") or any(name.endswith("span_id") for row in rows for name in row)
        if not is_span or (exchange := _find_exchange(rows)) is None:
            return None
        if any(name == ANNOTATIONS or name.startswith(f"{ANNOTATIONS}.") for row in rows for name in row):
            return _propose_annotations(rows, exchange)
        labels = distinct(value for value in values_at(rows, LABEL) if value != "")
        scores = distinct(value for value in values_at(rows, SCORE) if value != "")
        names = distinct(values_at(rows, NAME))
        path = LABEL if labels else SCORE
        if len(names) > 1:
            of_name = {str(name): _list_annotations(rows, name, path) for name in names}
            why = [f"these are spans of Phoenix with several annotations: {', '.join(of_name)}"]
            return propose_one_of("Phoenix", exchange, of_name, why, {"label": path, "where": {NAME: PLACEHOLDER}})
        if not labels and not scores:
            return _miss_annotations()
        name, why = str(names[0]) if names else path, [f"'{path}' judges spans"]
        proposal = propose_verdict(exchange, rows, name, path, labels or scores, why)
        # Another annotation in later rows may have the same numbers or words.
        more = {"where": {NAME: names}} if names else {}
        doubts = [f"'{SCORE}' is not read beside '{LABEL}'"] if labels and scores else []
        return _add(proposal, more, [*doubts, *_doubt_who_judged(values_at(rows, KIND), KIND)])


def _miss_annotations() -> Proposal:
    why = ["these are spans of Phoenix without annotations"]
    return Proposal(None, {}, 0.0, why, ["join the table of get_span_annotations_dataframe by the span's id"])


def _add(proposal: Proposal, more: Mapping[str, Any], doubts: Sequence[str]) -> Proposal:
    """Returns a proposal with further settings and doubts."""
    mapping, all_doubts = {**proposal.map, **more}, [*proposal.doubts, *doubts]
    return Proposal(proposal.format, mapping, proposal.confidence, proposal.why, all_doubts)


def _doubt_who_judged(kinds: Sequence[Any], path: str) -> list[str]:
    several = distinct(kinds)
    return [f"who judged: '{path}' is {' or '.join(map(str, several))}"] if {"LLM", "CODE"} & {*several} else []


def _list_annotations(rows: Sequence[Row], name: Any, path: str) -> list[Any]:
    """Returns the different values of the annotations of a name, and who gave them."""
    mine = [row for row in rows if row.get(NAME) == name]
    kinds = [kind for kind in distinct(values_at(mine, KIND)) if kind != ""]
    return [*distinct(value for value in values_at(mine, path) if value != ""), *kinds]


def _find_exchange(rows: Sequence[Row]) -> Exchange | None:
    """Finds the prompt and the answer of spans; None if these are no spans of a model."""
    if have_paths(rows, *VALUES) and any(value not in (None, "") for value in values_at(rows, OUTPUT)):
        return find_exchange(rows, *VALUES)
    if have_paths(rows, *MESSAGES):
        return find_exchange(rows, *MESSAGES)
    columns = [match for name in dict.fromkeys(n for row in rows for n in row) if (match := MESSAGE.fullmatch(name))]
    return _find_flat_exchange(rows, columns) if columns else None


def _find_flat_exchange(rows: Sequence[Row], columns: Sequence[re.Match[str]]) -> Exchange:
    """Finds prompt and answer in one column per message: if all spans have a system text at most, and one question."""
    texts = {side: [m[0] for m in columns if m[1] == side and m[3] == "content"] for side in ("input", "output")}
    roles = {m[0].replace(".role", ".content"): distinct(values_at(rows, m[0])) for m in columns if m[3] == "role"}
    prompts = [name for name in texts["input"] if roles.get(name) in (["user"], None)]
    systems = [name for name in texts["input"] if roles.get(name) == ["system"]]
    is_plain = len(prompts) + len(systems) == len(texts["input"]) and len(prompts) == 1 and len(systems) <= 1
    is_plain = is_plain and all(row.get(name) not in (None, "") for row in rows for name in texts["input"])
    answer = texts["output"][0] if len(texts["output"]) == 1 else PLACEHOLDER
    doubts = (
        [] if is_plain else [f"where the prompt is: the messages before the answer are {len(texts['input'])} columns"]
    )
    doubts += [f"which of {', '.join(texts['output'])} is the answer"] if answer == PLACEHOLDER else []
    mapping = {"prompt": prompts[0] if is_plain else PLACEHOLDER, "response": answer}
    return Exchange({**mapping, **({"system": systems[0]} if is_plain and systems else {})}, doubts)


def _propose_annotations(rows: Sequence[Row], exchange: Exchange) -> Proposal:
    """Proposes one of the annotations that stand in each row: in a list, under their names, or in columns."""
    items = [item for item in items_at(rows, ANNOTATIONS) if isinstance(item, dict)]
    if items:
        return _propose_listed(rows, exchange, items)
    paths = [path for path in _annotation_paths(rows) if any(v not in (None, "") for v in values_at(rows, path))]
    labels = [path for path in paths if path.endswith("label")] or [path for path in paths if path.endswith("score")]
    if not labels:
        return _miss_annotations()
    values = {path: [v for v in distinct(values_at(rows, path)) if v != ""] for path in labels}
    why = ["these are spans of Phoenix with their annotations"]
    if len(labels) > 1:
        return propose_one_of("Phoenix", exchange, values, why, {})
    path = labels[0]
    before = path.rpartition(f".{LABEL if path.endswith(LABEL) else LABEL.rpartition('.')[2]}")[0]
    names = distinct(values_at(rows, f"{before}.name"))
    name = str(names[0]) if len(names) == 1 else path.removeprefix(f"{ANNOTATIONS}.").rpartition(".")[0]
    proposal = propose_verdict(exchange, rows, name, path, values[path], why)
    where = {"where": {f"{before}.name": names if len(names) == 1 else PLACEHOLDER}} if names else {}
    kind = f"{before}.{KIND}"
    return _add(proposal, where, _doubt_who_judged(values_at(rows, kind), kind))


def _annotation_paths(rows: Sequence[Row]) -> list[str]:
    """Returns the paths of labels and scores under `annotations`, in columns or in mappings."""
    columns = dict.fromkeys(n for row in rows for n in row if n.startswith(f"{ANNOTATIONS}."))
    nested = [row[ANNOTATIONS] for row in rows if isinstance(row.get(ANNOTATIONS), dict)]
    names = dict.fromkeys(f"{ANNOTATIONS}.{name}" for mapping in nested for name in mapping)
    inside = [f"{name}.{end}" for name in names for end in (LABEL, SCORE, "label", "score")]
    return [*(name for name in columns if name.endswith((".label", ".score"))), *inside]


def _propose_listed(rows: Sequence[Row], exchange: Exchange, items: Sequence[Row]) -> Proposal:
    """Proposes one of the annotations in the list of each span."""
    name_of = "name" if any("name" in item for item in items) else NAME
    names = distinct(values_at(items, name_of))
    labels = [v for v in distinct(values_at(items, LABEL)) if v != ""]
    values = labels or [v for v in distinct(values_at(items, SCORE)) if v != ""]
    if not values:
        return _miss_annotations()
    inside = LABEL if labels else SCORE
    path = f"{ANNOTATIONS}.*.{inside}"
    if len(names) > 1:
        of_name = {
            str(name): distinct(values_at([item for item in items if item.get(name_of) == name], inside))
            for name in names
        }
        why = [f"these are spans of Phoenix with several annotations: {', '.join(of_name)}"]
        where = {"where_items": {ANNOTATIONS: {name_of: PLACEHOLDER}}}
        return propose_one_of("Phoenix", exchange, of_name, why, {"label": path, **where})
    name = str(names[0]) if names else inside
    proposal = propose_verdict(exchange, rows, name, path, values, [f"'{path}' judges spans"])
    more = {"where_items": {ANNOTATIONS: {name_of: names}}} if names else {}
    return _add(proposal, more, _doubt_who_judged(values_at(items, KIND), f"{ANNOTATIONS}.*.{KIND}"))
