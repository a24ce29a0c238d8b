"""What is in a file of feedback: its format and mapping with the reasons, a few rows as they would be read, a study
entry that works when pasted. What the rows cannot tell stands as a question mark in the entry.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from unipref.core import registry, yaml_files
from unipref.core.contracts import Format
from unipref.core.display import shorten
from unipref.core.records import Feedback, Message, Preference, Reason, Reject
from unipref.sources import catalog, parts, peek, read
from unipref.unify import Projection
from unipref.unify.detection.guess import ASK, Column, Columns, Guess, scores_in
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import get_path
from unipref.unify.projection.groups import merged
from unipref.unify.projection.project import project

PEEKED = 400
SHOWN = 3
WIDTH = 300
LISTED = 20
FEWEST_FIELDS = 4
"""Fields that must be a known dataset's: three or fewer, such as prompt, chosen and rejected, are those of many."""
OTHER_SHAPE = (Reason.MISSING_FIELD, Reason.WRONG_TYPE, Reason.BAD_LABEL)
"""Why a row of another shape cannot be read."""
CLEAR = 0.5
"""Confidence from which another format is worth naming."""
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
class Inspected:
    """One file as it would be read.

    Attributes:
        file: as it was given.
        rows: how many rows were looked at.
        format, map: None when no format fits.
        confidence: in [0, 1].
        why, doubts: what speaks for it; what the rows do not tell.
        examples: up to three rows as prompt, chosen and rejected, or as a reject; as their fields while the mapping has
            a question in it.
        source: an entry for `sources:` of a study; empty when no format fits.
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

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """All of it for a reader."""
        lines = [self.file]
        if self.format is None:
            fault = "no format fits; map it by hand or see: unipref list formats" if self.rows else "no row can be read"
            return "\n".join([*lines, f"  {fault}", *(f"  - {w}" for w in [*self.why, *self.doubts])])
        lines.append(f"  format: {self.format}  (confidence {self.confidence:.2f}, from {self.rows} rows)")
        lines += [f"  because {reason}" for reason in self.why]
        lines += [f"  in doubt: {doubt}" for doubt in self.doubts]
        lines += [f"  {catalog_match(self.known)}"] if self.known else []
        asked = questions(self.map, "map")
        if asked:
            lines.append(f"  to be answered before it runs: {', '.join(asked)}")
        width = max((len(side) for example in self.examples for side in example), default=0)
        for number, example in enumerate(self.examples, 1):
            lines.append(f"  row {number}, as it is" if asked else f"  row group {number}")
            lines += [f"    {side:{width}} {content}" for side, content in example.items()]
        entry = yaml_files.write([self.source]).rstrip()
        return "\n".join([*lines, "  for the study file:", *(f"    {line}" for line in entry.splitlines())])


def inspect(paths: Sequence[Path | str]) -> list[Inspected]:
    """Looks into each file, folder or glob.

    Raises:
        UserError: a path that is not there.
    """
    found: list[Inspected] = []
    for path in paths:
        pieces = parts([str(path)], Path.cwd(), "inspect", cut_bytes=None)
        files = {p.path: p.origin.removesuffix(f"!{p.member}") for p in pieces}
        found += [_inspect(Path(file), origin) for file, origin in files.items()]
    return found


def _inspect(path: Path, shown: str) -> Inspected:
    rows = [row for row in peek(path, PEEKED) if isinstance(row, dict)]
    if not rows:
        return Inspected(shown, 0, why=[_first_fault(path)])
    columns = Columns(rows)
    guesses: list[tuple[str, Guess]] = []
    for choice in registry.every("format"):
        if issubclass(choice, Mapped) and (guess := choice.recognise(columns)) is not None:
            guesses.append((choice.name(), guess))
    if not guesses:
        return Inspected(shown, len(rows), why=[_seen(columns)], doubts=_nearest(columns))
    name, best = max(guesses, key=lambda guess: guess[1].confidence)
    others = [f"it could also be '{n}' ({g.confidence:.2f})" for n, g in guesses if n != name and g.confidence > CLEAR]
    mapping = {**best.map, **_literals(columns, best.map)}
    source = {"name": source_name(path), "path": shown, "format": name, "map": mapping, "objective": "instruction"}
    return Inspected(
        file=shown,
        rows=len(rows),
        format=name,
        map=mapping,
        confidence=best.confidence,
        why=best.why,
        doubts=[*best.doubts, *others],
        examples=_examples(name, mapping, columns, rows),
        source=source,
        known=_known(name, rows),
    )


def catalog_match(dataset: str) -> str:
    """What to do with rows that have a known dataset's fields."""
    return f"fields of the known dataset '{dataset}': if it is that, write 'dataset: {dataset}' for format and map"


