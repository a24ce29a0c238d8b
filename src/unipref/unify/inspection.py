"""Inspects files of feedback: proposes a format and mapping with reasons, shows a few rows as they would be read, and
writes an entry for the study file. A question mark in the entry marks what the rows cannot tell.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from unipref.core import registry, yaml_files
from unipref.core.contracts import Format
from unipref.core.leaves import iterate_leaves
from unipref.core.records import Reject
from unipref.core.terminal import show_name
from unipref.core.values import value_key
from unipref.sources import UnreadFiles, catalog, parts, peek, read, rows_inside, unusual_delimiter
from unipref.sources.hub import describe_revision
from unipref.sources.limits import without_advice
from unipref.sources.reading_notes import collect_notes
from unipref.unify.detection.deciding_axis import find_deciding_axis
from unipref.unify.detection.guess import PLACEHOLDER, Columns, find_scores
from unipref.unify.detection.ignored import describe_ignored, list_ignored
from unipref.unify.detection.nesting import find_inner_rows
from unipref.unify.detection.shared_ids import find_shared_ids
from unipref.unify.detection.shared_prompts import hash_prompts
from unipref.unify.detection.title_lines import find_title_line
from unipref.unify.detection.unread import MAX_CONFIDENCE, account_for_columns, used_paths
from unipref.unify.example_rows import open_questions, render_examples
from unipref.unify.mapping.images import is_missing
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.unread_fields import count_unread_fields, describe_unread_fields
from unipref.unify.named_sources import NamedSource, find_named_source, has_shape
from unipref.unify.proposal import Proposed, propose, reads_judgements

ONE_OBJECT = "is one object and read as one row"
"""What the reader says of a file whose rows are inside one object."""
ROWS_READ = 400
MAX_JOINED_FILES = 8
"""Most files that are compared with each other to find tables to join."""
MAX_FIELDS = 20
MIN_FIELDS = 4
"""Least number of matching fields for a known dataset: three or fewer, such as prompt, chosen and rejected, are common
to many."""
PROSE = ("a prompt", "an answer", "a second answer")
CONTENTS = (
    *PROSE,
    "a list of answers",
    "a code that says which is better",
    "a number that scores it",
    "a true-or-false label",
)
"""What `inspect` can see in the columns of rows, in the words in which a format says what it `needs`."""


@dataclass
class Inspection:
    """How unipref would read one file.

    Attributes:
        file: the path as the user gave it.
        rows: number of inspected rows.
        format, map: the proposal; None and empty if no format fits.
        confidence: in [0, 1].
        why, doubts: the reasons, and what the rows do not tell.
        examples: up to three rows as prompt, chosen and rejected, or as a reject; or their raw fields if the mapping
            still contains a question.
        notes: what a run would not read of these rows.
        ignored: fields that the entry does not read, and of which no doubt speaks: ids, times and the like.
        prompts: hashes of the first rows' prompts, if one field holds them.
        source: an entry for `sources:` of a study file; empty if no format fits.
        known: the known dataset whose fields these rows have, if any.
        export: the tool that exported these rows, if unipref knows it.
    """

    file: str
    rows: int
    format: str | None = None
    map: dict[str, Any] = field(default_factory=dict)
    confidence: float = 0.0
    why: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    examples: list[dict[str, str]] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)
    known: str | None = None
    export: str | None = None
    notes: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    prompts: frozenset[str] = frozenset()

    def as_dict(self) -> dict[str, Any]:
        """Returns the inspection as JSON values; of the prompts, their number."""
        return asdict(self) | {"prompts": len(self.prompts)}

    def as_text(self) -> str:
        """Returns the inspection as text for the terminal."""
        lines = [self.file]
        lines += [f"  an export of: {self.export}"] if self.export else []
        lines += [f"  the dataset: {self.source['dataset']}"] if "dataset" in self.source else []
        if self.format is None:
            error = (
                "no format fits; write the mapping by hand, see: unipref list formats"
                if self.rows
                else "no row can be read"
            )
            return "\n".join([*lines, f"  {error}", *(f"  - {w}" for w in [*self.why, *self.doubts, *self.notes])])
        lines.append(f"  format: {self.format}  (confidence {self.confidence:.2f}, from {self.rows} rows)")
        lines += [f"  because {reason}" for reason in self.why]
        lines += [f"  in doubt: {doubt}" for doubt in self.doubts]
        lines += [f"  {line}" for line in describe_ignored(self.ignored)]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  {describe_catalog_match(self.known)}"] if self.known and "dataset" not in self.source else []
        questions = source_questions(self.source)
        if questions:
            lines.append(f"  fill in before you run it: {', '.join(questions)}")
        width = max((len(side) for example in self.examples for side in example), default=0)
        for number, example in enumerate(self.examples, 1):
            lines.append(f"  row {number}, raw" if questions else f"  row group {number}")
            lines += [f"    {side:{width}} {content}" for side, content in example.items()]
        entry = yaml_files.write([self.source]).rstrip()
        return "\n".join([*lines, "  for the study file:", *(f"    {line}" for line in entry.splitlines())])


def inspect(paths: Sequence[Path | str]) -> list[Inspection]:
    """Inspects each file, folder or glob.

    Raises:
        UserError: a path does not exist.
    """
    inspections: list[Inspection] = []
    places: dict[int, Path] = {}
    rows_of: dict[int, list[dict[str, Any]]] = {}
    for path in paths:
        read_paths: set[Path] = set()
        unread = UnreadFiles()
        n_before = len(inspections)
        for piece in parts([str(path)], Path.cwd(), "inspect", cut_bytes=None, unread=unread):
            if piece.fault:
                inspections.append(Inspection(piece.origin, 0, doubts=[piece.fault]))
            elif (place := Path(f"{piece.path}#{piece.sheet}" if piece.sheet else piece.path)) not in read_paths:
                read_paths.add(place)
                label = piece.origin.partition(f"!{show_name(piece.member)}")[0] if piece.member else piece.origin
                places[len(inspections)] = place
                inspection, rows = _inspect(place, label)
                inspection.source.update(describe_revision(str(path)) if inspection.source else {})
                if len(places) <= MAX_JOINED_FILES:
                    rows_of[len(inspections)] = rows
                inspections.append(inspection)
        inspections[n_before].notes += unread.as_notes()
    if 1 < len(places) <= MAX_JOINED_FILES:
        return join_tables(inspections, places, rows_of)
    return inspections


def join_tables(
    inspections: list[Inspection], places: dict[int, Path], rows: Mapping[int, list[dict[str, Any]]]
) -> list[Inspection]:
    """Proposes to join a file without judgements with another file that judges its rows by their ids.

    Args:
        inspections: of each file alone.
        places: place of an inspection in the list -> the file, for those that can be read.
        rows: place of an inspection in the list -> the first rows of its file.
    """
    joined = list(inspections)
    tables: set[int] = set()
    for place, file in places.items():
        own = inspections[place]
        if place in tables or (own.confidence > MAX_CONFIDENCE and reads_judgements(own.format)):
            continue
        for other, table in places.items():
            if other == place or not (shared := find_shared_ids(rows[place], rows[other])):
                continue
            name = source_name(table)
            looked_up = {value_key(row[shared[1]]): row for row in rows[other]}
            couples = [(row, looked_up.get(value_key(row[shared[0]]))) for row in rows[place]]
            proposed = propose([{**row, name: judgement} for row, judgement in couples if judgement is not None])
            is_used = any(path.startswith(f"{name}.") for path in used_paths(proposed.map))
            if not reads_judgements(proposed.format) or not is_used:
                continue
            label = inspections[other].file
            join = {"path": label, "left": shared[0], "right": shared[1], "as": name}
            why = f"'{label}' has the same ids in '{shared[1]}' as this file in '{shared[0]}', and judges its rows"
            joined[place] = _describe(file, own.file, replace(proposed, why=[why, *proposed.why]), {"join": [join]})
            tables.add(other)
            break
    return joined


def _inspect(path: Path, label: str) -> tuple[Inspection, list[dict[str, Any]]]:
    """Returns the inspection of a file, and its first rows."""
    with collect_notes() as row_notes:
        rows = peek(path, ROWS_READ)
    inspection = _inspect_rows(path, label, rows)
    if {"orient", "records"} & {*inspection.source} or inspection.export:
        # The entry reads the rows inside, or the tool writes one object: nobody needs to hear that the file is one.
        row_notes = [note for note in row_notes if ONE_OBJECT not in note]
    inspection.notes += [f"{count} times in the first rows: {note}" for note, count in Counter(row_notes).items()]
    return inspection, rows


def _inspect_rows(path: Path, label: str, rows: list[dict[str, Any]]) -> Inspection:
    if not rows:
        return Inspection(label, 0, why=[_first_error(path)])
    if (title := find_title_line(rows)) is not None:
        return Inspection(label, len(rows), why=[title], doubts=["delete the lines above the names, and inspect again"])
    named, faults = find_named_source(rows)
    inspection = (
        _inspect_others(path, label, rows) if named is None else _inspect_named_source(path, label, rows, named)
    )
    return replace(inspection, doubts=[*inspection.doubts, *faults])


def _inspect_others(path: Path, label: str, rows: list[dict[str, Any]]) -> Inspection:
    """The inspection of rows that have no name."""
    proposed, settings = _propose(rows)
    if delimiter := unusual_delimiter(path):
        settings["csv"] = {"delimiter": delimiter}
    columns = proposed.columns
    if proposed.format is None:
        doubts = [*account_for_columns(columns, {}, is_judged=True).doubts, *_nearest_formats(columns)]
        return Inspection(label, len(rows), why=[_describe_columns(columns)], doubts=doubts)
    return _describe(path, label, proposed, settings, None if {*settings} - {"csv"} else rows)


def _describe(
    path: Path, label: str, proposed: Proposed, settings: dict[str, Any], rows: list[dict[str, Any]] | None = None
) -> Inspection:
    """Makes the inspection of a proposal.

    Args:
        path: of the file.
        label: the name of the file for the user.
        proposed: a proposal with a format.
        settings: further settings of the source.
        rows: the rows to compare with known datasets, if they are.
    """
    columns, name = proposed.columns, proposed.format or ""
    source = {"name": source_name(path), "path": label, "format": name, "map": proposed.map}
    axis, which = find_deciding_axis(proposed.map)
    with count_unread_fields() as unread:
        examples = render_examples(name, proposed.map, columns, columns.raw_rows, str(path))
    notes = [f"these fields of turns are not read: {describe_unread_fields(unread)}"] if unread else []
    return Inspection(
        file=label,
        rows=len(columns.rows),
        format=proposed.format,
        map=proposed.map,
        confidence=proposed.confidence,
        why=proposed.why,
        doubts=[*proposed.doubts, *which, *_doubt_missing_images(columns, proposed.map, str(path))],
        examples=examples,
        source={**source, **axis, **settings, "objective": "instruction"},
        known=None if rows is None else _find_known_dataset(name, rows),
        notes=notes,
        ignored=list_ignored(columns, proposed.map, proposed.doubts),
        prompts=hash_prompts(columns, proposed.map),
    )


def _propose(rows: list[dict[str, Any]]) -> tuple[Proposed, dict[str, Any]]:
    """Returns the proposal for the rows, or for the rows inside them, and the source's settings to find these."""
    inner = find_inner_rows(rows)
    if inner is not None and inner.is_certain:
        proposed = propose(inner.rows[:ROWS_READ])
        return replace(proposed, why=[inner.why, *proposed.why]), {**inner.settings}
    proposed = propose(rows)
    if inner is not None:
        nested = propose(inner.rows[:ROWS_READ])
        if nested.format is not None and (proposed.format is None or nested.confidence > proposed.confidence):
            return replace(nested, why=[inner.why, *nested.why]), {**inner.settings}
    return proposed, {}


