"""Inspects files of feedback: proposes a format and mapping with reasons, shows a few rows as they would be read, and
writes an entry for the study file. A question mark in the entry marks what the rows cannot tell.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from unipref.core import registry, yaml_files
from unipref.core.contracts import Format
from unipref.core.display import shorten
from unipref.core.messages import show_message
from unipref.core.records import Feedback, Message, Preference, Reason, Reject
from unipref.core.terminal import show_name
from unipref.core.text_keys import prompt_key
from unipref.sources import catalog, parts, peek, read
from unipref.sources.limits import without_advice
from unipref.unify import Projection
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, find_scores
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import get_path
from unipref.unify.mapping.turns import count_unread_fields, describe_unread_fields
from unipref.unify.projection.groups import group_key, merge_feedback
from unipref.unify.projection.judges import JudgeNamer, drop_repeated_judgements
from unipref.unify.projection.project import project

ROWS_READ = 400
MAX_EXAMPLES = 3
MAX_CHARACTERS = 300
MAX_FIELDS = 20
MAX_COLUMNS = 200
"""Most fields of a row that are compared with the formats; the time grows with the square of their number."""
MIN_FIELDS = 4
"""Least number of matching fields for a known dataset: three or fewer, such as prompt, chosen and rejected, are common
to many."""
SHAPE_REASONS = (Reason.MISSING_FIELD, Reason.WRONG_TYPE, Reason.BAD_LABEL)
"""Reject reasons that mean: the row has another shape."""
MIN_ALTERNATIVE_CONFIDENCE = 0.5
"""Least confidence to name another format."""
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
        source: an entry for `sources:` of a study file; empty if no format fits.
        known: the known dataset whose fields these rows have, if any.
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
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Returns the inspection as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """Returns the inspection as text for the terminal."""
        lines = [self.file]
        if self.format is None:
            error = (
                "no format fits; write the mapping by hand, see: unipref list formats"
                if self.rows
                else "no row can be read"
            )
            return "\n".join([*lines, f"  {error}", *(f"  - {w}" for w in [*self.why, *self.doubts])])
        lines.append(f"  format: {self.format}  (confidence {self.confidence:.2f}, from {self.rows} rows)")
        lines += [f"  because {reason}" for reason in self.why]
        lines += [f"  in doubt: {doubt}" for doubt in self.doubts]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  {describe_catalog_match(self.known)}"] if self.known else []
        questions = open_questions(self.map, "map")
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
    for path in paths:
        read_paths: set[str] = set()
        for piece in parts([str(path)], Path.cwd(), "inspect", cut_bytes=None):
            if piece.fault:
                inspections.append(Inspection(piece.origin, 0, doubts=[piece.fault]))
            elif piece.path not in read_paths:
                read_paths.add(piece.path)
                label = piece.origin.partition(f"!{show_name(piece.member)}")[0] if piece.member else piece.origin
                inspections.append(_inspect(Path(piece.path), label))
    return inspections


def _inspect(path: Path, label: str) -> Inspection:
    rows = [dict(islice(row.items(), MAX_COLUMNS)) for row in peek(path, ROWS_READ)]
    if not rows:
        return Inspection(label, 0, why=[_first_error(path)])
    columns = Columns(rows)
    guesses: list[tuple[str, Guess]] = []
    for choice in registry.find_all("format"):
        if issubclass(choice, Mapped) and (guess := choice.recognise(columns)) is not None:
            guesses.append((choice.name(), guess))
    if not guesses:
        return Inspection(label, len(rows), why=[_describe_columns(columns)], doubts=_nearest_formats(columns))
    name, best = max(guesses, key=lambda guess: guess[1].confidence)
    others = [
        f"it could also be '{n}' ({g.confidence:.2f})"
        for n, g in guesses
        if n != name and g.confidence > MIN_ALTERNATIVE_CONFIDENCE
    ]
    mapping = {**best.map, **_literals_setting(columns, best.map)}
    source = {"name": source_name(path), "path": label, "format": name, "map": mapping, "objective": "instruction"}
    with count_unread_fields() as unread:
        examples = _examples(name, mapping, columns, rows)
    notes = [f"of a turn, only role and content are read, not {describe_unread_fields(unread)}"] if unread else []
    return Inspection(
        file=label,
        rows=len(rows),
        format=name,
        map=mapping,
        confidence=best.confidence,
        why=best.why,
        doubts=[*best.doubts, *others],
        examples=examples,
        source=source,
        known=_find_known_dataset(name, rows),
        notes=notes,
    )


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
        form, places = registry.make("format", name, entry.map, "map"), {*filter(_is_text, _leaf_values(entry.map))}
        fields = sum(all(_has_field(row, place) for row in rows) for place in places)
        if fields > most and isinstance(form, Format) and all(_has_shape(form, row) for row in rows):
            best, most = entry.name, fields
    return best


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _has_field(row: dict[str, Any], path: str) -> bool:
    try:
        get_path(row, path)
    except Reject:
        return False
    return True


def _has_shape(form: Format, row: dict[str, Any]) -> bool:
    """Whether a row has the fields that a format needs, even if it is rejected for another reason."""
    try:
        return not any(isinstance(item, Reject) and item.reason in SHAPE_REASONS for item in form.read(row))
    except Reject as reject:
        return reject.reason not in SHAPE_REASONS


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


def _literals_setting(columns: Columns, mapping: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the setting `literals`: the texts that are written lists or mappings and that the mapping uses."""
    used = [value for value in _leaf_values(mapping) if isinstance(value, str)]
    names = [name for name in columns.literals if any(u == name or u.startswith(f"{name}.") for u in used)]
    return {"literals": names} if names else {}


