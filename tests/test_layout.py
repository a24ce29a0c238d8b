"""The layout: no circles between files, no folder that docs/design.md does not show, few entries at the top."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

from unipref.core import registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "unipref"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_ENTRIES = 16


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


def imported(file: Path) -> Iterator[str]:
    """The modules of unipref that a file imports, for types and inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_files_import_each_other_in_a_circle_types_included() -> None:
    graph = {name: {one for one in imported(file) if one in MODULES and one != name} for name, file in MODULES.items()}
    # The package itself only offers names; importing a module through it is caught as an import of that module.
    graph.pop("unipref")
    for name in graph:
        graph[name].discard("unipref")
    graphlib.TopologicalSorter(graph).prepare()


def test_the_package_has_few_entries_at_the_top() -> None:
    entries = {path.name for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    entries -= {"__init__.py", "__main__.py", "__pycache__"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_the_tree_in_the_design_is_the_folder() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    tree = text[text.index("src/unipref/\n") : text.index("```", text.index("src/unipref/\n"))]
    shown, parent = set(), ""
    for line in tree.splitlines()[1:]:
        match = re.fullmatch(r"([│ ]*)[├└]── (\S+?)(/?)\s.*", line)
        assert match is not None, line
        depth, name, is_folder = len(match[1]) // 4, match[2], match[3] == "/"
        if depth == 0:
            parent = name
            if not is_folder:
                assert (PACKAGE / name).is_file(), name
                continue
        shown.add(name if depth == 0 else f"{parent}/{name}")
    folders = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if len(path.relative_to(PACKAGE).parts) in (2, 3)
    }
    assert shown == folders


def test_every_module_in_a_plug_in_folder_is_a_plug_in() -> None:
    for kind, package in registry.PACKAGES.items():
        folder = PACKAGE.parent / package.replace(".", "/")
        names = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        assert all(issubclass(registry.find(kind, name), registry.CONTRACTS[kind]) for name in names)