def _inspect_named_source(path: Path, label: str, rows: list[dict[str, Any]], named: NamedSource) -> Inspection:
    """The inspection of rows whose tool or dataset is known by name."""
    proposal = named.proposal
    if proposal.format is None:
        return Inspection(label, len(rows), why=proposal.why, doubts=proposal.doubts, export=named.name)
    source: dict[str, Any] = {"name": source_name(path), "path": label}
    which: list[str] = []
    if named.kind == "dataset":
        source["dataset"] = named.name
        records = None if named.name == PLACEHOLDER else catalog.dataset(named.name, label).records
    else:
        axis, which = find_deciding_axis(proposal.map)
        source |= {"format": proposal.format, "map": proposal.map, **axis, **proposal.source}
        source["objective"] = "instruction"
        records = proposal.source.get("records")
    inner = rows_inside(rows, records)
    columns = Columns(inner)
    account = account_for_columns(columns, {**proposal.map, "settled": list(named.settled)}, is_judged=True)
    with count_unread_fields() as unread:
        examples = render_examples(proposal.format, proposal.map, columns, inner, str(path))
    notes = [f"these fields of turns are not read: {describe_unread_fields(unread)}"] if unread else []
    return Inspection(
        file=label,
        rows=len(rows),
        format=proposal.format,
        map=proposal.map,
        confidence=proposal.confidence,
        why=proposal.why,
        doubts=[*proposal.doubts, *which, *account.doubts, *_doubt_missing_images(columns, proposal.map, str(path))],
        examples=examples,
        source=source,
        known=named.name if named.kind == "dataset" else None,
        export=named.name if named.kind == "export" else None,
        notes=[*notes, *named.notes],
        ignored=list_ignored(columns, {**proposal.map, "settled": list(named.settled)}, proposal.doubts),
    )