def _first_error(path: Path) -> str:
    """Says why a file has no usable row."""
    for part in parts([str(path)], Path(), str(path), cut_bytes=None):
        for number, row in read(part):
            if isinstance(row, Reject):
                return f"row {number}: {row.reason}: {without_advice(row)}"
    return "the file has no rows"


def _examples(name: str, mapping: dict[str, Any], columns: Columns, rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Renders the groups of the first rows as they would be read; or raw fields if the mapping contains a question."""
    if open_questions(mapping, ""):
        shown_columns = [c for c in columns.all if c.kind not in ("empty", "other") and not c.is_identifier]
        return [_render_fields(row, shown_columns) for row in rows[:MAX_EXAMPLES]]
    form = registry.make("format", name, mapping, "map")
    if not isinstance(form, Format):
        raise AssertionError(f"{name} is not a Format")
    axes = form.axes()
    how = Projection(name, name, "instruction", "unknown", next(iter(axes), None), axes)
    groups: dict[str, list[Feedback]] = {}
    examples: list[dict[str, str]] = []
    judges = JudgeNamer()
    for number, row in enumerate(rows):
        try:
            for item in form.read(row):
                if isinstance(item, Feedback):
                    key = group_key(item, form.grouping, prompt_key(item.prompt), f"{number}:{len(groups)}")
                    groups.setdefault(key, []).extend(judges.name([item], row) if form.grouping == "pair" else [item])
        except Reject as reject:
            examples.append({"reject": f"{reject.reason}: {reject}"})
    for group in groups.values():
        if len(examples) >= MAX_EXAMPLES:
            break
        examples += _render_group(group, how)
    return examples[:MAX_EXAMPLES]


def _render_fields(row: dict[str, Any], columns: list[Column]) -> dict[str, str]:
    """Renders a row's raw fields, for a user who has to answer a question about them."""
    fields: dict[str, str] = {}
    for column in columns[:MAX_FIELDS]:
        try:
            fields[column.path] = _shorten(str(get_path(row, column.path)))
        except Reject:
            continue
    return fields


def _render_group(group: list[Feedback], how: Projection) -> list[dict[str, str]]:
    merged = merge_feedback(drop_repeated_judgements(group)[0])
    try:
        preferences = project(merged, how).preferences
    except Reject as reject:
        return [{"reject": f"{reject.reason}: {reject}"}]
    evidence = _describe_judgements(merged)
    return [
        {
            "prompt": _shorten_messages(p.prompt),
            "chosen": _shorten_messages(p.chosen) + _describe_scores(p, "chosen"),
            "rejected": _shorten_messages(p.rejected) + _describe_scores(p, "rejected"),
            **({"evidence": evidence} if evidence else {}),
        }
        for p in preferences
    ]


def _describe_judgements(group: Feedback) -> str:
    """Describes the number of judgements, their verdicts and strengths; empty for one plain judgement."""
    strengths = [c.strength for c in group.comparisons if c.strength is not None]
    graded = [f"strength {', '.join(f'{s:g}' for s in strengths)}"] if strengths else []
    if len(group.responses) != 2 or (len(group.comparisons) < 2 and not graded):
        return ""
    ties = sum(c.tie for c in group.comparisons)
    wins = [sum(c.better == i and not c.tie for c in group.comparisons) for i in (0, 1)]
    votes = [f"{wins[0]} for the first, {wins[1]} for the second, {ties} ties"] if len(group.comparisons) > 1 else []
    return "; ".join([*votes, *graded])


def _describe_scores(preference: Preference, side: Literal["chosen", "rejected"]) -> str:
    """Describes a side's scores, the deciding one first."""
    deciding_score = preference.chosen_score if side == "chosen" else preference.rejected_score
    scores = [(preference.axis, deciding_score), *((axis["axis"], axis[side]) for axis in preference.axes)]
    parts_of_text = [f"{axis} {score:g}" for axis, score in scores if score is not None]
    return f"  [{', '.join(parts_of_text)}]" if parts_of_text else ""


def _shorten_messages(messages: list[Message] | None) -> str:
    if messages is None:
        return "(none: one-sided)"
    content = " / ".join(f"{m['role']}: {show_message(m)}" for m in messages)
    return _shorten(content)


def _shorten(content: str) -> str:
    return shorten(content, MAX_CHARACTERS, one_line=True, keep_end=True)


def _leaf_values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaf_values(inner)]
    return [leaf for inner in value for leaf in _leaf_values(inner)] if isinstance(value, list) else [value]


def open_questions(value: Any, place: str) -> list[str]:
    """Returns the places in a mapping that the user still has to fill in."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [question for key, inner in items for question in open_questions(inner, f"{place}.{key}")]
    return [place] if value == PLACEHOLDER else []


def source_name(path: Path) -> str:
    """Makes a source name from the name of its file or folder."""
    stem = path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).strip("_.+-") or "source"
