"""Recognises rows that have a name: exports of tools, and datasets of the catalog."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unipref.core import registry
from unipref.core.contracts import Export, Format, Proposal
from unipref.core.errors import describe, raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.core.values import value_key
from unipref.sources import catalog, rows_inside
from unipref.unify.detection.export_people import add_people
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.mapping.paths import get_path

SIGNATURE_CONFIDENCE = 0.95
SHAPE_REASONS = (Reason.MISSING_FIELD, Reason.WRONG_TYPE, Reason.BAD_LABEL)
"""Reject reasons that mean: the row has another shape."""
MAX_MISFITS = 0.5
"""Largest share of rows of another shape with which rows are still those of a dataset."""


@dataclass(frozen=True)
class NamedSource:
    """What some rows are, by name.

    Attributes:
        kind: an export of a tool, or a dataset of the catalog.
        name: of the export or the dataset; `PLACEHOLDER` if several datasets have these fields.
        proposal: how to read the rows.
        notes: what a user of these rows should know.
        settled: fields that look like a judgement and are rightly left unread, or only filter the rows.
    """

    kind: Literal["export", "dataset"]
    name: str
    proposal: Proposal
    notes: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()


def find_named_source(rows: Sequence[Row]) -> tuple[NamedSource | None, list[str]]:
    """Returns the export or the dataset whose rows these are, None for any other rows; and the doubts about it."""
    named, faults = _find_export(rows)
    return named or _find_dataset(rows), faults


def _find_export(rows: Sequence[Row]) -> tuple[NamedSource | None, list[str]]:
    """Returns the export with the highest confidence, on a tie the first in the alphabet; and which exports failed."""
    named: list[NamedSource] = []
    faults: list[str] = []
    for choice in registry.find_all("export"):
        if not issubclass(choice, Export):
            continue
        try:
            proposal = choice.recognise(rows)
        except Exception as error:
            # One odd row, or a fault of an installed package, must not end the inspection of all files.
            raise_if_resource(error)
            faults.append(f"whether this is an export of {choice.name()}: it cannot be checked ({describe(error)})")
            continue
        if proposal is not None:
            proposal = add_people(proposal, rows, choice.people)
            settled = (*choice.settled, *proposal.map.get("where", ()))
            named.append(NamedSource("export", choice.name(), proposal, settled=settled))
    return max(named, key=lambda one: one.proposal.confidence, default=None), faults


def _find_dataset(rows: Sequence[Row]) -> NamedSource | None:
    """Returns the dataset whose signature has the most paths; asks which one if several have as many."""
    matching = [
        entry
        for entry in catalog.DATASETS
        if entry.signature and all(has_signature(row, entry.signature) for row in rows) and _can_read(entry, rows)
    ]
    most = max((len(entry.signature) for entry in matching), default=0)
    best = [entry for entry in matching if len(entry.signature) == most]
    if not best:
        return None
    first = best[0]
    why = [f"the rows have the fields of the dataset: {', '.join(first.signature)}"]
    if len(best) == 1:
        proposal = Proposal(first.format, first.map, SIGNATURE_CONFIDENCE, why, [_doubt_about(first)])
        return NamedSource("dataset", first.name, proposal, first.faults)
    choices = "; ".join(f"{entry.name}: {entry.about}" for entry in best)
    doubts = [f"which of the datasets with these fields is meant ({choices})"]
    return NamedSource("dataset", PLACEHOLDER, Proposal(first.format, _merge(best), SIGNATURE_CONFIDENCE, why, doubts))


def _doubt_about(entry: catalog.Dataset) -> str:
    return f"if these rows are not from {entry.origin}, set 'objective' and 'licence': the catalog has {entry.licence}"


def _merge(entries: Sequence[catalog.Dataset]) -> dict[str, Any]:
    """Returns the settings of several entries; those that differ become questions."""
    counts = Counter(key for entry in entries for key in entry.map)
    return {
        key: entries[0].map[key] if all(entry.map.get(key) == entries[0].map.get(key) for entry in entries) else "?"
        for key in counts
    }


def has_signature(row: Row, signature: dict[str, list[Any]]) -> bool:
    """Whether a row has each path, and one of its values if the signature lists them."""
    for path, values in signature.items():
        try:
            value = get_path(row, path)
        except Reject:
            return False
        if values and value_key(value) not in {value_key(one) for one in values}:
            return False
    return True


def _can_read(entry: catalog.Dataset, rows: Sequence[Row]) -> bool:
    """Whether most rows have the shape that the entry's mapping reads."""
    form = registry.make("format", entry.format, dict(entry.map), entry.name)
    assert isinstance(form, Format)
    inner = rows_inside(rows, entry.records)
    misfits = sum(not has_shape(form, row) for row in inner)
    return bool(inner) and misfits <= MAX_MISFITS * len(inner)


def has_shape(form: Format, row: Row) -> bool:
    """Whether a row has the fields that a format needs, even if it is rejected for another reason."""
    try:
        return not any(isinstance(item, Reject) and item.reason in SHAPE_REASONS for item in form.read(row))
    except Reject as reject:
        return reject.reason not in SHAPE_REASONS
