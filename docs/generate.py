"""Writes docs/choices.md from the code: the choices of every stage with their settings. `make docs` runs it."""

from pathlib import Path

from unipref.study import options

PAGE = Path(__file__).parent / "choices.md"
HEAD = """# All choices and settings

The formats, exports, scorers, strategies, trainers, benchmarks and known datasets that a study can use, with their
settings.
`unipref list formats` and so on print the same. `make docs` writes this page from the code.
"""


def format_page() -> str:
    """Returns the text of the page."""
    parts = [HEAD]
    for what in (*options.KIND_OF, "datasets"):
        entries = options.format_entries(options.list_entries(what, installed=False))
        parts.append(f"## {what.capitalize()}\n\n```text\n{entries}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
