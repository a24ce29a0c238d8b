"""Writes docs/choices.md from the code: every choice of every stage with its settings. `make docs` runs it."""

from pathlib import Path

from unipref import listing

PAGE = Path(__file__).parent / "choices.md"
HEAD = "# Every choice\n\nWritten by `make docs` from the code; `unipref list WHAT` prints the same.\n"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for what in (*listing.STAGE_OF, "datasets"):
        parts.append(f"## {what.capitalize()}\n\n```text\n{listing.as_text(listing.entries(what))}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
