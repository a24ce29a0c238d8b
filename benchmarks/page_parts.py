"""Replaces a marked part of a page with a table."""

from collections.abc import Sequence
from pathlib import Path


def replace_part(page: Path, begin: str, end: str, lines: Sequence[str]) -> None:
    """Replaces what stands between two marks of a page.

    Raises:
        ValueError: the page does not have both marks.
    """
    text = page.read_text(encoding="utf-8")
    before, is_begun, rest = text.partition(begin)
    _, is_ended, after = rest.partition(end)
    if not is_begun or not is_ended:
        raise ValueError(f"{page} does not have the marks {begin} and {end}")
    page.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")
