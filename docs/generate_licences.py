"""Writes docs/licences.md: the licence that each pinned package states in its own metadata. `make docs` runs it."""

import re
from importlib import metadata
from pathlib import Path

PAGE = Path(__file__).parent / "licences.md"
CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
MAX_CHARACTERS = 60
NOT_STATED = "not stated"
HEAD = """# Licences of the dependencies

What each package of `constraints.txt` states in its own metadata: its licence expression, or else its licence field, or
else its classifiers. Nobody has checked that the statements are right. `make docs` writes this page from the installed
packages. "not installed" is a package of an extra that is not installed here.
"""


def read_licence(package: str) -> str:
    """Returns the licence that an installed package states."""
    try:
        about = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return "not installed"
    if expression := about.get("License-Expression"):
        return expression
    classifiers = [
        line.split(" :: ")[-1] for line in about.get_all("Classifier") or () if line.startswith("License ::")
    ]
    field = (about.get("License") or "").strip().split("\n")[0]
    if field and field != "UNKNOWN" and len(field) <= MAX_CHARACTERS:
        return field
    return ", ".join(name for name in classifiers if name != "OSI Approved") or NOT_STATED


def format_page() -> str:
    """Returns the text of the page."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [(name, version, read_licence(name)) for name, version in pins]
    table = "\n".join(f"| {name} | {version} | {licence.replace('|', '/')} |" for name, version, licence in rows)
    return f"{HEAD}\n| package | version | licence |\n|---|---|---|\n{table}\n"


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
