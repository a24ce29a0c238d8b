"""What is in a file of feedback: its format and mapping with the reasons, a few rows as they would be read, a study
entry that works when pasted. First version: the six formats there are.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unipref import _yaml, choices
from unipref.contracts import Format
from unipref.errors import UserError
from unipref.records import Feedback, Message, Reject
from unipref.sources import parts, peek, read
from unipref.unify import Projection
from unipref.unify._mapped import Mapped
from unipref.unify._merge import merged
from unipref.unify._project import project
from unipref.unify._recognise import ASK, Columns, Guess

PEEKED = 200
SHOWN = 3
WIDTH = 300


@dataclass
class Inspected:
    """One file as it would be read.

    Attributes:
        file: as it was given.
        rows: how many rows were looked at.
        format, map: None when no format fits.
        confidence: in [0, 1].
        why, doubts: what speaks for it; what the rows do not tell.
        examples: up to three rows as prompt, chosen and rejected, or as a reject.
        source: an entry for `sources:` of a study; empty when no format fits.
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

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """All of it for a reader."""
        lines = [self.file]
        if self.format is None:
            fault = "no format fits; map it by hand or see: unipref list formats" if self.rows else "no row can be read"
            return "\n".join([*lines, f"  {fault}", *(f"  - {w}" for w in self.why)])
        lines.append(f"  format: {self.format}  (confidence {self.confidence:.2f}, from {self.rows} rows)")
        lines += [f"  because {reason}" for reason in self.why]
        lines += [f"  in doubt: {doubt}" for doubt in self.doubts]
        for number, example in enumerate(self.examples, 1):
            lines.append(f"  row group {number}")
            lines += [f"    {side:9}{content}" for side, content in example.items()]
        entry = _yaml.write([self.source]).rstrip()
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
    for choice in choices.every("unify"):
        if issubclass(choice, Mapped) and (guess := choice.recognise(columns)) is not None:
            guesses.append((choice.name(), guess))
    if not guesses:
        seen = ", ".join(f"{column.path} ({column.kind})" for column in columns.all[:12])
        return Inspected(shown, len(rows), why=[f"fields: {seen}"])
    name, best = max(guesses, key=lambda guess: guess[1].confidence)
    others = [f"it could also be '{n}' ({g.confidence:.2f})" for n, g in guesses if n != name and g.confidence > 0.5]
    source = {"name": _source_name(path), "path": shown, "format": name, "map": best.map, "objective": "instruction"}
    return Inspected(
        shown,
        len(rows),
        name,
        best.map,
        best.confidence,
        best.why,
        [*best.doubts, *others],
        _examples(name, best.map, rows),
        source,
    )


def _first_fault(path: Path) -> str:
    """Why a file has no row that can be used."""
    for part in parts([str(path)], Path(), str(path), cut_bytes=None):
        for number, row in read(part):
            if isinstance(row, Reject):
                return f"row {number}: {row.reason}: {row}"
    return "the file has no rows"


def _examples(name: str, mapping: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The first rows' groups as they would be read; nothing while the mapping has a question in it."""
    if ASK in _values(mapping):
        return []
    form = choices.make("unify", name, mapping, "map")
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


def _rendered(group: list[Feedback], how: Projection) -> list[dict[str, str]]:
    try:
        preferences = project(merged(group), how).preferences
    except Reject as reject:
        return [{"reject": f"{reject.reason}: {reject}"}]
    return [
        {
            "prompt": _short(p.prompt),
            "chosen": _short(p.chosen) + _scored(p.axis, p.chosen_score),
            "rejected": _short(p.rejected) + _scored(p.axis, p.rejected_score),
        }
        for p in preferences
    ]


def _scored(axis: str | None, score: float | None) -> str:
    return "" if score is None else f"  [{axis} {score:g}]"


def _short(messages: list[Message] | None) -> str:
    if messages is None:
        return "(none: one-sided)"
    content = " / ".join(f"{m['role']}: {m['content']}" for m in messages)
    content = re.sub(r"\s+", " ", content)
    return content if len(content) <= WIDTH else f"{content[: WIDTH // 2]} ... {content[-WIDTH // 2 :]}"


def _values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _values(inner)]
    return [leaf for inner in value for leaf in _values(inner)] if isinstance(value, list) else [value]


def _source_name(path: Path) -> str:
    stem = path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).strip("_.+-") or "source"


def _unused(name: str, taken: set[str]) -> str:
    """The name, numbered when another source has it."""
    numbered = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(candidate for candidate in numbered if candidate not in taken)


def study_for(paths: Sequence[Path | str]) -> str:
    """A study for some files, as YAML: every file with its format, ready to be run on a model of yours.

    Raises:
        UserError: no file has a shape that a format reads.
    """
    found = inspect(paths)
    known = [file for file in found if file.source]
    if not known:
        raise UserError("no file has a shape that a format reads.", mend="See why with: unipref inspect FILES")
    sources: list[dict[str, Any]] = []
    for file in known:
        sources.append({**file.source, "name": _unused(file.source["name"], {s["name"] for s in sources})})
    study = {
        "name": "my study",
        "model": "Qwen/Qwen2.5-0.5B",
        "data_root": ".",
        "sources": sources,
        "split": {"dev": 0.1, "test": 0.1},
        "select": {"cluster_quality": {"fraction": 0.6}},
        "train": [{"sft": {}}, {"dpo": {}}],
        "evaluate": [{"preference_accuracy": {"split": "test"}}],
        "seeds": [0],
    }
    lines = ["# Written by: unipref init. Check every source: unipref inspect FILE shows how its rows are read."]
    for file in found:
        said = file.doubts if file.source else ["no format fits; it is left out"]
        lines += [" ".join(f"# {file.file}: {doubt}".split()) for doubt in said]
    return "\n".join(lines) + "\n" + _yaml.write(study)
