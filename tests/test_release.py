"""What a release needs: a changelog, one version, a wheel with all files, an image, a citation."""

import re
import tomllib
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.version import Version

import unipref
from unipref.core import yaml_files

ROOT = Path(__file__).parent.parent
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""The headings of Keep a Changelog."""
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
HEADING = re.compile(r"Unreleased \((?P<next>\d+\.\d+\.\d+)\)|(?P<released>\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d")
"""The version that a part becomes, or became with its date."""


def read_changelog(text: str) -> dict[str, dict[str, str]]:
    """Heading of each version -> kind of change -> its text."""
    versions = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, content = part.partition("\n")
        assert heading.strip() not in versions, f"two parts are called {heading}"
        pieces = re.split(r"^### ", content, flags=re.MULTILINE)
        versions[heading.strip()] = {piece.partition("\n")[0].strip(): piece.partition("\n")[2] for piece in pieces[1:]}
    return versions


def check_changelog(text: str, version: str) -> None:
    """Checks that a changelog has the agreed form, and that its first part is of this version of the package.

    The package has the version of the next release, so only its own release may have the same.
    """
    parts = read_changelog(text)
    headings = []
    for heading, kinds in parts.items():
        match = HEADING.fullmatch(heading)
        assert match, heading
        headings.append(match)
        assert set(kinds) <= KINDS, f"{heading}: {sorted(set(kinds) - KINDS)}"
        assert match["next"] or kinds, f"{heading} is empty"
        for kind, content in kinds.items():
            assert re.search(r"^- \S", content, re.MULTILINE), f"{heading}, {kind}: no entry"
    assert not any(match["next"] for match in headings[1:]), "an unreleased part is below"
    versions = [Version(match["next"] or match["released"]) for match in headings]
    assert versions[0] == Version(version), f"the first part is of {versions[0]}, the package is {version}"
    assert all(above > below for above, below in pairwise(versions)), "the newest version is not first"


def test_the_changelog_has_a_part_for_this_version_in_the_agreed_form() -> None:
    check_changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), unipref.__version__)


CHANGE = "\n\n### Added\n\n- A thing.\n\n"
FIRST = f"## 0.1.0 - 2026-01-31{CHANGE}"


@pytest.mark.parametrize(
    "text",
    [
        f"## Unreleased (0.2.0){CHANGE}",
        f"## Unreleased (0.2.0)\n\n{FIRST}",
        f"## 0.2.0 - 2026-03-01{CHANGE}{FIRST}",
    ],
)
def test_a_changelog_before_and_at_a_release_is_accepted(text: str) -> None:
    check_changelog(text, "0.2.0")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"## Unreleased{CHANGE}", "Unreleased"),
        (f"## Unreleased (0.3.0){CHANGE}", "the first part is of 0.3.0"),
        (f"## Unreleased (0.1.9){CHANGE}", "the first part is of 0.1.9"),
        (f"## Unreleased (0.2.0){CHANGE}## 0.2.0 - 2026-01-31{CHANGE}", "not first"),
        (f"## Unreleased (0.2.0){CHANGE}## 0.3.0 - 2026-01-31{CHANGE}", "not first"),
        (f"{FIRST}## Unreleased (0.2.0){CHANGE}", "an unreleased part is below"),
        (FIRST, "the first part is of 0.1.0"),
        (f"## Unreleased (0.2.0){CHANGE}{FIRST}{FIRST}", "two parts are called"),
        (f"## Unreleased (0.2.0){CHANGE}## 0.1.0 - 2026-01-31\n", "is empty"),
        ("## Unreleased (0.2.0)\n\n### Added\n\nText.\n", "no entry"),
        ("## Unreleased (0.2.0)\n\n### Improved\n\n- A thing.\n", "Improved"),
        (f"## 0.2.0 - March 2026{CHANGE}", "March"),
    ],
)
def test_a_changelog_that_breaks_the_rules_is_found(text: str, found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        check_changelog(text, "0.2.0")


def test_every_file_of_the_package_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["unipref"]
    package = ROOT / "src" / "unipref"
    left_out = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    left_out = {name for name in left_out if not any(fnmatch(name, pattern) for pattern in patterns)}
    assert not left_out, f"add to package-data in pyproject.toml: {sorted(left_out)}"
    folders = {path.parent for path in package.rglob("*.py")}
    assert all((folder / "__init__.py").is_file() for folder in folders)


def test_the_citation_names_this_version() -> None:
    citation = yaml_files.parse((ROOT / "CITATION.cff").read_text(encoding="utf-8"), "CITATION.cff")
    assert citation["version"] == unipref.__version__
    assert citation["license"] == "Apache-2.0"
    assert citation["references"][0]["url"].endswith("2408.02861")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_an_issue_template_is_a_form(path: Path) -> None:
    form = yaml_files.parse(path.read_text(encoding="utf-8"), path.name)
    if path.stem == "config":
        return
    assert {"name", "description", "body"} <= form.keys()
    ids = [item["id"] for item in form["body"] if item["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    assert all(item["attributes"]["label"] for item in form["body"] if item["type"] != "markdown")


def test_the_image_copies_files_that_exist() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert copied
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name in allowed, f".dockerignore leaves out {name}"
    assert sum(line.startswith("FROM ${BASE}") for line in lines) == 1


def test_the_image_keeps_nothing_of_the_empty_package() -> None:
    """An empty module in `build` is newer than the copied one, so setuptools would take it."""
    content = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    steps = [line for line in content.splitlines() if line.startswith(("RUN ", "COPY "))]
    empty = next(at for at, step in enumerate(steps) if "touch src/unipref/__init__.py" in step)
    assert steps[empty].endswith("&& rm -rf build src")
    assert steps[empty + 1] == "COPY src src"
    assert "import unipref; unipref.run" in steps[empty + 2]
