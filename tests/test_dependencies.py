"""What pyproject.toml declares is what is imported, and the other way round."""

import ast
import functools
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = {"unipref", "support"}

NOT_IMPORTED = {
    "plotly": "the report reads its plotly.min.js as a file",
    "pytest-xdist": "a plug-in of pytest",
    "mypy": "a command, whose version is read",
    "import-linter": "a command",
    "mkdocs-material": "the theme that mkdocs.yml names",
    "mkdocstrings": "a plug-in that mkdocs.yml names",
    "mkdocs-awesome-nav": "a plug-in that mkdocs.yml names",
    "build": "a command of `make wheel`",
    "uv": "a command of `make lowest`",
}
"""Declared, though no code imports it -> why."""
IMPORTED_AS = {"PIL": "pillow", "faiss": "faiss-cpu"}
"""The name by which an extra is imported -> its own, where they differ."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    names = {canonical(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}
    return names - {"unipref"}


def imported(*folders: str) -> dict[str, set[str]]:
    """Distribution -> the files that import it, wherever in the file."""
    files: dict[str, set[str]] = defaultdict(set)
    for folder in folders:
        for name, paths in imported_by(folder).items():
            files[name] |= paths
    return files


@functools.cache
def imported_by(folder: str) -> dict[str, set[str]]:
    distributions = packages_distributions()
    files: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / folder).rglob("*.py")):
        code = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(code)) if "importorskip" in code else walk_statements(ast.parse(code)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [node.module]
            elif is_import_or_skip(node):
                modules = [ast.literal_eval(node.args[0])]
            else:
                continue
            for top in {module.split(".")[0] for module in modules} - sys.stdlib_module_names - OWN:
                # An extra that is not installed is known by the name it is imported by.
                own = IMPORTED_AS.get(top, top)
                files[canonical(distributions.get(top, [own])[0])].add(str(path.relative_to(ROOT)))
    return files


def walk_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yields what is no expression: expressions are most of a file, and hold no import."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from walk_statements(child)


def is_import_or_skip(node: ast.AST) -> TypeGuard[ast.Call]:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "importorskip"
    return is_call and ast.unparse(node.func) == "pytest.importorskip"


MAIN = declared(PROJECT["dependencies"])
EXTRAS = {name: declared(requirements) for name, requirements in PROJECT["optional-dependencies"].items()}
OF_DEVELOPMENT = ("dev", "docs", "release")
"""Extras for those who work on unipref; the package does not import them."""


def test_whatever_the_package_imports_is_declared() -> None:
    allowed = MAIN.union(*(EXTRAS[name] for name in EXTRAS if name not in OF_DEVELOPMENT))
    missing = {name: sorted(files) for name, files in imported("src").items() if name not in allowed}
    assert not missing, f"imported, not declared in pyproject.toml: {missing}"


@pytest.mark.parametrize("extra", [None, *(name for name in EXTRAS if name not in OF_DEVELOPMENT)])
def test_whatever_is_declared_is_imported_by_the_package(extra: str | None) -> None:
    unused = (MAIN if extra is None else EXTRAS[extra]) - imported("src").keys() - NOT_IMPORTED.keys()
    assert not unused, f"declared in pyproject.toml, not imported: {sorted(unused)}"


def test_tools_of_development_are_used() -> None:
    tools = set().union(*(EXTRAS[name] for name in OF_DEVELOPMENT))
    unused = tools - imported("tests", "benchmarks").keys() - NOT_IMPORTED.keys()
    assert not unused, f"declared for development, not imported by tests or benchmarks: {sorted(unused)}"


def test_reasons_are_for_what_is_declared_and_not_imported() -> None:
    assert MAIN.union(*EXTRAS.values()) >= NOT_IMPORTED.keys()
    assert not NOT_IMPORTED.keys() & imported("src", "tests", "benchmarks").keys()


def test_whatever_is_declared_has_a_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line.split("==")[0]) for line in lines if "==" in line}
    missing = MAIN.union(EXTRAS["eval"], EXTRAS["dedup"], *(EXTRAS[name] for name in OF_DEVELOPMENT))
    assert not missing - pinned, f"no version in constraints.txt: {sorted(missing - pinned)}"
