"""Adds to the proposal for an export who judged: by the fields in which its tool writes that, or by their names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unipref.core import registry
from unipref.core.contracts import Format, Proposal
from unipref.core.records import Row
from unipref.core.terminal import show_name
from unipref.sources import rows_inside
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.people_in_rows import (
    doubt_near_names,
    doubt_unread_people,
    find_judged_paths,
    find_people,
    list_values_at,
)
from unipref.unify.mapping.paths import is_star
from unipref.unify.mapping.people import read_person


def add_people(proposal: Proposal, rows: Sequence[Row], people: Sequence[str]) -> Proposal:
    """Adds `annotator` to the settings of an export, or says in a doubt why it does not.

    Args:
        proposal: how the export would be read.
        rows: its first rows.
        people: the paths in which the tool writes who judged, the most telling first.
    """
    form = _find_format(proposal.format)
    if form is None or "annotator" in proposal.map or form.feedback_kind == "demonstrations":
        return proposal
    inner = rows_inside(rows, proposal.source.get("records"))
    path = next((path for path in people if _names_somebody(inner, path)), None)
    if path is None:
        return _extend(proposal, *find_people(Columns(inner), proposal.map, _reads_each(form)))
    if is_star(path) and not _reads_each(form):
        return _extend(proposal, {}, [], [doubt_unread_people(path)])
    if is_star(path) and len({_list_of(p) for _, p in find_judged_paths(proposal.map)} - {_list_of(path)}):
        doubt = f"who judged ('{show_name(path)}') is not read: the judgements stand in several lists"
        return _extend(proposal, {}, [], [doubt])
    return _extend(proposal, {"annotator": path}, [f"'{show_name(path)}' is who judged"], doubt_near_names(inner, path))


def _find_format(name: str | None) -> type[Format] | None:
    form = next((choice for choice in registry.find_all("format") if choice.name() == name), None)
    return form if form is not None and issubclass(form, Format) and hasattr(form, "has_annotator_per_vote") else None


def _reads_each(form: type[Format]) -> bool:
    """Whether the format reads one name for each of several judgements in a row."""
    return bool(getattr(form, "has_annotator_per_vote", False))


def _extend(proposal: Proposal, settings: dict[str, Any], why: Sequence[str], doubts: Sequence[str]) -> Proposal:
    mapping = {**proposal.map, **settings}
    return replace(proposal, map=mapping, why=[*proposal.why, *why], doubts=[*proposal.doubts, *doubts])


def _names_somebody(rows: Sequence[Row], path: str) -> bool:
    """Whether a path leads to a name in some of the rows, and to nothing else in the others."""
    values = [value for row in rows for value in list_values_at(row, path)]
    return any(read_person(value) for value in values) and all(read_person(v) or v in (None, "") for v in values)


def _list_of(path: Any) -> str:
    """Returns the path of the list around a path; the path itself if it is no path of a list."""
    return str(path).split(".*")[0]
