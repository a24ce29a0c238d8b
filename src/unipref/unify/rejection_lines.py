"""What the run says about rows, parts and groups that cannot be used: every reason with its count and first example."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.records import Reason
from unipref.unify.mapping.part_counts import describe_parts
from unipref.unify.mapping.unread_fields import describe_unread_fields

MOST_SINGLE = 0.5
"""Share of prompts with one answer above which a source of scores is said to lose most of them."""
LEVELS = {
    "row": "rejected",
    "part": "parts_rejected",
    "group": "groups_rejected",
    "preference": "preferences_rejected",
}
"""Level of a reject -> its counts in a source's record."""


def read_reject_examples(out: Path) -> dict[str, dict[str, str]]:
    """Returns source -> `LEVEL.REASON` -> the first such reject: its file and row, field and detail."""
    examples: dict[str, dict[str, str]] = {}
    for row in parquet.read_rows(out / "rejects.parquet", shown="reading rejects"):
        field = f"field '{row['field']}': " if row["field"] else ""
        example = f"{row['origin'][0]}: {field}{row['detail']}"
        examples.setdefault(row["source"], {}).setdefault(f"{row['level']}.{row['reason']}", example)
    return examples


def rejection_warnings(records: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yields warnings about the rows and parts of rows that could not be used, notes on rows, fields of turns that are
    not read, and the sources without a preference.

    Args:
        records: as `unify` returns them.
    """
    for source, record in records.items():
        for reason, count in record["rejected"].items():
            first = record["examples"][f"row.{reason}"]
            yield f"{source}: {count} of {record['rows']} rows left out, {reason}; the first: {first}"
        for reason, count in record["parts_rejected"].items():
            first = record["examples"][f"part.{reason}"]
            yield f"{source}: {_count_parts(count)} left out, {reason}; the first: {first}"
        yield from _describe_overruled(source, record)
        for note in record["notes"]:
            yield f"{source}: {note}"
        if unread := record["unread_turn_fields"]:
            yield f"{source}: these fields of turns are not read: {describe_unread_fields(unread)}"
        yield from _describe_people(source, record)
        for sentence in describe_parts(record.get("message_parts", {}), record["rows"]):
            yield f"{source}: {sentence}"
        yield from _describe_single_answers(source, record)
        if not record["preferences"]:
            yield f"no preference comes from {'; '.join(describe_rejects(source, record))}"


def _describe_people(source: str, record: Mapping[str, Any]) -> Iterator[str]:
    """Yields sentences about judgements that repeat or contradict others of the same person, and about tied votes."""
    if repeated := record["repeated_judgements"]:
        count = "1 judgement repeats" if repeated == 1 else f"{repeated} judgements repeat"
        yield f"{source}: {count} another one of the same judge on the same answers; such copies count once"
    if opposite := record["opposite_judgements"]:
        yield f"{source}: {opposite} judgements contradict others of the same person on the same answers; none counts"
    if ordered := record["ordered_by_aggregate"]:
        count = (
            "1 pair whose own judgements tie is" if ordered == 1 else f"{ordered} pairs whose own judgements tie are"
        )
        yield f"{source}: {count} ordered by all judgements taken together"


def _describe_single_answers(source: str, record: Mapping[str, Any]) -> Iterator[str]:
    """Yields a sentence if most prompts of a source with scores have one answer, from which no pair comes."""
    single = record["groups_rejected"].get(Reason.ONE_RESPONSE.value, 0)
    if record["preferences"] and record["axis"] is not None and single > MOST_SINGLE * record["groups"]:
        count = f"{single} of {record['groups']} prompts"
        yield f"{source}: {count} have one answer, without a pair. {_advise_thumbs(record)}"


def _advise_thumbs(record: Mapping[str, Any]) -> str:
    return (
        f"To use answers that are scored alone, set format: thumbs, with the field of '{record['axis']}' as label and "
        "bounds such as up: {at_least: 4}, down: {at_most: 2}"
    )


def _describe_overruled(source: str, record: Mapping[str, Any]) -> Iterator[str]:
    """Yields a sentence about the preferences that all judgements together contradict."""
    if not (overruled := record["overruled"]):
        return
    subject = "1 preference contradicts" if overruled == 1 else f"{overruled} preferences contradict"
    out = record["preferences_rejected"].get(Reason.OVERRULED.value, 0)
    fate = "left out" if out else "turned" if record["turned"] else "kept"
    fate = f"{'is' if overruled == 1 else 'are'} {fate}"
    if replacing := record["replacing"]:
        fate += f", {replacing} of them for another pair of the same prompt"
    first = f"; the first: {record['examples'][f'preference.{Reason.OVERRULED.value}']}" if out else ""
    yield f"{source}: {subject} all judgements of the same answers taken together and {fate}{first}"


def describe_rejects(source: str, record: Mapping[str, Any]) -> list[str]:
    """Describes all rejects of a source: a line per reason, the most frequent first, and how to mend it, if that is
    known.
    """
    counts = [
        (count, level, reason) for level, name in LEVELS.items() for reason, count in record.get(name, {}).items()
    ]
    if not counts:
        return [f"{source}: no rows"]
    lines = []
    for count, level, reason in sorted(counts, key=lambda each: -each[0]):
        subject = _count_parts(count) if level == "part" else str(count)
        lines.append(f"{subject} x {reason}, the first in {record['examples'][f'{level}.{reason}']}")
        if reason == Reason.ONE_RESPONSE and record["axis"] is not None:
            lines.append(_advise_thumbs(record))
    lines[0] = f"{source}: {lines[0]}"
    return lines


def _count_parts(count: int) -> str:
    return f"{count} item or answer" if count == 1 else f"{count} items or answers"
