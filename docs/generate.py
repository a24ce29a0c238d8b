"""Writes docs/choices.md from the code: every choice of every stage with its settings. `make docs` runs it."""

from pathlib import Path

from unipref.study import options

PAGE = Path(__file__).parent / "choices.md"
HEAD = "# Every choice\n\nWritten by `make docs` from the code; `unipref list WHAT` prints the same.\n"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for what in (*options.KIND_OF, "datasets"):
        parts.append(
            f"## {what.capitalize()}\n\n```text\n{options.format_entries(options.list_entries(what, installed=False))}\n```\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
