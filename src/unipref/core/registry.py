"""Finds choices by name: modules in the folder of their kind, entry points of installed packages, dotted paths.

Each module without a leading underscore is a choice, named like the module; no list has to be extended. A package
outside unipref adds choices by entry points, which must also have the name of the module:

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

from unipref.core import hashing, user_code
from unipref.core.contracts import (
    Aggregate,
    Benchmark,
    Choice,
    Export,
    Exporter,
    Format,
    Judge,
    Scorer,
    Settings,
    Strategy,
    Trainer,
)
from unipref.core.errors import UserError, near_name
from unipref.core.leaves import iterate_leaves

C = TypeVar("C", bound=Settings)

CONTRACTS: dict[str, type[Choice]] = {
    "format": Format,
    "export": Export,
    "exporter": Exporter,
    "scorer": Scorer,
    "strategy": Strategy,
    "trainer": Trainer,
    "benchmark": Benchmark,
    "aggregate": Aggregate,
    "judge": Judge,
}
"""Kind of choice -> its base class."""

PACKAGES = {
    "format": "unipref.unify.formats",
    "export": "unipref.unify.exports",
    "exporter": "unipref.export.targets",
    "scorer": "unipref.select.scorers",
    "strategy": "unipref.select.strategies",
    "trainer": "unipref.train.trainers",
    "benchmark": "unipref.evaluate.benchmarks",
    "aggregate": "unipref.unify.aggregates",
    "judge": "unipref.collect.judges",
}
"""Kind of choice -> the package with unipref's own choices, one per module."""

GROUPS = {
    "format": "unipref.formats",
    "export": "unipref.exports",
    "exporter": "unipref.exporters",
    "scorer": "unipref.scorers",
    "strategy": "unipref.strategies",
    "trainer": "unipref.trainers",
    "benchmark": "unipref.benchmarks",
    "aggregate": "unipref.aggregates",
    "judge": "unipref.judges",
}
"""Kind of choice -> the group of entry points with which installed packages add choices."""


def list_names(kind: str) -> list[str]:
    """Returns the names of a kind's choices, sorted: unipref's own and those of installed packages."""
    return sorted({*list_own_names(kind), *_entry_points(kind)})


def list_own_names(kind: str) -> list[str]:
    """Returns the names of unipref's own choices of a kind: the modules of its folder without a leading underscore."""
    package = importlib.import_module(PACKAGES[kind])
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(kind: str, name: str) -> type[Choice]:
    """Returns the class for a name, or for the dotted path (`package.module`) of a module outside unipref.

    Raises:
        UserError: the name is unknown (the error suggests the nearest one) or ambiguous, or the package that defines it
            cannot be loaded.
    """
    own, plugins = list_own_names(kind), _entry_points(kind)
    if name in plugins:
        return _load_from_package(kind, name, plugins[name], own)
    if name not in own and "." not in name:
        raise UserError(f"unknown {kind} '{name}'.", mend=near_name(name, list_names(kind)))
    path = f"{PACKAGES[kind]}.{name}" if name in own else name
    not_found = UserError(
        f"unknown {kind} '{name}': the module cannot be imported.",
        mend="Give the dotted path of an installed module or of one beside the study file, or one of: "
        f"{', '.join(list_names(kind))}.",
    )
    if not all(part.isidentifier() for part in path.split(".")):
        raise not_found
    try:
        module = (importlib.import_module if name in own else user_code.import_module)(path)
    except ModuleNotFoundError as error:
        # If the module exists but imports one that is missing, its author has to see Python's own error.
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise
        raise not_found from error
    return _class_in(module, kind)


def _class_in(module: Any, kind: str) -> type[Choice]:
    """Returns the class of a kind that a module defines."""
    contract = CONTRACTS[kind]
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, contract) and value.__module__ == module.__name__:
            return value
    raise UserError(f"module '{module.__name__}' does not define a {contract.__name__}.")


def _load_from_package(
    kind: str, name: str, points: list[importlib.metadata.EntryPoint], own: list[str]
) -> type[Choice]:
    """Returns the class that an entry point of an installed package names.

    Raises:
        UserError: unipref or another package has the same name, or the module cannot be loaded.
    """
    owners = [f"the installed package {_describe_package(point)} ({point.module})" for point in points]
    if name in own:
        owners.insert(0, f"unipref itself ({PACKAGES[kind]}.{name})")
    if len(owners) > 1:
        raise UserError(
            f"the name of the {kind} '{name}' is ambiguous: {' and '.join(owners)} define it.",
            mend="Write the dotted path in brackets above instead of the name, or uninstall the package.",
        )
    point = points[0]
    where = f"the {kind} '{name}' of the installed package {_describe_package(point)}"
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
            mend=f"Update or uninstall {_describe_package(point)}; other choices work without it.",
        ) from error


def _describe_package(point: importlib.metadata.EntryPoint) -> str:
    """Returns name and version of the installed package (distribution) that an entry point belongs to."""
    return "with an unknown name" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _entry_points(kind: str) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """Returns name -> the entry points of that name in a kind's group, one per installed package."""
    return _read_entry_points(tuple(sys.path)).get(GROUPS[kind], {})


