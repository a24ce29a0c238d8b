"""Writes docs/api.md: a place for each public name, which mkdocstrings fills in. `make docs` runs it."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import unipref
from unipref.unify import format_bases

PAGE = Path(__file__).parent / "api.md"
HEAD = """# Python

Code outside unipref needs only the names on this page: those of `unipref`, and those of `unipref.unify.format_bases`
for formats of your own. All other modules can change in any version. `CONTRIBUTING.md` has the rule of deprecation.

```python
import unipref

run = unipref.run("study.yaml", "runs/first")  # the folder of the run
unipref.unify_feedback("study.yaml", "runs/try")  # only the preferences
```

"""
GROUPS = {
    "unipref.pipeline": "Functions",
    "unipref.core.contracts": "Base classes of choices",
    "unipref.core": "Records and errors",
}
"""Beginning of a module's name -> the heading of its names; the first that fits."""
OF_FORMATS = "For formats"


def find_place(module: ModuleType, name: str) -> str:
    """Returns the dotted path under which a name is defined."""
    thing = getattr(module, name)
    home = getattr(thing, "__module__", "")
    if home.startswith("unipref.") and getattr(thing, "__qualname__", None) == name:
        return f"{home}.{name}"
    own = unipref._MODULES.get(name) if module is unipref else None
    return f"unipref.{own}.{name}" if own else f"{module.__name__}.{name}"


def group_names() -> dict[str, list[str]]:
    """Returns heading -> the dotted paths below it."""
    groups: dict[str, list[str]] = {heading: [] for heading in (*GROUPS.values(), OF_FORMATS)}
    for name in unipref.__all__:
        if name.startswith("__"):
            continue
        place = find_place(unipref, name)
        groups[next(heading for start, heading in GROUPS.items() if place.startswith(start))].append(place)
    groups[OF_FORMATS] = [find_place(format_bases, name) for name in format_bases.__all__]
    return groups


def format_group(heading: str, places: Iterable[str]) -> str:
    """Formats the section of a group."""
    return f"## {heading}\n\n" + "".join(f"::: {place}\n\n" for place in places)


def format_page() -> str:
    """Returns the text of the page."""
    return HEAD + "".join(format_group(*group) for group in group_names().items()).rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