def _known(name: str, rows: list[dict[str, Any]]) -> str | None:
    """The known dataset that this format reads from the most of the fields of these rows; None where they are so few
    that many have them.
    """
    best, most = None, FEWEST_FIELDS - 1
    for entry in catalog.DATASETS:
        if entry.format != name or entry.records is not None:
            continue
        form, places = registry.make("format", name, entry.map, "map"), {*filter(_is_text, _values(entry.map))}
        fields = sum(all(_has(row, place) for row in rows) for place in places)
        if fields > most and isinstance(form, Format) and all(_fits(form, row) for row in rows):
            best, most = entry.name, fields
    return best


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _has(row: dict[str, Any], path: str) -> bool:
    try:
        get_path(row, path)
    except Reject:
        return False
    return True


def _fits(form: Format, row: dict[str, Any]) -> bool:
    """Whether a row has the fields that a format is told of, whatever is wrong with it besides."""
    try:
        return not any(isinstance(item, Reject) and item.reason in OTHER_SHAPE for item in form.read(row))
    except Reject as reject:
        return reject.reason not in OTHER_SHAPE


def _seen(columns: Columns) -> str:
    more = f" and {len(columns.all) - LISTED} more" if len(columns.all) > LISTED else ""
    return "fields: " + ", ".join(f"{column.path} ({column.kind})" for column in columns.all[:LISTED]) + more


def _nearest(columns: Columns) -> list[str]:
    """The formats that rows with these columns are nearest to, with what they lack."""
    lists, codes = columns.of("texts", "items"), columns.of("code", "flag")
    others = (lists, codes, scores_in(columns), columns.of("flag"))
    seen = [
        *PROSE[: len(columns.prose)],
        *(what for what, there in zip(CONTENTS[len(PROSE) :], others, strict=True) if there),
    ]
    needs = {f.name(): f.needs for f in registry.every("format") if issubclass(f, Format) and f.needs}
    missing = {name: [need for need in mine if need not in seen] for name, mine in needs.items()}
    # Of formats that lack as much, first the one whose missing part comes first in CONTENTS, then the simplest.
    near = sorted(
        (name for name in needs if len(missing[name]) < len(needs[name])),
        key=lambda name: (len(missing[name]), [CONTENTS.index(need) for need in missing[name]], len(needs[name])),
    )
    return [f"nearest: {name}, but {' and '.join(missing[name]) or 'what is what'} is not seen" for name in near[:2]]


def _literals(columns: Columns, mapping: dict[str, Any]) -> dict[str, list[str]]:
    """The setting that names the texts that are lists or mappings written out, those the mapping uses."""
    used = [value for value in _values(mapping) if isinstance(value, str)]
    names = [name for name in columns.literals if any(u == name or u.startswith(f"{name}.") for u in used)]
    return {"literals": names} if names else {}


def _first_fault(path: Path) -> str:
    """Why a file has no row that can be used."""
    for part in parts([str(path)], Path(), str(path), cut_bytes=None):
        for number, row in read(part):
            if isinstance(row, Reject):
                return f"row {number}: {row.reason}: {row}"
    return "the file has no rows"


