"""Replaces personal data in the texts of preferences, as a stream: a copy of the preferences with placeholders."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from unipref.clean.personal_data import Kind, Recogniser
from unipref.core import parquet
from unipref.core.messages import parse_json, replace_texts, schema_has_parts
from unipref.core.records import Message, Messages, Row, preference_schema

SIDES = ("prompt", "chosen", "rejected")
Counts = dict[str, dict[str, int]]
"""Source -> kind -> number of values."""


def write_redacted(preferences: Path, kinds: list[Kind], out: Path, rows_at_once: int) -> Counts:
    """Writes a copy of the preferences in which each value of some kinds is replaced by a placeholder.

    Prompt, chosen, rejected and the further fields of the row (`extra`) change; ids, groups and origins stay.

    Args:
        preferences: the Parquet file that unify wrote.
        kinds: what to replace.
        out: the file to write.
        rows_at_once: number of preferences in memory at a time.

    Returns:
        Source -> kind -> number of values replaced in prompt, chosen and rejected.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    recogniser, counts = Recogniser(kinds), dict[str, Counter[str]]()
    schema = preference_schema(schema_has_parts(parquet.read_schema(preferences)))
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in parquet.read_batches(preferences, rows_at_once=rows_at_once, shown="replacing personal data"):
            texts = batch.select(["source", *SIDES, "extra"]).to_pylist()
            changed = [_redact_row(recogniser, row, counts.setdefault(row["source"], Counter())) for row in texts]
            columns: dict[str, pa.Array] = {name: batch[name] for name in batch.schema.names}
            if any(changed):
                for name in (*SIDES, "extra"):
                    columns[name] = pa.array([row[name] for row in texts], schema.field(name).type)
            writer.write_table(pa.table([columns[name] for name in schema.names], schema))
    return {source: dict(sorted(by_kind.items())) for source, by_kind in counts.items() if by_kind}


def _redact_row(recogniser: Recogniser, row: Row, counts: Counter[str]) -> bool:
    """Replaces the values in one row, and counts them. Returns whether the row has any."""
    before = counts.total()
    for side in SIDES:
        messages: Messages | None = row[side]
        for message in messages or ():
            message["content"], kinds = recogniser.replace(message["content"])
            counts.update(kinds)
            if len(message) > 2:
                _redact_parts(recogniser, message, counts)
    fields = json.loads(row["extra"])
    # Within the texts of the JSON, so that it stays JSON.
    redacted = _redact_json(recogniser, fields)
    if redacted != fields:
        row["extra"] = json.dumps(redacted, ensure_ascii=False)
    return redacted != fields or counts.total() > before


def _redact_parts(recogniser: Recogniser, message: Message, counts: Counter[str]) -> None:
    """Replaces the values in a message's reasoning and in the arguments of its tool calls, and counts them."""

    def replace(text: str) -> str:
        replaced, kinds = recogniser.replace(text)
        counts.update(kinds)
        return replaced

    if reasoning := message.get("reasoning"):
        message["reasoning"] = replace(reasoning)
    for call in message.get("tool_calls") or ():
        text = call["function"]["arguments"]
        arguments = parse_json(text)
        if isinstance(arguments, str):
            call["function"]["arguments"] = replace(text)
        elif (redacted := replace_texts(arguments, replace)) != arguments:
            call["function"]["arguments"] = json.dumps(redacted, ensure_ascii=False)


def redact_texts(kinds: list[Kind], texts: list[str]) -> list[str]:
    r"""Returns the texts with each value of some kinds replaced; in JSON texts, `\n` stands for a line end."""
    recogniser = Recogniser(kinds)
    return ["\\n".join(recogniser.replace(part)[0] for part in text.split("\\n")) for text in texts]


def _redact_json(recogniser: Recogniser, value: Any) -> Any:
    if isinstance(value, str):
        return recogniser.replace(value)[0]
    if isinstance(value, dict):
        return {key: _redact_json(recogniser, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_redact_json(recogniser, inner) for inner in value]
    # The number of a card or a person can be a JSON number.
    if isinstance(value, int) and not isinstance(value, bool) and recogniser.find(str(value)):
        return recogniser.replace(str(value))[0]
    return value
