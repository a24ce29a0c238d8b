"""Imports the Python code that a study names by its dotted path.

An installed module comes first; otherwise the module comes from the folder of the study file. That folder is never on
Python's search path: a module in it is imported only if the study names it, or if code that the study names imports it
in an import statement. So a file such as `PIL.py` beside a study is not taken for the package of that name.
"""

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from unipref.core.errors import UserError
from unipref.core.import_closure import find_imports


@dataclass
class CodeFiles:
    """The code of a study; a plain value, so that other processes can import the same.

    Attributes:
        folder: the folder of the study file; None: no study was read.
        places: name of a module of that folder, without dots -> its file, or the folder of a package.
        named: dotted path as the study has it -> the file of the module.
        hashes: file -> hash of the content that was imported.
        generation: number of studies that were read; what was imported before the last one may be outdated.
    """

    folder: Path | None = None
    places: dict[str, Path] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    hashes: dict[Path, str] = field(default_factory=dict)
    generation: int = 0

    def as_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads, as JSON values."""
        places = {name: str(place) for name, place in self.places.items()}
        return {"folder": None if self.folder is None else str(self.folder), "places": places}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CodeFiles":
        """Makes the value that `as_json` described, without the hashes."""
        places = {name: Path(place) for name, place in value["places"].items()}
        return cls(Path(value["folder"]) if value["folder"] else None, places)


_code = CodeFiles()


class _StudyFinder(MetaPathFinder):
    """Finds the modules of the study's folder that the study's code may import, and no others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec of a module in `CodeFiles.places`."""
        place = _code.places.get(fullname)
        if place is None or path is not None:
            return None
        if place.is_file():
            return spec_from_file_location(fullname, place)
        if (place / "__init__.py").is_file():
            return spec_from_file_location(fullname, place / "__init__.py", submodule_search_locations=[str(place)])
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [str(place)]
        return spec


_finder = _StudyFinder()


def use_folder(folder: Path | None) -> None:
    """Makes a folder the one that the study's own code comes from.

    Modules of another folder, and modules whose files have changed since, are forgotten and will be imported again.
    """
    resolved = folder.resolve() if folder is not None else None
    _code.named.clear()
    _code.generation += 1
    if resolved == _code.folder and all(_hash(file) == before for file, before in _code.hashes.items()):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] in _code.places]:
        del sys.modules[name]
    _code.folder = resolved
    _code.places.clear()
    _code.hashes.clear()
    importlib.invalidate_caches()


def snapshot() -> CodeFiles:
    """Returns what another process passes to `restore`, to import the same code."""
    return CodeFiles(_code.folder, dict(_code.places), dict(_code.named), dict(_code.hashes), _code.generation)


def restore(code: CodeFiles) -> None:
    """Imports from now on what the process of the snapshot imports."""
    global _code
    _code = code
    _install()


def generation() -> int:
    """Returns a number that changes when a study is read: modules imported before may then be forgotten."""
    return _code.generation


def import_module(name: str) -> ModuleType:
    """Imports the module that a study names.

    Raises:
        ImportError: as Python's own import; the module's code may raise anything.
        UserError: another module of that name, from the working folder, was imported before.
    """
    top = name.partition(".")[0]
    place = _find_place(top)
    if place is not None and top not in _code.places and not _is_installed(top):
        _check_not_imported(top, place)
        _allow(top, place)
    module = importlib.import_module(name)
    if file := getattr(module, "__file__", None):
        _code.named[name] = str(file)
    return module


def study_folder() -> Path | None:
    """Returns the folder that the study's own code comes from."""
    return _code.folder


def list_files() -> dict[str, str]:
    """Returns dotted path -> file, of each module that the study names and of those of its folder that they import."""
    files = dict(_code.named)
    # Thousands of modules are loaded, and most studies have no code of their own.
    for name, module in list(sys.modules.items()) if _code.places else ():
        if name.partition(".")[0] in _code.places and (file := getattr(module, "__file__", None)):
            files[name] = str(file)
    return dict(sorted(files.items()))


def hash_files() -> dict[str, tuple[str, str]]:
    """Returns dotted path -> file and hash of its content, of the files that `list_files` returns."""
    return {name: (file, _hash(Path(file)) or "") for name, file in list_files().items()}


def code_files(module: str) -> list[Path]:
    """Returns the files that a module's behaviour depends on: its own, and those of the study's folder it imports."""
    top, loaded = module.partition(".")[0], sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    own = [Path(file)] if file else []
    if top not in _code.places:
        return own
    return sorted({*own, *(path for path, _ in _walk(top, _code.places[top]))})


def _install() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _hash(file: Path) -> str | None:
    from unipref.core.hashing import file_hash

    try:
        return file_hash(file)
    except OSError:
        return None


def _find_place(top: str) -> Path | None:
    """Returns the file or package folder of a module in the study's folder; None if it has none."""
    if _code.folder is None:
        return None
    package, file = _code.folder / top, _code.folder / f"{top}.py"
    if (package / "__init__.py").is_file():
        return package
    if file.is_file():
        return file
    return package if package.is_dir() and next(package.glob("*.py"), None) else None


def _is_installed(top: str) -> bool:
    """Whether Python finds a module without the working folder, which is '' on its search path, and the study's."""
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    for finder in sys.meta_path:
        if finder is not _finder and hasattr(finder, "find_spec"):
            path = [entry for entry in sys.path if entry] if finder is PathFinder else None
            if (spec := finder.find_spec(top, path)) is not None and (spec.loader is not None or spec.origin):
                return True
    return False


def _check_not_imported(top: str, place: Path) -> None:
    """Raises an error if a module of this name is in use that is another file than the study's."""
    file = getattr(sys.modules.get(top), "__file__", None)
    if top not in sys.modules or file in (str(place), str(place / "__init__.py")):
        return
    raise UserError(
        f"the study's folder has a module '{top}' ({place}), but another one is imported already: {file or top}.",
        mend="Rename one of them, or run the study in another process.",
    )


def _allow(top: str, place: Path) -> None:
    """Lets Python import a module of the study's folder, and those of the folder that its code imports."""
    _install()
    for file, name in _walk(top, place):
        _code.places.setdefault(name, _find_place(name) or place)
        _code.hashes[file] = _hash(file) or ""


def _walk(top: str, place: Path) -> Iterator[tuple[Path, str]]:
    """Yields the files of a module and of all modules of the study's folder that it imports, each with its name."""
    todo, seen = [(top, place)], {top}
    while todo:
        name, current = todo.pop()
        for file in sorted(current.rglob("*.py")) if current.is_dir() else [current]:
            yield file, name
            for imported in _list_imports(file) - seen:
                seen.add(imported)
                if (other := _find_place(imported)) is not None and not _is_installed(imported):
                    todo.append((imported, other))


def _list_imports(file: Path) -> set[str]:
    """Returns the first names of the modules that a file imports in statements; none if it is not Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    return {module.partition(".")[0] for module, _ in find_imports(tree) if module}