def _examples(name: str, mapping: dict[str, Any], columns: Columns, rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The first rows' groups as they would be read; their fields while the mapping has a question in it."""
    if questions(mapping, ""):
        told = [c for c in columns.all if c.kind not in ("empty", "other") and not c.is_identifier]
        return [_fields(row, told) for row in rows[:SHOWN]]
    form = registry.make("format", name, mapping, "map")
    if not isinstance(form, Format):
        raise AssertionError(f"{name} is no Format")
    axes = form.axes()
    how = Projection(name, name, "instruction", "unknown", next(iter(axes), None), axes)
    groups: dict[str, list[Feedback]] = {}
    shown: list[dict[str, str]] = []
    for number, row in enumerate(rows):
        try:
            for item in form.read(row):
                if isinstance(item, Feedback):
                    key = str(item.prompt) if form.across_rows else f"{number}:{len(groups)}"
                    groups.setdefault(key, []).append(item)
        except Reject as reject:
            shown.append({"reject": f"{reject.reason}: {reject}"})
    for group in groups.values():
        if len(shown) >= SHOWN:
            break
        shown += _rendered(group, how)
    return shown[:SHOWN]


def _fields(row: dict[str, Any], columns: list[Column]) -> dict[str, str]:
    """A row's fields, for somebody who has to answer a question about them."""
    found: dict[str, str] = {}
    for column in columns[:LISTED]:
        try:
            found[column.path] = _cut(str(get_path(row, column.path)))
        except Reject:
            continue
    return found


def _rendered(group: list[Feedback], how: Projection) -> list[dict[str, str]]:
    whole = merged(group)
    try:
        preferences = project(whole, how).preferences
    except Reject as reject:
        return [{"reject": f"{reject.reason}: {reject}"}]
    evidence = _judgements(whole)
    return [
        {
            "prompt": _short(p.prompt),
            "chosen": _short(p.chosen) + _scored(p, "chosen"),
            "rejected": _short(p.rejected) + _scored(p, "rejected"),
            **({"evidence": evidence} if evidence else {}),
        }
        for p in preferences
    ]


def _judgements(group: Feedback) -> str:
    """How many judged, whom they found better, and by how much; empty for one plain judgement."""
    strengths = [c.strength for c in group.comparisons if c.strength is not None]
    graded = [f"strength {', '.join(f'{s:g}' for s in strengths)}"] if strengths else []
    if len(group.responses) != 2 or (len(group.comparisons) < 2 and not graded):
        return ""
    ties = sum(c.tie for c in group.comparisons)
    wins = [sum(c.better == i and not c.tie for c in group.comparisons) for i in (0, 1)]
    votes = [f"{wins[0]} for the first, {wins[1]} for the second, {ties} ties"] if len(group.comparisons) > 1 else []
    return "; ".join([*votes, *graded])


def _scored(preference: Preference, side: Literal["chosen", "rejected"]) -> str:
    """A side's scores, the deciding one first."""
    decided = preference.chosen_score if side == "chosen" else preference.rejected_score
    scores = [(preference.axis, decided), *((axis["axis"], axis[side]) for axis in preference.axes)]
    known = [f"{axis} {score:g}" for axis, score in scores if score is not None]
    return f"  [{', '.join(known)}]" if known else ""


def _short(messages: list[Message] | None) -> str:
    if messages is None:
        return "(none: one-sided)"
    return _cut(" / ".join(f"{m['role']}: {m['content']}" for m in messages))


def _cut(content: str) -> str:
    return shorten(content, WIDTH, one_line=True, keep_end=True)


def _values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _values(inner)]
    return [leaf for inner in value for leaf in _values(inner)] if isinstance(value, list) else [value]


def questions(value: Any, place: str) -> list[str]:
    """The places in a mapping at which something is still to be said."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [asked for key, inner in items for asked in questions(inner, f"{place}.{key}")]
    return [place] if value == ASK else []


def source_name(path: Path) -> str:
    """What a source may be called, from the name of its file or folder."""
    stem = path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).strip("_.+-") or "source"
