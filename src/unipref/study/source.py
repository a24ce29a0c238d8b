"""A source of a study, and what makes it ready to be read: catalog entry, format, files and deciding axis resolved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field

from unipref.core import registry
from unipref.core.contracts import Format, Settings
from unipref.core.errors import UserError, near_name
from unipref.core.records import Axis
from unipref.sources import Join, Part, catalog, hub_parts, parts, with_tables
from unipref.study.overrides import expand_variables, merge
from unipref.unify import WEIGHTED, Projection, ResolvedSource
from unipref.unify.detection.guess import PLACEHOLDER

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
Name = Annotated[str, Field(pattern=NAME)]
"""A name that can also be a folder's."""
FilePath = Annotated[str, Field(min_length=1)]
"""A file, glob or folder."""


class Source(Settings):
    """One source of feedback: a known dataset, or your own with its format and mapping."""

    name: Name
    """What the source is called in the results; unique."""
    path: FilePath | Annotated[list[FilePath], Field(min_length=1)] | None = None
    """Files, globs or folders, relative to `data_root`; `book.xlsx#Sheet` for a sheet that is not the first. Left out,
    a known dataset is fetched from the hub."""
    dataset: str | None = None
    """A known dataset (`unipref list datasets`): format, mapping, objective and licence come from the catalog."""
    format: str | None = None
    """The shape of the rows (`unipref list formats`), or the dotted path of a module with your own."""
    map: dict[str, Any] = {}
    """The format's settings: where prompt, answers and labels are."""
    records: str | None = None
    """Path of the list inside each row that holds the real rows, as `data` in {"data": [...]}; `.` for an object of
    rows. The row around it is at `parent`."""
    join: list[Join] = []
    """Other tables to be looked up, before the mapping, by id or by row number."""
    axis: str | dict[str, float] | None = None
    """The axis that decides which answer is better, where there are several; or axis -> weight for a weighted mean."""
    tie_within: float = Field(default=0.0, ge=0.0)
    """Gap, in the axis' units, up to which two answers are equally good."""
    accept_polarity: bool = False
    """Go on although the source's other evidence contradicts its labels."""
    objective: str | None = None
    """What this feedback is for: instruction, bias, or any name of yours."""
    licence: str | None = None
    """Licence of the data, carried to every preference."""


def resolve_source(source: Source, place: int, root: Path) -> ResolvedSource:
    """Resolves the catalog entry, the format and the files of a source."""
    where = f"sources.{place} ({source.name})"
    known = catalog.dataset(source.dataset, f"{where}.dataset") if source.dataset else None
    name = source.format or (known.format if known else None)
    if name is None:
        raise UserError(
            "a source needs 'dataset' or 'format'.",
            where=where,
            mend=f"Formats: {', '.join(registry.list_names('format'))}. "
            "unipref inspect FILE names the format of a file.",
        )
    mapping = merge(known.map if known and name == known.format else {}, source.map)
    if open_question := _asked(mapping, f"{where}.map"):
        mend = "unipref inspect says what the data cannot tell; put the answer there."
        raise UserError(f"'{PLACEHOLDER}' stands for what is still to be said.", where=open_question, mend=mend)
    form = registry.make("format", name, mapping, f"{where}.map")
    if not isinstance(form, Format):
        raise AssertionError(f"{name} is no Format")
    axes = form.axes()
    how = Projection(
        source=source.name,
        kind=form.name(),
        objective=source.objective or (known.objective if known else "instruction"),
        licence=source.licence or (known.licence if known else "unknown"),
        axis=_axis(known.axis if known and source.axis is None else source.axis, axes, where),
        axes=axes,
        weights=source.axis if isinstance(source.axis, dict) else {},
        tie_within=source.tie_within,
    )
    return ResolvedSource(format=form, projection=how, parts=_parts(source, known, place, root))


def _parts(source: Source, known: catalog.Dataset | None, place: int, root: Path) -> list[Part]:
    """The files of a source, with what is taken out of their rows and joined to them."""
    where = f"sources.{place} ({source.name})"
    if source.path is not None:
        paths = [source.path] if isinstance(source.path, str) else source.path
        found = parts([expand_variables(p) for p in paths], root, f"{where}.path")
    elif known is not None and known.hub is not None:
        found = hub_parts(known.hub, f"{where}.dataset")
    else:
        why = "" if known is None else f", and '{known.name}' is not to be had from the hub"
        mend = "Give files, globs or folders, relative to data_root."
        raise UserError(f"where the rows are is not said{why}.", where=f"sources.{place}.path", mend=mend)
    records = source.records or (known.records if known else None) or ""
    if records:
        found = [msgspec.structs.replace(part, records=records) for part in found]
    joins = [join.model_copy(update={"path": _expand(join.path)}) for join in source.join]
    return with_tables(found, joins, root, f"{where}.join") if joins else found


def _expand(path: str | list[str]) -> str | list[str]:
    return expand_variables(path) if isinstance(path, str) else [expand_variables(one) for one in path]


def _asked(value: Any, place: str) -> str | None:
    """The place of the first question mark that `unipref init` left in a mapping."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        return next((found for key, inner in items if (found := _asked(inner, f"{place}.{key}"))), None)
    return place if value == PLACEHOLDER else None


def in_memory(plan: ResolvedSource) -> ResolvedSource:
    """Rows given from Python are from their source, not from the file they were brought in."""
    return msgspec.structs.replace(
        plan, parts=[msgspec.structs.replace(part, origin=plan.projection.source) for part in plan.parts]
    )


def _axis(asked: str | dict[str, float] | None, axes: Mapping[str, Axis], where: str) -> str | None:
    """The name of the axis that decides."""
    if asked is None:
        return next(iter(axes), None)
    if isinstance(asked, dict):
        if not asked:
            mend = "Give axis -> weight, or the name of one axis, or leave 'axis' out."
            raise UserError("no axis is weighted.", where=f"{where}.axis", mend=mend)
        for name, weight in asked.items():
            known = axes.get(_axis(name, axes, where) or "")
            if known is None or known.low is None or known.high is None:
                mend = "Declare 'low' and 'high' of every axis that is weighted: they are brought to one scale."
                raise UserError(f"the axis '{name}' has no declared scale.", where=f"{where}.axis", mend=mend)
            if weight <= 0:
                mend = "To turn an axis round, declare 'better' the other way."
                raise UserError(f"the weight {weight:g} is not above 0.", where=f"{where}.axis.{name}", mend=mend)
        return WEIGHTED
    if asked not in axes:
        mend = near_name(asked, axes) or "This format scores no axes; leave 'axis' out."
        raise UserError(f"there is no axis '{asked}'.", where=f"{where}.axis", mend=mend)
    return asked
