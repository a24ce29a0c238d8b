"""Finds prompt and answer in the inputs and outputs that observability tools export: texts, messages or JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.detection.columns import make_column, split_words
from unipref.unify.detection.export_fields import find_roles, find_verdicts, names_praise
from unipref.unify.detection.export_questions import ASKED, RIGHT, ask_for_bounds
from unipref.unify.detection.export_rows import has_path, have_several_answers, list_values, values_at
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.names import METADATA_NAMES
from unipref.unify.detection.roles import find_role
from unipref.unify.mapping.message_parts import are_blocks
from unipref.unify.mapping.turns import find_turn_keys

LEAST_SHARE = 0.5
"""Least share of the rows that must have a path for it to be proposed."""
ANSWER_PLACES = (
    *("choices.0.message.content", "messages.-1.content", "content", "message.content", "output.content"),
    *("output.choices.0.message.content", "output.-1.content", "generations.0.0.text"),
    *("generations.0.0.message.kwargs.content", "generations.0.0.message.content"),
)
"""Where the answer is in the outputs of providers and libraries."""


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
    doubts += [f"the prompt is made of {quote_names(prompt)}"] if isinstance(prompt, list) else []
    doubts += [f"where the answer is in '{output_path}'"] if answer == PLACEHOLDER else []
    return Exchange({"prompt": prompt, "response": answer, **({"literals": written} if written else {})}, doubts)


def _find_text(rows: Sequence[Row], path: str, is_input: bool) -> str | list[str]:
    """Returns the path of the text or the messages in the values at a path; `PLACEHOLDER` if it is unclear.

    Of an input with several texts that belong to a prompt, such as a question and its context, all paths.
    """
    values = [parse_json_text(value) for value in values_at(rows, path) if value not in (None, "")]
    for inner in _candidates(values, is_input) if values else []:
        if _is_mostly_usable(values, inner, is_input):
            return f"{path}.{inner}" if inner else path
    if is_input and values and isinstance(values[0], dict):
        parts = find_roles(values, [name for name in values[0] if isinstance(values[0][name], str)]).prompt
        if len(parts) > 1 and all(_is_mostly_usable(values, name, is_input) for name in parts):
            return [f"{path}.{name}" for name in parts]
    return PLACEHOLDER


def _is_mostly_usable(values: Sequence[Any], inner: str, is_input: bool) -> bool:
    return sum(_is_usable(value, inner, is_input) for value in values) >= LEAST_SHARE * len(values)


def _candidates(values: Sequence[Any], is_input: bool) -> list[str]:
    """Returns paths inside values where their text may be, the likeliest first; empty for the value itself."""
    value = values[0]
    if isinstance(value, list):
        return [""] if is_input else ["-1.content", "-1.message.content", "-1"]
    if not isinstance(value, dict):
        return [""]
    texts = [name for name in value if isinstance(value[name], str)]
    roles = find_roles(values, texts)
    if is_input:
        several = roles.prompt if len(roles.prompt) == 1 else []
        return ["messages", "input.messages", *several, *(texts if len(texts) == 1 else [])]
    # Of several texts, or of an id, nothing says that it is the answer.
    lone = [name for name in texts if len(texts) == 1 and not METADATA_NAMES & set(split_words(name))]
    answers = roles.answers if len(roles.answers) == 1 else []
    return [*ANSWER_PLACES, *answers, *(name for name in ("result", "text") if name in texts), *lone]


def _is_usable(value: Any, inner: str, is_input: bool) -> bool:
    """Whether a value holds a text, or as an input messages, or as an output parts of a text, at a path."""
    if inner and not has_path(value, inner):
        return False
    (content,) = values_at([{"value": value}], f"value.{inner}" if inner else "value")
    if isinstance(content, str):
        return bool(content.strip())
    if not isinstance(content, list) or not content:
        return False
    if is_input:
        return all(isinstance(turn, dict) and "role" in turn and "content" in turn for turn in content) or (
            find_turn_keys(content, {}) is not None
        )
    return are_blocks(content) and any(isinstance(part.get("text"), str) for part in content)


def parse_json_text(value: Any) -> Any:
    """Returns the value of a JSON text that holds an object or a list; any other value as it is."""
    if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_json_text(values: Sequence[Any]) -> bool:
    return any(isinstance(value, str) and not isinstance(parse_json_text(value), str) for value in values)


def propose_verdict(
    exchange: Exchange, rows: Sequence[Row], name: str, path: str, values: Sequence[Any], why: list[str]
) -> Proposal:
    """Proposes thumbs for labels and for numbers that are 0, 1 or -1. Other numbers can be compared only if a prompt
    has several answers: then ratings, else thumbs whose bounds the user sets.

    Args:
        exchange: where prompt and answer are.
        rows: the traces.
        name: of the score.
        path: of its value.
        values: the different values.
        why: the reasons.
    """
    numbers = [float(value) for value in values if _is_number(value)]
    if len(numbers) == len(values) and not {*numbers} <= {0.0, 1.0, -1.0}:
        better = "high" if names_praise(name) else None
        if not _have_several_answers(rows, exchange):
            settings, doubts = ask_for_bounds(name, numbers, better)
            mapping = {**exchange.map, "label": path, **settings}
            return Proposal("thumbs", mapping, ASKED, why, [*exchange.doubts, *doubts])
        low, high = min(numbers), max(numbers)
        doubts = [
            f"whether a high '{name}' is better, and its range, here {low:g} to {high:g}: declare 'low' and 'high'"
        ]
        mapping = {**exchange.map, "scores": {name: {"field": path, "better": PLACEHOLDER}}}
        return Proposal("ratings", mapping, ASKED, why, [*exchange.doubts, *doubts])
    verdicts = find_verdicts(values, name)
    mapping = {**exchange.map, "label": path, **verdicts.settings}
    confidence = ASKED if f"'{PLACEHOLDER}'" in str(mapping) else RIGHT
    return Proposal("thumbs", mapping, confidence, why, [*exchange.doubts, *verdicts.doubts])


def _have_several_answers(rows: Sequence[Row], exchange: Exchange) -> bool:
    """Whether a prompt has two different answers in the traces."""
    written = exchange.map.get("literals", [])
    parsed = [{**row, **{path: parse_json_text(row[path]) for path in written if path in row}} for row in rows]
    return have_several_answers(parsed, exchange.map["prompt"], exchange.map["response"])


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) == float(value)
    except (TypeError, ValueError):
        return False


def is_judging(name: str, values: Sequence[Any]) -> bool:
    """Whether a column of a table of traces holds a score: numbers, or words that praise and blame."""
    column = make_column(name.replace(".", "_"), list(enumerate(values)), max(len(values), 1))
    return bool(values) and find_role(column) in ("judgement", "score", "unknown") and column.kind != "text"


def propose_one_of(
    tool: str, exchange: Exchange, names: Mapping[str, Sequence[Any]], why: list[str], more: dict[str, Any]
) -> Proposal:
    """Proposes thumbs that ask which of several scores of a tool to read.

    Args:
        tool: its name, for the doubt.
        exchange: where prompt and answer are.
        names: of the scores, with their values.
        why: the reasons.
        more: further settings, such as a `where` that asks for the name, or the path of the label.
    """
    mapping = {**exchange.map, "label": PLACEHOLDER, "up": PLACEHOLDER, "down": PLACEHOLDER, **more}
    scores = "; ".join(f"'{name}' ({list_values(values)})" for name, values in names.items())
    return Proposal("thumbs", mapping, ASKED, why, [*exchange.doubts, f"which score of {tool} to read: {scores}"])
