"""The sources of a study, and how each is resolved: its catalog entry, format, files and deciding axis."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field

from unipref.core import registry
from unipref.core.contracts import Format, Settings
from unipref.core.errors import UserError, near_name
from unipref.core.hub import is_address
from unipref.core.leaves import iterate_leaves
from unipref.core.records import UNKNOWN, Axis
from unipref.core.secrets import hide_secrets
from unipref.sources import CsvSettings, Join, Limits, Part, UnreadFiles, catalog, hub_parts, parts, with_tables
from unipref.sources.oriented_rows import Orient
from unipref.study.overrides import expand_variables, merge
from unipref.unify import WEIGHTED, Projection, ResolvedSource
from unipref.unify.detection.deciding_axis import find_whole
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.projection.order import STRENGTH

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
Name = Annotated[str, Field(pattern=NAME)]
"""A name that is also valid for a folder."""
FilePath = Annotated[str, Field(min_length=1)]
"""A file, glob or folder."""


class Source(Settings):
    """One source of feedback: a known dataset, or your own data with its format and mapping."""

    name: Name
    """The name of the source in the results; unique."""
    path: FilePath | Annotated[list[FilePath], Field(min_length=1)] | None = None
    """Files, globs or folders, relative to `data_root`; `book.xlsx#Sheet` for a sheet other than the first.
    `hf://datasets/OWNER/NAME/FILES` is fetched from the hub. Without it, unipref fetches a known dataset from there."""
    revision: str | None = None
    """Commit, branch or tag of the files on the hub. A run resolves a branch or tag once, and keeps its commit."""
    dataset: str | None = None
    """A known dataset (`unipref list datasets`): format, mapping, objective and licence come from the catalog."""
    format: str | None = None
    """The shape of the rows (`unipref list formats`), or the dotted path of a module with your own format."""
    map: dict[str, Any] = {}
    """The settings of the format: where prompt, answers and labels are."""
    orient: Orient | None = None
    """How a JSON file stores a table by column. columns: column -> label -> value, as `DataFrame.to_json()` writes it,
    or column -> list of values. split: `{columns: [...], data: [[...], ...]}`."""
    records: str | None = None
    """Path of the list inside each row that holds the real rows, as `data` in {"data": [...]}; `.` for an object of
    rows. The outer row is at `parent`."""
    follow_links: bool = False
    """Whether links in folders and globs may lead out of them and of `data_root`. A link that `path` names is always
    followed."""
    csv: CsvSettings = CsvSettings()
    """How its CSV and TSV files are written, if unipref does not find it out from their content."""
    join: list[Join] = []
    """Other tables to join, by id or by row number, before the mapping."""
    axis: str | dict[str, float] | None = None
    """The axis that decides which answer is better; or axis -> weight for a weighted mean. None: the only axis, or
    the one that is called as the objective. The order of the axes decides nothing."""
    tie_within: float = Field(default=0.0, ge=0.0)
    """Largest gap, in the axis' units, at which two answers count as equally good."""
    accept_polarity: bool = False
    """Continue even if the source's other evidence contradicts its labels."""
    objective: str | None = None
    """The goal of this feedback: instruction, bias, or any name of yours."""
    licence: str | None = None
    """Licence of the data, copied to every preference."""


def resolve_source(source: Source, place: int, root: Path, limits: Limits) -> ResolvedSource:
    """Resolves the catalog entry, the format and the files of a source."""
    where = f"sources.{place} ({source.name})"
    settings = source.model_dump(exclude={"name", "path", "map"})
    _refuse_open_questions(settings, where)
    entry = catalog.dataset(source.dataset, f"{where}.dataset") if source.dataset else None
    name = source.format or (entry.format if entry else None)
    if name is None:
        raise UserError(
            "a source needs 'dataset' or 'format'.",
            where=where,
            mend=f"Formats: {', '.join(registry.list_names('format'))}. "
            "unipref inspect FILE names the format of a file.",
        )
    mapping = merge(entry.map if entry and name == entry.format else {}, source.map)
    _refuse_open_questions(mapping, f"{where}.map")
    try:
        registry.find("format", name)
    except UserError as error:
        raise UserError(error.what, where=f"{where}.format", mend=error.mend) from None
    form = registry.make("format", name, mapping, f"{where}.map")
    if not isinstance(form, Format):
        raise AssertionError(f"{name} is not a Format")
    axes = form.axes()
    objective = source.objective or (entry.objective if entry else "instruction")
    projection = Projection(
        source=source.name,
        kind=form.name(),
        objective=hide_secrets(objective),
        licence=hide_secrets(source.licence or (entry.licence if entry else UNKNOWN)),
        axis=_resolve_axis(entry.axis if entry and source.axis is None else source.axis, axes, where)
        or _find_deciding_axis(axes, objective, where),
        axes=axes,
        weights=source.axis if isinstance(source.axis, dict) else {},
        tie_within=source.tie_within,
    )
    unread = UnreadFiles()
    return ResolvedSource(
        format=form,
        projection=projection,
        parts=_find_parts(source, entry, place, root, limits, unread),
        row_seconds=limits.pattern_seconds,
        notes=unread.as_notes(),
    )


