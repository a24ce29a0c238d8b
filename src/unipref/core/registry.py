"""Finds choices by name: the modules of a kind's folder, entry points of installed packages, and dotted paths.

A module without an underscore in front is a choice, and its name is the module's; there is no list to keep. A package
outside unipref adds choices with entry points, whose name has to be that of the module too:

    [project.entry-points."unipref.formats"]
    best_of = "my_package.best_of"
"""

import functools
import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from unipref.core import hashing
from unipref.core.contracts import Benchmark, Choice, Format, Scorer, Settings, Strategy, Trainer
from unipref.core.errors import UserError, near_name

C = TypeVar("C", bound=Settings)

CONTRACTS: dict[str, type[Choice]] = {
    "format": Format,
    "scorer": Scorer,
    "strategy": Strategy,
    "trainer": Trainer,
    "benchmark": Benchmark,
}
"""Kind of choice -> the contract that a choice of that kind fulfils."""

PACKAGES = {
    "format": "unipref.unify.formats",
    "scorer": "unipref.select.scorers",
    "strategy": "unipref.select.strategies",
    "trainer": "unipref.train.trainers",
    "benchmark": "unipref.evaluate.benchmarks",
}
"""Kind of choice -> the package that holds unipref's own, one module each."""

GROUPS = {
    "format": "unipref.formats",
    "scorer": "unipref.scorers",
    "strategy": "unipref.strategies",
    "trainer": "unipref.trainers",
    "benchmark": "unipref.benchmarks",
}
"""Kind of choice -> the group of entry points by which installed packages add more."""


def list_names(kind: str) -> list[str]:
    """The names of a kind's choices, sorted: unipref's own and those of installed packages."""
    return sorted({*list_own_names(kind), *_entry_points(kind)})


def list_own_names(kind: str) -> list[str]:
    """The names of unipref's own choices of a kind: the modules of its folder without an underscore in front."""
    package = importlib.import_module(PACKAGES[kind])
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(kind: str, name: str) -> type[Choice]:
    """The class behind a name, or behind the dotted path (`package.module`) of a module outside unipref.

    Raises:
        UserError: unknown name (with the near one), a package whose choice cannot be loaded, or a name that two have.
    """
    own, plugins = list_own_names(kind), _entry_points(kind)
    if name in plugins:
        return _from_package(kind, name, plugins[name], own)
    if name not in own and "." not in name:
        raise UserError(f"there is no {kind} '{name}'.", mend=near_name(name, list_names(kind)))
    path = f"{PACKAGES[kind]}.{name}" if name in own else name
    not_found = UserError(
        f"there is no {kind} '{name}': the module cannot be imported.",
        mend=f"Give the dotted path of a module that Python can import, or one of: {', '.join(list_names(kind))}.",
    )
    if not all(part.isidentifier() for part in path.split(".")):
        raise not_found
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        # If the module exists but imports one that is missing, its author has to see Python's own error.
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise
        raise not_found from error
    return _class_in(module, kind)


def _class_in(module: Any, kind: str) -> type[Choice]:
    """The class of a kind that a module defines."""
    contract = CONTRACTS[kind]
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, contract) and value.__module__ == module.__name__:
            return value
    raise UserError(f"module '{module.__name__}' defines no {contract.__name__}.")


def _from_package(kind: str, name: str, points: list[importlib.metadata.EntryPoint], own: list[str]) -> type[Choice]:
    """The class behind an entry point of an installed package.

    Raises:
        UserError: the name is unipref's own or another package's too, or the module cannot be loaded.
    """
    who = [f"the installed package {_package(point)} ({point.module})" for point in points]
    if name in own:
        who.insert(0, f"unipref itself ({PACKAGES[kind]}.{name})")
    if len(who) > 1:
        raise UserError(
            f"the name of the {kind} '{name}' is ambiguous: {' and '.join(who)} have one.",
            mend="Write the dotted path in brackets above instead of the name, or uninstall the package.",
        )
    point = points[0]
    where = f"the {kind} '{name}' of the installed package {_package(point)}"
    if point.module.rpartition(".")[2] != name:
        raise UserError(
            f"{where} cannot be used: its entry point leads to the module '{point.module}'.",
            mend=f"Its author has to name the entry point like the module: {point.module.rpartition('.')[2]}.",
        )
    try:
        return _class_in(importlib.import_module(point.module), kind)
    except Exception as error:
        raise UserError(
            f"{where} cannot be loaded: {type(error).__name__}: {error}",
            mend=f"Update or uninstall {_package(point)}; other choices work without it.",
        ) from error


def _package(point: importlib.metadata.EntryPoint) -> str:
    """The installed package (distribution) that an entry point belongs to."""
    return "of an unknown name" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _entry_points(kind: str) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """Name -> the entry points of that name in a kind's group, one per installed package."""
    return _entry_points_on(tuple(sys.path)).get(GROUPS[kind], {})


@functools.lru_cache(maxsize=4)
def _entry_points_on(path: tuple[str, ...]) -> dict[str, dict[str, list[importlib.metadata.EntryPoint]]]:
    """Group -> name -> entry points, of the packages on Python's search path, which are read once for each path."""
    found: dict[str, dict[str, list[importlib.metadata.EntryPoint]]] = {}
    for group in GROUPS.values():
        for point in importlib.metadata.entry_points(group=group):
            found.setdefault(group, {}).setdefault(point.name, []).append(point)
    return found