@functools.lru_cache(maxsize=4)
def _read_entry_points(path: tuple[str, ...]) -> dict[str, dict[str, list[importlib.metadata.EntryPoint]]]:
    """Returns group -> name -> entry points of the packages on Python's search path; cached per path."""
    by_group: dict[str, dict[str, list[importlib.metadata.EntryPoint]]] = {}
    points = importlib.metadata.entry_points()
    for group in GROUPS.values():
        for point in points.select(group=group):
            by_group.setdefault(group, {}).setdefault(point.name, []).append(point)
    return by_group


def find_package(choice: type[Choice]) -> str | None:
    """Returns name and version of the installed package of a choice; None for unipref's own and for dotted paths."""
    points = _entry_points(kind_of(choice)).get(choice.name(), [])
    return next((_describe_package(point) for point in points if point.module == choice.__module__), None)


def find_broken(kind: str) -> dict[str, UserError]:
    """Returns name -> error, for each choice of an installed package that cannot be used."""
    errors = {}
    for name in _entry_points(kind):
        try:
            find(kind, name)
        except UserError as error:
            errors[name] = error
    return errors


def find_all(kind: str) -> Iterator[type[Choice]]:
    """Yields all usable choices of a kind, by name; a broken package does not affect the others.

    It yields unipref's own choice even if a package has one of the same name.
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
        kind: 'format', 'export', 'exporter', 'scorer', 'strategy', 'trainer', 'benchmark', 'aggregate' or 'judge'.
        name: the choice's name, or `NAME:VALUE` if it has an `argument`.
        settings: its fields.
        where: the setting's place in the study file, for errors.

    Raises:
        UserError: the choice or a setting is unknown (the error suggests the nearest name), or a value is invalid.
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
                f"'{name}' does not accept a value after a colon (found '{value}').",
                where=where,
                mend=f"Write '{name}'.",
            )
        settings = {choice.argument: value, **settings}
    return validate_settings(choice, settings, f"{where}.{name}")


def cache_identity(choice: Choice) -> dict[str, Any]:
    """Returns what a cache key contains of a choice: kind, name, settings, and the hash of the user's code it runs.

    The path of a choice's file within unipref is not part of it, so renaming a folder keeps caches valid.
    """
    identity = {
        "kind": kind_of(type(choice)),
        "name": reference(type(choice)),
        "settings": choice.model_dump(mode="json"),
    }
    if not _is_own(type(choice)):
        own = Path(inspect.getfile(type(choice)))
        identity["code"] = _hash_files(user_code.code_files(type(choice).__module__) or [own])
    if files := choice.code_files():
        identity["functions"] = _hash_files(files)
    return identity


def _hash_files(files: list[Path]) -> str:
    """Returns the hash of one file, or of several in a way that does not depend on where they are."""
    hashes = [hashing.file_hash(file) for file in files]
    return hashes[0] if len(hashes) == 1 else hashing.json_hash(sorted(hashes))


def kind_of(choice: type[Choice]) -> str:
    """Returns 'format', 'export', 'exporter', 'scorer', 'strategy', 'trainer', 'benchmark', 'aggregate' or 'judge'."""
    return next(kind for kind, contract in CONTRACTS.items() if issubclass(choice, contract))


def reference(choice: type[Choice]) -> str:
    """Returns the name with which `find` finds a choice on any machine: its own, or a dotted path outside unipref."""
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
    except UnicodeEncodeError:  # pydantic cannot quote the text in its own error
        leaves = iterate_leaves(settings, where)
        place = next((place for place, leaf in leaves if isinstance(leaf, str) and not _is_unicode(leaf)), where)
        mend = r"It holds half a surrogate pair, such as \ud800. Write the whole character."
        raise UserError("the text is not valid Unicode.", where=place, mend=mend) from None


def _is_unicode(text: str) -> bool:
    return text.encode("utf-8", "ignore").decode() == text


def explain_validation_error(error: ValidationError, model: type[Any], where: str) -> UserError:
    """Returns pydantic's error as a `UserError`: invalid settings, their values, and suggestions for unknown names."""
    lines = []
    for fault in error.errors():
        place = ".".join([where, *(str(part) for part in fault["loc"] if not _is_tag(part))]).lstrip(".")
        if fault["type"] == "extra_forbidden":
            key, fields = str(fault["loc"][-1]), fields_at(model, fault["loc"][:-1])
            lines.append(f"{place}: unknown key. {near_name(key, fields)}")
        elif fault["type"] == "list_type":
            lines.append(f"{place}: {_describe_missing_list(fault['input'])}")
        else:
            value = fault["input"]
            value_text = f" (found {str(value)[:80]!r})" if not isinstance(value, dict) else ""
            lines.append(f"{place}: {fault['msg'].removeprefix('Value error, ')}{value_text}")
    return UserError("\n".join(lines))


def _describe_missing_list(value: Any) -> str:
    """Says what was found instead of a list, and how to write the list."""
    if isinstance(value, dict):
        keys = ", ".join(map(repr, value))[:80] or "no keys"
        return f"expected a list, found a mapping with {keys}. In YAML, each item of a list begins with '- '."
    found = f"expected a list, found {str(value)[:80]!r}."
    return f"{found} Put it in [ ]." if isinstance(value, str | int | float) else found


def _is_tag(part: int | str) -> bool:
    """Whether a part of a pydantic error location names the branch of a union, as in `<path>`, and no key."""
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


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