def _doubt_missing_images(columns: Columns, mapping: Mapping[str, Any], file: str) -> list[str]:
    """Returns a doubt about rows whose images are no files beside theirs: a run rejects these rows."""
    column = columns.find(str(mapping.get("images", "")))
    if column is None:
        return []
    refs = [[ref for ref in (value if isinstance(value, list) else [value]) if ref] for value in column.values]
    missing = [several for several in refs if any(isinstance(ref, str) and is_missing(ref, file) for ref in several)]
    if not missing:
        return []
    count = f"{len(missing)} of {len(refs)} rows name an image in '{column.path}' that is no file"
    return [f"{count} in the folder of '{show_name(file)}', and are rejected: the first is {missing[0][0]!r}"]


def describe_catalog_match(dataset: str) -> str:
    """Says what to do with rows that have the fields of a known dataset."""
    return (
        f"same fields as the known dataset '{dataset}'; if it is that, replace format and map by 'dataset: {dataset}'"
    )


def _find_known_dataset(name: str, rows: list[dict[str, Any]]) -> str | None:
    """Returns the known dataset of this format that shares the most fields with these rows; None if fewer than
    `MIN_FIELDS` match.
    """
    best, most = None, MIN_FIELDS - 1
    for entry in catalog.DATASETS:
        if entry.format != name or entry.records is not None:
            continue
        form = registry.make("format", name, entry.map, "map")
        places = {leaf for _, leaf in iterate_leaves(entry.map) if isinstance(leaf, str)}
        fields = sum(all(_has_field(row, place) for row in rows) for place in places)
        if fields > most and isinstance(form, Format) and all(has_shape(form, row) for row in rows):
            best, most = entry.name, fields
    return best


