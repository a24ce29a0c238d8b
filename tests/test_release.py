"""What a release needs: a changelog, one version, a wheel with all files, an image, a citation."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.version import Version

import unipref
from unipref.core import yaml_files

ROOT = Path(__file__).parent.parent
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""The headings of Keep a Changelog."""
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
RELEASE = re.compile(r"Unreleased|\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d")


def read_changelog() -> dict[str, dict[str, str]]:
    """Heading of each version -> kind of change -> its text."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, content = part.partition("\n")
        pieces = re.split(r"^### ", content, flags=re.MULTILINE)
        versions[heading.strip()] = {piece.partition("\n")[0].strip(): piece.partition("\n")[2] for piece in pieces[1:]}
    return versions


def test_the_changelog_has_a_part_for_this_version_in_the_agreed_form() -> None:
    versions = read_changelog()
    headings = list(versions)
    for heading, kinds in versions.items():
        assert RELEASE.fullmatch(heading), heading
        assert set(kinds) <= KINDS
        assert heading == "Unreleased" or kinds, f"{heading} is empty"
        for kind, content in kinds.items():
            assert re.search(r"^- \S", content, re.MULTILINE), f"{heading}, {kind}: no entry"
    released = [heading.partition(" ")[0] for heading in headings if heading != "Unreleased"]
    assert headings[0] == "Unreleased"
    assert released == sorted(released, key=Version, reverse=True)
    assert versions["Unreleased"] or unipref.__version__ in released, "no entry for this version"
    # What is not released yet gets a number above the last release.
    assert Version(unipref.__version__) >= max(map(Version, released), default=Version("0"))


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
