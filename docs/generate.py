"""Writes docs/choices.md and a page for each choice in docs/choices/, from the code. `make docs` runs it."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unipref.study import options

INDEX, FOLDER = Path(__file__).parent / "choices.md", Path(__file__).parent / "choices"
SHARED_BY = 3
"""Settings that so many choices of a kind have, with the same text and default, are on a page of their own."""
SHARED = "shared"
HEAD = """# All choices and settings

What a study can name: {kinds}. Each has a page with its settings. `unipref list formats` and so on print the same.
`make docs` writes these pages from the code.
"""
ORDER = ("formats", "datasets", "exports", "aggregates", "scorers", "strategies", "trainers", "benchmarks")


def format_pages() -> dict[Path, str]:
    """Returns path -> text of the index and of every page."""
    kinds = [kind for kind in ORDER if kind in options.list_kinds()]
    kinds += [kind for kind in options.list_kinds() if kind not in kinds]
    parts, pages = [HEAD.format(kinds=", ".join(kinds))], dict[Path, str]()
    for kind in kinds:
        entries = options.list_entries(kind, installed=False)
        shared = find_shared(entries)
        lines = [f"| [{entry['name']}](choices/{kind}/{entry['name']}.md) | {_summarise(entry)} |" for entry in entries]
        if shared:
            about = f"the settings that many {kind} share"
            lines.append(f"| [{SHARED}](choices/{kind}/{SHARED}.md) | {about} |")
            text = f"# Settings that many {kind} share\n\n{format_settings(shared)}"
            pages[FOLDER / kind / f"{SHARED}.md"] = text
        parts.append("\n".join([f"## {kind.capitalize()}\n", "| name | what it is |", "|---|---|", *lines, ""]))
        for entry in entries:
            pages[FOLDER / kind / f"{entry['name']}.md"] = format_page(entry, kind, shared)
    return {INDEX: "\n".join(parts), **pages}


def find_shared(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Finds the settings that at least `SHARED_BY` of these choices have in the same form."""
    every = [setting for entry in entries for setting in entry.get("settings", [])]
    counts = Counter(map(repr, every))
    shared = {repr(setting): setting for setting in every if counts[repr(setting)] >= SHARED_BY}
    return list(shared.values())


def format_page(entry: dict[str, Any], kind: str, shared: list[dict[str, Any]]) -> str:
    """Returns the page of one choice."""
    settings = entry.get("settings", [])
    own = [setting for setting in settings if setting not in shared]
    parts = [f"# {entry['name']}\n", f"One of the [{kind}](../../choices.md#{kind}).\n", f"{entry['about']}\n"]
    facts = [f"- {label}: {entry[key]}" for key, label in FACTS.items() if entry.get(key)]
    facts += [f"- Note: {fault}" for fault in entry.get("faults", [])]
    if facts:
        parts.append("\n".join(facts) + "\n")
    if own:
        parts.append(f"## Settings\n\n{format_settings(own)}")
    if names := [f"`{setting['name']}`" for setting in settings if setting in shared]:
        parts.append(f"Also {', '.join(names)}: see [{SHARED}]({SHARED}.md).\n")
    return "\n".join(parts)


FACTS = {
    "format": "Format",
    "objective": "Objective",
    "licence": "Licence",
    "origin": "From",
    "verified": "Verified by",
    "seen": "Seen",
}
"""What an entry of a dataset or an export says beside its text -> its label."""


def format_settings(settings: Iterable[dict[str, Any]]) -> str:
    """Returns a table of settings."""
    lines = ["| setting | meaning | default |", "|---|---|---|"]
    for setting in settings:
        default = "required" if setting["required"] else f"`{setting['default']!r}`"
        lines.append(f"| `{setting['name']}` | {_in_cell(setting['about'])} | {_in_cell(default)} |")
    return "\n".join(lines) + "\n"


def _in_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _summarise(entry: dict[str, Any]) -> str:
    """The first sentence of a choice's text."""
    text = _in_cell(entry["about"].partition("\n\n")[0])
    return re.split(r"(?<=[.:])\s+(?=[A-Z`])", text)[0].rstrip(":.")


def write_pages() -> None:
    """Writes all pages and removes those of choices that are no more."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for path, text in format_pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages()
