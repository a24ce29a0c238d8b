"""Finds the modules that a result depends on: some entry modules and everything they import.

Only the import statements are parsed: to parse all code took a quarter of the start of a command.
"""

import ast
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def import_closure(*modules: str, package: Path = PACKAGE) -> list[Path]:
    """Returns the source files of some modules and of all that they import, directly or indirectly, sorted.

    An import inside a function counts; an import under `if TYPE_CHECKING` does not. The `__init__.py` of a parent
    package counts only if something is imported from it.

    Args:
        modules: dotted names within the package, such as `unipref.unify`.
        package: folder of the package; its name is the first part of the dotted names.

    Raises:
        LookupError: an entry module does not exist.
    """
    todo: list[Path] = []
    for module in modules:
        path = _find_module_file(package, module)
        if path is None:
            raise LookupError(f"the module '{module}' is missing in {package}")
        todo.append(path)
    seen: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += _find_imported_files(package, path, path.stat().st_mtime_ns)
    return sorted(seen)


def _find_module_file(package: Path, module: str) -> Path | None:
    first, *rest = module.split(".")
    if first != package.name:
        return None
    path = os.path.join(package, *rest)
    candidates = (os.path.join(path, "__init__.py"), f"{path}.py") if rest else (os.path.join(path, "__init__.py"),)
    return next((Path(file) for file in candidates if os.path.isfile(file)), None)


@functools.cache
def _find_imported_files(package: Path, path: Path, modified: int) -> frozenset[Path]:
    """Returns the files of the package that one file imports; `modified` is part of the cache's key only."""
    files = set[Path]()
    for module, name in read_imports(path.read_text(encoding="utf-8"), package.name):
        # `from package import name` imports a submodule if it exists, else something that the package defines.
        file = (_find_module_file(package, f"{module}.{name}") if name else None) or _find_module_file(package, module)
        if file is not None:
            files.add(file)
    return frozenset(files)


_LONG_TEXT = re.compile(r'""".*?"""|\'\'\'.*?\'\'\'', re.DOTALL)
_FOR_TYPES = re.compile(r"^([ \t]*)if [^\n]*TYPE_CHECKING[^\n]*:[^\n]*\n(?:\1[ \t]+[^\n]*\n|[ \t]*\n)*", re.MULTILINE)
_STATEMENT = re.compile(
    r"^[ \t]*((?:from[ \t]+(\w+)[\w.]*[ \t]+import[ \t]*(?:\([^)]*\)|[^\n(]+))|import[ \t]+\w[^\n]*)", re.MULTILINE
)


def read_imports(code: str, package: str) -> Iterator[tuple[str, str | None]]:
    """Yields module and imported name of every import that runs of something in a package.

    Args:
        code: a file in the usual layout, with one statement a line.
        package: the first part of the dotted names.
    """
    if package not in code:
        return
    code = _FOR_TYPES.sub("", _LONG_TEXT.sub("0", code))
    for statement, first in _STATEMENT.findall(code):
        if first in ("", package):
            for module, name in find_imports(ast.parse(statement)):
                if module.partition(".")[0] == package:
                    yield module, name


def find_imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yields module and imported name of every import that runs."""
    if isinstance(tree, ast.expr):  # holds no statement: skipped, for most nodes are in expressions
        return
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        for branch in tree.orelse:
            yield from find_imports(branch)
        return
    if isinstance(tree, ast.ImportFrom) and tree.level == 0:
        for alias in tree.names:
            yield tree.module or "", alias.name
    elif isinstance(tree, ast.Import):
        for alias in tree.names:
            yield alias.name, None
    for node in ast.iter_child_nodes(tree):
        yield from find_imports(node)
