"""Names what a path covers but unipref does not read: files with other endings, hidden ones, other sheets."""

from dataclasses import dataclass, field

from unipref.core.terminal import show_name

MAX_NAMED = 5
"""Most names of a kind that the note lists."""
WORDS = {
    "endings": ("file", "files", "with another ending"),
    "hidden": ("hidden file or folder", "hidden files and folders", ""),
    "empty": ("archive", "archives", "without data files"),
    "links": ("linked folder", "linked folders", "outside of the path (see 'follow_links')"),
    "sheets": ("sheet", "sheets", "(name one as 'book.xlsx#Sheet')"),
}


@dataclass
class UnreadFiles:
    """What the paths of one source cover and is not read, each by its name.

    Attributes:
        endings: files whose ending says that they are not data, or that unipref cannot read them.
        hidden: data files whose name, or that of their folder, begins with a dot; and such folders.
        empty: archives in which no member is read.
        links: linked folders that a glob with `**` passes by.
        sheets: sheets of a workbook that have cells, after the first one.
    """

    endings: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)

    def as_notes(self) -> list[str]:
        """Returns one text that names them; none if everything is read."""
        kinds = [
            _describe(sorted(set(getattr(self, kind))), *words) for kind, words in WORDS.items() if getattr(self, kind)
        ]
        return [f"not read: {'; '.join(kinds)}"] if kinds else []


def _describe(names: list[str], one: str, several: str, which: str) -> str:
    shown = ", ".join(map(show_name, names[:MAX_NAMED]))
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    what = " ".join(word for word in (one if len(names) == 1 else several, which) if word)
    return f"{len(names):,} {what}: {shown}{more}"