def _refuse_open_questions(settings: dict[str, Any], where: str) -> None:
    """Raises a `UserError` that names the first question that `unipref init` left and the user has not answered."""
    if questions := [place for place, leaf in iterate_leaves(settings, where) if leaf == PLACEHOLDER]:
        mend = "Replace it with your answer; unipref inspect explains what the data leave open."
        raise UserError(f"'{PLACEHOLDER}' marks a question that is still open.", where=questions[0], mend=mend)


def _find_parts(
    source: Source, entry: catalog.Dataset | None, place: int, root: Path, limits: Limits, unread: UnreadFiles
) -> list[Part]:
    """The files of a source, with the lists to read from their rows and the tables to join. `unread` gets the names of
    the files that are not read.
    """
    where = f"sources.{place} ({source.name})"
    if source.path is not None:
        paths = [source.path] if isinstance(source.path, str) else source.path
        expanded = [expand_variables(p) for p in paths]
        if source.revision and not any(map(is_address, expanded)):
            mend = "Remove it, or give 'path' as hf://datasets/OWNER/NAME/FILES."
            raise UserError("a revision is for files on the hub.", where=f"{where}.revision", mend=mend)
        files = parts(
            expanded,
            root,
            f"{where}.path",
            limits=limits,
            follow_links=source.follow_links,
            unread=unread,
            revision=source.revision,
        )
    elif entry is not None and entry.hub is not None:
        files = hub_parts(entry.hub, f"{where}.dataset", limits=limits, revision=source.revision)
    else:
        reason = "" if entry is None else f", and '{entry.name}' cannot be fetched from the hub"
        mend = "Give files, globs or folders, relative to data_root."
        raise UserError(f"the path is missing{reason}.", where=f"sources.{place}.path", mend=mend)
    records = source.records or (entry.records if entry else None) or ""
    if records or source.orient:
        files = [msgspec.structs.replace(part, orient=source.orient or "", records=records) for part in files]
    if csv := source.csv.pairs():
        files = [msgspec.structs.replace(part, csv=csv) for part in files]
    joins = [join.model_copy(update={"path": _expand(join.path)}) for join in source.join]
    if not joins:
        return files
    return with_tables(files, joins, root, f"{where}.join", limits, source.follow_links, unread)


def _expand(path: str | list[str]) -> str | list[str]:
    return expand_variables(path) if isinstance(path, str) else [expand_variables(one) for one in path]


def mark_in_memory(source: ResolvedSource) -> ResolvedSource:
    """Makes the source the origin of rows from Python, instead of the file that unipref wrote them to."""
    return msgspec.structs.replace(
        source, parts=[msgspec.structs.replace(part, origin=source.projection.source) for part in source.parts]
    )


def _resolve_axis(axis: str | dict[str, float] | None, axes: Mapping[str, Axis], where: str) -> str | None:
    """The name of the axis that the settings let decide; None if they name none."""
    if axis is None:
        return None
    if isinstance(axis, dict):
        if not axis:
            mend = "Give axis -> weight or the name of one axis, or remove 'axis'."
            raise UserError("no axis has a weight.", where=f"{where}.axis", mend=mend)
        for name, weight in axis.items():
            weighted = axes.get(_resolve_axis(name, axes, where) or "")
            if weighted is None or weighted.low is None or weighted.high is None:
                mend = "Declare 'low' and 'high' of every weighted axis, because unipref brings them to one scale."
                raise UserError(f"the axis '{name}' has no declared scale.", where=f"{where}.axis", mend=mend)
            if weight <= 0:
                mend = "To reverse an axis, change its 'better'."
                raise UserError(f"the weight {weight:g} must be above 0.", where=f"{where}.axis.{name}", mend=mend)
        return WEIGHTED
    if axis not in axes:
        mend = near_name(axis, axes) or "This format has no axes; remove 'axis'."
        raise UserError(f"unknown axis '{axis}'.", where=f"{where}.axis", mend=mend)
    return axis


def _find_deciding_axis(axes: Mapping[str, Axis], objective: str, where: str) -> str | None:
    """Finds the axis that decides where the settings name none; None if there are no axes.

    Raises:
        UserError: there are several. The order of their names in the study file says nothing.
    """
    if len(axes) < 2 or STRENGTH in axes:
        return STRENGTH if STRENGTH in axes else next(iter(axes), None)
    if objective in axes:
        return objective
    if whole := find_whole(axes):
        return whole
    names = sorted(axes)
    raise UserError(
        f"there are {len(names)} axes ({', '.join(names)}), and no setting says which of them decides.",
        where=f"{where}.axis",
        mend=f"Set 'axis' to the one that decides, such as 'axis: {names[0]}', or to weights for their weighted mean, "
        f"such as 'axis: {{{names[0]}: 1, {names[1]}: 1}}'.",
    )
