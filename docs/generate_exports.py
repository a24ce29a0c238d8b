"""Writes docs/exports.md from the examples of the exports. `make docs` runs it.

Each example goes the way of a user's file: inspect proposes an entry, the example's answers fill in its questions, and
a run reads the rows.
"""

import inspect as inspect_module
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from unipref import unify_feedback
from unipref.core import registry, yaml_files
from unipref.core.contracts import Export
from unipref.study.overrides import merge
from unipref.unify.inspection import inspect, source_questions

PAGE = Path(__file__).parent / "exports.md"
WIDTH = 110
"""Most characters of a line of a raw row."""
HEAD = """# Exports of tools

unipref recognises the files that these tools export. `unipref inspect FILE` names the tool and proposes an entry for
the study file. A question mark in the entry marks what the file does not tell: a run stops until you replace it.
`unipref init FILE` writes a study with such entries. `docs/adding/export.md` shows how to add a tool.

Each tool below has a worked case for each shape of its files: a raw row, the entry, and the preferences. The rows are
written by hand after the schema that is named. `make docs` writes this page: it runs every case.
"""


@dataclass(frozen=True)
class Case:
    """What became of the rows of one example.

    Attributes:
        entry: as inspect proposes it.
        questions: the settings that the user has to fill in.
        doubts: as inspect names them.
        filled: the entry with the example's answers.
        preferences: as read from the run.
        counts: the books of the source.
    """

    entry: dict[str, Any]
    questions: list[str]
    doubts: list[str]
    filled: dict[str, Any]
    preferences: list[dict[str, Any]]
    counts: dict[str, Any]


def list_examples(export: type[Export]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields title and content of each example of an export; the title of the first is empty."""
    yield "", export.example
    yield from export.further_examples.items()


def write_rows(example: Mapping[str, Any], folder: Path) -> Path:
    """Writes the rows of an example, and the files that they are joined with, to a folder."""
    for name, rows in {"export.jsonl": example["rows"], **example.get("files", {})}.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / name).write_text(lines, encoding="utf-8")
    return folder / "export.jsonl"


def run_case(example: Mapping[str, Any], change: Mapping[str, Any] | None = None) -> Case:
    """Inspects the rows of an example and reads them with the proposed entry, the answers and further changes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (inspection,) = inspect([write_rows(example, folder)])
        entry = {**inspection.source, "path": "export.jsonl"}
        filled = merge(merge(entry, example.get("answers", {})), change or {})
        study = {"data_root": str(folder), "sources": [filled], "workers": 1}
        table = pq.read_table(unify_feedback(study, folder / "run")).to_pylist()
        manifest = json.loads((folder / "run" / "manifest.json").read_text(encoding="utf-8"))
        counts = manifest["sources"][entry["name"]]
        return Case(entry, source_questions(inspection.source), inspection.doubts, filled, table, counts)


def format_messages(messages: list[dict[str, str]] | None) -> str:
    """Formats messages for a cell of a table."""
    if messages is None:
        return ""
    return "<br>".join(f"{message['role']}: {message['content']}" for message in messages).replace("\n", " ")


def format_json(value: Any, indent: str = "", before: int = 0) -> str:
    """Formats a JSON value; what fits into a line is in one line.

    Args:
        value: the value.
        indent: of its lines.
        before: number of characters before the value in its first line.
    """
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + before + len(indent) <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        keys = {key: json.dumps(key, ensure_ascii=False) + ": " for key in value}
        lines = [keys[key] + format_json(one, inner, len(keys[key])) for key, one in value.items()]
    else:
        lines = [format_json(one, inner) for one in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{closing}"


def format_case(title: str, example: Mapping[str, Any]) -> str:
    """Formats one worked case."""
    case = run_case(example)
    row = format_json(example["rows"][0])
    parts = [f"**{title}**\n"] if title else []
    parts += [f"A row:\n\n```json\n{row}\n```\n", f"The entry:\n\n```yaml\n{yaml_files.write([case.entry])}```\n"]
    if case.doubts:
        parts.append("In doubt:\n\n" + "\n".join(f"- {doubt}" for doubt in case.doubts) + "\n")
    if case.questions:
        answers = yaml_files.write(dict(example["answers"]))
        parts.append(f"The user fills in, for example:\n\n```yaml\n{answers}```\n")
    lines = ["| prompt | chosen | rejected |", "|---|---|---|"]
    sides = ("prompt", "chosen", "rejected")
    lines += ["| " + " | ".join(format_messages(one[side]) for side in sides) + " |" for one in case.preferences]
    rejects = {**case.counts["rejected"], **case.counts["groups_rejected"]}
    parts.append("The preferences:\n\n" + "\n".join(lines) + "\n")
    if rejects:
        counted = ", ".join(f"{reason} {count}" for reason, count in rejects.items())
        parts.append(f"Rejected and counted: {counted}.\n")
    return "\n".join(parts)


def format_page() -> str:
    """Returns the text of the page."""
    parts = [HEAD]
    for choice in registry.find_all("export"):
        if not issubclass(choice, Export) or registry.find_package(choice) is not None:
            continue
        about = inspect_module.cleandoc(choice.__doc__ or "")
        parts.append(f"## {choice.name()}\n\n{about}\n\n- From: {choice.origin}\n- Schema: {choice.seen}\n")
        parts += [format_case(title, example) for title, example in list_examples(choice)]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