def _has_field(row: dict[str, Any], path: str) -> bool:
    try:
        get_path(row, path)
    except Reject:
        return False
    return True


def _describe_columns(columns: Columns) -> str:
    more = f" and {len(columns.all) - MAX_FIELDS} more" if len(columns.all) > MAX_FIELDS else ""
    return "fields: " + ", ".join(f"{column.path} ({column.kind})" for column in columns.all[:MAX_FIELDS]) + more


def _nearest_formats(columns: Columns) -> list[str]:
    """Names the formats closest to rows with these columns, and what is missing for them."""
    lists, codes = columns.of_kind("texts", "items"), columns.of_kind("code", "flag")
    others = (lists, codes, find_scores(columns), columns.of_kind("flag"))
    present = [
        *PROSE[: len(columns.prose)],
        *(content for content, is_present in zip(CONTENTS[len(PROSE) :], others, strict=True) if is_present),
    ]
    needs = {f.name(): f.needs for f in registry.find_all("format") if issubclass(f, Format) and f.needs}
    missing = {name: [need for need in mine if need not in present] for name, mine in needs.items()}
    # Of formats that lack as much, first the one whose missing part comes first in CONTENTS, then the simplest.
    near = sorted(
        (name for name in needs if len(missing[name]) < len(needs[name])),
        key=lambda name: (len(missing[name]), [CONTENTS.index(need) for need in missing[name]], len(needs[name])),
    )
    return [
        f"closest format: {name}; missing: {' and '.join(missing[name]) or 'clear names of the fields'}"
        for name in near[:2]
    ]


def _first_error(path: Path) -> str:
    """Says why a file has no usable row."""
    for part in parts([str(path)], Path(), str(path), cut_bytes=None):
        for number, row in read(part):
            if isinstance(row, Reject):
                return f"row {number}: {row.reason}: {without_advice(row)}"
    return "the file has no rows"


def source_questions(source: Mapping[str, Any]) -> list[str]:
    """Returns the settings of a proposed source that the user still has to fill in."""
    return [question for key, value in source.items() for question in open_questions(value, key)]


def source_name(path: Path) -> str:
    """Makes a source name from the name of its file or folder."""
    stem = path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).strip("_.+-") or "source"
