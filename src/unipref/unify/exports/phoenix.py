"""Arize Phoenix."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import distinct, have_paths, values_at
from unipref.unify.detection.export_traces import find_exchange, propose_one_of, propose_verdict
from unipref.unify.detection.guess import PLACEHOLDER

INPUT, OUTPUT = "attributes.input.value", "attributes.output.value"
LABEL, SCORE = "result.label", "result.score"
NAME, KIND = "annotation_name", "annotator_kind"
"""Columns with the name of an annotation, and with HUMAN, LLM or CODE."""


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
    """Spans with `attributes.input.value` and `attributes.output.value`, joined with their annotations. Without
    annotations, the table of annotations has to be joined by the span's id.
    """

    origin: ClassVar[str] = "Phoenix 9 and later: get_spans_dataframe joined with get_span_annotations_dataframe, saved"
    seen: ClassVar[str] = "arize.com/docs/phoenix, exporting annotated spans, and public code that reads both tables"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    settled: ClassVar[tuple[str, ...]] = ("annotation_name", "result.score")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [_span(1, "The Sun.", "incorrect", 0.0), _span(2, "Io.", "correct", 1.0)],
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`attributes.input.value` and `attributes.output.value` beside a span's id."""
        if not have_paths(rows, INPUT, OUTPUT) or not any(name.endswith("span_id") for name in rows[0]):
            return None
        exchange = find_exchange(rows, INPUT, OUTPUT)
        labels = distinct(value for value in values_at(rows, LABEL) if value != "")
        scores = distinct(value for value in values_at(rows, SCORE) if value != "")
        names = distinct(values_at(rows, NAME))
        path = LABEL if labels else SCORE
        if len(names) > 1:
            of_name = {str(name): _list_annotations(rows, name, path) for name in names}
            why = [f"these are spans of Phoenix with several annotations: {', '.join(of_name)}"]
            return propose_one_of("Phoenix", exchange, of_name, why, {"label": path, "where": {NAME: [PLACEHOLDER]}})
        if not labels and not scores:
            why = ["these are spans of Phoenix without annotations"]
            return Proposal(None, {}, 0.0, why, ["join the table of get_span_annotations_dataframe by the span's id"])
        name, why = str(names[0]) if names else path, [f"'{path}' judges spans"]
        proposal = propose_verdict(exchange, rows, name, path, labels or scores, why)
        # Another annotation in later rows may have the same numbers or words.
        mapping = {**proposal.map, "where": {NAME: names}} if names else proposal.map
        doubts = [*proposal.doubts, *([f"'{SCORE}' is not read beside '{LABEL}'"] if labels and scores else [])]
        kinds = distinct(values_at(rows, KIND))
        if "LLM" in kinds or "CODE" in kinds:
            doubts.append(f"who judged: '{KIND}' is {' or '.join(map(str, kinds))}")
        return Proposal(proposal.format, mapping, proposal.confidence, proposal.why, doubts)


def _list_annotations(rows: Sequence[Row], name: Any, path: str) -> list[Any]:
    """Returns the different values of the annotations of a name, and who gave them."""
    mine = [row for row in rows if row.get(NAME) == name]
    kinds = [kind for kind in distinct(values_at(mine, KIND)) if kind != ""]
    return [*distinct(value for value in values_at(mine, path) if value != ""), *kinds]
