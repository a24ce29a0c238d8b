"""Finds prompt and answer in the inputs and outputs that observability tools export: texts, messages or JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.detection.columns import split_words
from unipref.unify.detection.export_fields import METADATA_WORDS, find_roles, find_verdicts, names_praise
from unipref.unify.detection.export_questions import ASKED, RIGHT
from unipref.unify.detection.export_rows import has_path, list_values, values_at
from unipref.unify.detection.guess import PLACEHOLDER

LEAST_SHARE = 0.5
"""Least share of the rows that must have a path for it to be proposed."""


@dataclass(frozen=True)
class Exchange:
    """Where prompt and answer of a trace are.

    Attributes:
        map: the settings `prompt` and `response`, and `literals` for JSON in text.
        doubts: what the rows do not tell.
    """

    map: dict[str, Any]
    doubts: list[str] = field(default_factory=list)


def find_exchange(rows: Sequence[Row], input_path: str, output_path: str) -> Exchange:
    """Finds the prompt in the input of traces and the answer in their output."""
    prompt, answer = _find_text(rows, input_path, True), _find_text(rows, output_path, False)
    written = [path for path in (input_path, output_path) if _is_json_text(values_at(rows, path))]
    doubts = [f"where the prompt is in '{input_path}'"] if prompt == PLACEHOLDER else []
    doubts += [f"where the answer is in '{output_path}'"] if answer == PLACEHOLDER else []
    return Exchange({"prompt": prompt, "response": answer, **({"literals": written} if written else {})}, doubts)


def _find_text(rows: Sequence[Row], path: str, is_input: bool) -> str:
    """Returns the path of the text or the messages in the values at a path; `PLACEHOLDER` if it is unclear."""
    values = [_parse(value) for value in values_at(rows, path) if value not in (None, "")]
    if not values:
        return PLACEHOLDER
    for inner in _candidates(values[0], is_input):
        fits = [value for value in values if _is_usable(value, inner, is_input)]
        # A key with dots is one field of the row: a longer path would not find it.
        if len(fits) >= LEAST_SHARE * len(values) and not (inner and path in rows[0] and "." in path):
            return f"{path}.{inner}" if inner else path
    return PLACEHOLDER


def _candidates(value: Any, is_input: bool) -> list[str]:
    """Returns paths inside a value where its text may be, the likeliest first; empty for the value itself."""
    if isinstance(value, list):
        return [""] if is_input else ["-1.content", "-1"]
    if not isinstance(value, dict):
        return [""]
    texts = [name for name in value if isinstance(value[name], str)]
    roles = find_roles(texts)
    if is_input:
        return ["messages", *roles.prompt[:1], *(texts if len(texts) == 1 else [])]
    known = ["choices.0.message.content", "messages.-1.content", "content", "message.content"]
    # Of several texts, or of an id, nothing says that it is the answer.
    lone = [name for name in texts if len(texts) == 1 and not METADATA_WORDS & set(split_words(name))]
    return [*known, *roles.answers[:1], *(name for name in ("result", "text") if name in texts), *lone]


def _is_usable(value: Any, inner: str, is_input: bool) -> bool:
    """Whether a value holds a text, or as an input messages, at a path."""
    if inner and not has_path(value, inner):
        return False
    found = values_at([{"value": value}], f"value.{inner}" if inner else "value")[0]
    if isinstance(found, str):
        return bool(found.strip())
    return (
        is_input
        and isinstance(found, list)
        and bool(found)
        and all(isinstance(turn, dict) and "role" in turn and "content" in turn for turn in found)
    )


def _parse(value: Any) -> Any:
    """Returns the value of a JSON text that holds an object or a list; any other value as it is."""
    if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_json_text(values: Sequence[Any]) -> bool:
    return any(isinstance(value, str) and not isinstance(_parse(value), str) for value in values)


def propose_verdict(exchange: Exchange, name: str, path: str, values: Sequence[Any], why: list[str]) -> Proposal:
    """Proposes thumbs for labels and for numbers that are 0, 1 or -1, and ratings for other numbers.

    Args:
        exchange: where prompt and answer are.
        name: of the score.
        path: of its value.
        values: the different values.
        why: the reasons.
    """
    numbers = [float(value) for value in values if _is_number(value)]
    if len(numbers) == len(values) and (not set(numbers) <= {0.0, 1.0, -1.0} or not names_praise(name)):
        low, high = min(numbers, default=0), max(numbers, default=0)
        spec = {"field": path, "better": PLACEHOLDER}
        doubts = [
            f"whether a high '{name}' is better, and its range, here {low:g} to {high:g}: declare 'low' and 'high'"
        ]
        mapping = {**exchange.map, "scores": {name: spec}}
        return Proposal("ratings", mapping, ASKED, why, [*exchange.doubts, *doubts])
    verdicts = find_verdicts(values, name)
    mapping = {**exchange.map, "label": path, **verdicts.settings}
    confidence = ASKED if f"'{PLACEHOLDER}'" in str(mapping) else RIGHT
    return Proposal("thumbs", mapping, confidence, why, [*exchange.doubts, *verdicts.doubts])


def read_in_rows(proposal: Proposal, people: str, where: dict[str, Any]) -> Proposal:
    """Returns a proposal that reads each item of a list of verdicts as a row of its own.

    A label is one value: of several verdicts on one answer, only the first would be read.

    Args:
        proposal: thumbs or ratings, whose label is in item 0 of the list.
        people: path of the list.
        where: which items to read.
    """
    mapping: dict[str, Any] = {}
    for key, value in proposal.map.items():
        if key in ("prompt", "response"):
            mapping[key] = value if value == PLACEHOLDER else f"parent.{value}"
        elif key == "literals":
            mapping[key] = [f"parent.{path}" for path in value]
        elif key == "label":
            mapping[key] = value.removeprefix(f"{people}.0.")
        elif key == "scores":
            mapping[key] = {name: {**s, "field": s["field"].removeprefix(f"{people}.0.")} for name, s in value.items()}
        elif key != "where_items":
            mapping[key] = value
    mapping |= {"where": where} if where else {}
    source = {**proposal.source, "records": people}
    return Proposal(proposal.format, mapping, proposal.confidence, proposal.why, proposal.doubts, source)


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) == float(value)
    except (TypeError, ValueError):
        return False


def ask_which(tool: str, names: dict[str, Sequence[Any]]) -> list[str]:
    """Returns the doubt about which of several scores of a tool to read."""
    scores = "; ".join(f"'{name}' ({list_values(values)})" for name, values in names.items())
    return [f"which score of {tool} to read: {scores}"]