def find_package(choice: type[Choice]) -> str | None:
    """Name and version of the installed package that adds a choice; None for unipref's own and for dotted paths."""
    points = _entry_points(kind_of(choice)).get(choice.name(), [])
    return next((_package(point) for point in points if point.module == choice.__module__), None)


def find_broken(kind: str) -> dict[str, UserError]:
    """Names whose choice cannot be used, because of an installed package, with the error that says why."""
    found = {}
    for name in _entry_points(kind):
        try:
            find(kind, name)
        except UserError as error:
            found[name] = error
    return found


def find_all(kind: str) -> Iterator[type[Choice]]:
    """All choices of a kind that can be used, in order of their names: a broken package does not break the others.

    unipref's own come even where a package has one of the same name.
    """
    own, unusable = list_own_names(kind), find_broken(kind)
    for name in list_names(kind):
        if name in own:
            yield find(kind, f"{PACKAGES[kind]}.{name}")
        elif name not in unusable:
            yield find(kind, name)


def make(kind: str, name: str, settings: dict[str, Any] | None, where: str) -> Choice:
    """Makes a choice with its settings.

    Args:
        kind: 'format', 'scorer', 'strategy', 'trainer' or 'benchmark'.
        name: the choice's name, or `NAME:VALUE` where it has an `argument`.
        settings: its fields.
        where: the setting's place in the study file, for errors.

    Raises:
        UserError: no such choice, an unknown setting (with the near name) or a wrong value.
    """
    settings = settings or {}
    try:
        choice = find(kind, name.partition(":")[0])
    except UserError as error:
        raise UserError(error.what, where=where, mend=error.mend) from None
    if ":" in name:
        name, _, value = name.partition(":")
        if choice.argument is None:
            raise UserError(
                f"'{name}' takes nothing behind a colon (found '{value}').", where=where, mend=f"Write '{name}'."
            )
        settings = {choice.argument: value, **settings}
    return validate_settings(choice, settings, f"{where}.{name}")


def cache_identity(choice: Choice) -> dict[str, Any]:
    """What a cache key holds of a choice: its kind, name and settings; for code outside unipref its file's hash too.

    The place of a choice's file within unipref is not part of it, so renaming a folder voids no cache.
    """
    identity = {
        "kind": kind_of(type(choice)),
        "name": reference(type(choice)),
        "settings": choice.model_dump(mode="json"),
    }
    if not _is_own(type(choice)):
        identity["code"] = hashing.file_hash(Path(inspect.getfile(type(choice))))
    return identity


def kind_of(choice: type[Choice]) -> str:
    """'format', 'scorer', 'strategy', 'trainer' or 'benchmark'."""
    return next(kind for kind, contract in CONTRACTS.items() if issubclass(choice, contract))


def reference(choice: type[Choice]) -> str:
    """The name by which `find` finds a choice on any machine: its own, or the dotted path of code outside unipref."""
    return choice.name() if _is_own(choice) else choice.__module__


def code_modules(*choices: Choice) -> list[str]:
    """The modules of unipref that define these choices and the choices in their settings, for `code_key`."""
    modules = set[str]()
    for choice in choices:
        if _is_own(type(choice)):
            modules.add(type(choice).__module__)
        for value in vars(choice).values():
            for inner in value if isinstance(value, list | tuple) else [value]:
                if isinstance(inner, Choice):
                    modules.update(code_modules(inner))
    return sorted(modules)


def _is_own(choice: type[Choice]) -> bool:
    return choice.__module__.startswith("unipref.")


def validate_settings(choice: type[C], settings: dict[str, Any], where: str) -> C:
    """Makes `choice(**settings)`; turns pydantic's errors into one `UserError`."""
    try:
        return choice.model_validate(settings)
    except ValidationError as error:
        raise explain_validation_error(error, choice, where) from None


def explain_validation_error(error: ValidationError, model: type[Any], where: str) -> UserError:
    """Turns pydantic's error into a `UserError`: wrong settings, the values found, near names of unknown ones."""
    lines = []
    for fault in error.errors():
        place = ".".join([where, *(str(part) for part in fault["loc"])]).lstrip(".")
        if fault["type"] == "extra_forbidden":
            key, fields = str(fault["loc"][-1]), fields_at(model, fault["loc"][:-1])
            lines.append(f"{place}: unknown key. {near_name(key, fields)}")
        else:
            value = fault["input"]
            shown = f" (found {str(value)[:80]!r})" if not isinstance(value, dict) else ""
            lines.append(f"{place}: {fault['msg'].removeprefix('Value error, ')}{shown}")
    return UserError("\n".join(lines))


def fields_at(model: type[Any], loc: tuple[int | str, ...]) -> list[str]:
    """The field names (as written in YAML) of the settings model that a pydantic error location leads to."""
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        field = next((f for n, f in getattr(current, "model_fields", {}).items() if part in (n, f.alias)), None)
        if field is None:
            continue
        inner = [a for a in [field.annotation, *_arguments(field.annotation)] if hasattr(a, "model_fields")]
        current = inner[0] if inner else None
    return [f.alias or n for n, f in getattr(current, "model_fields", {}).items()]


def _arguments(annotation: Any) -> Iterator[Any]:
    for argument in get_args(annotation):
        yield argument
        yield from _arguments(argument)
