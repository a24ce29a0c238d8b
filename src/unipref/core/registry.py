"""A kind's folder -> its choices, by file name. A file without an underscore is a choice; there is no registry."""

import importlib
import inspect
import pkgutil
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
"""Kind of choice -> the package whose modules they are."""


def names(kind: str) -> list[str]:
    """The choices of a kind: the files of its folder that have no underscore in front."""
    package = importlib.import_module(PACKAGES[kind])
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(kind: str, name: str) -> type[Choice]:
    """The class behind a name, or behind a dotted path (`package.module`) of code outside unipref.

    Raises:
        UserError: no such choice; the near name is offered.
    """
    known = names(kind)
    if name not in known and "." not in name:
        raise UserError(f"there is no {kind} '{name}'.", mend=near_name(name, known))
    path = f"{PACKAGES[kind]}.{name}" if name in known else name
    not_there = UserError(
        f"there is no {kind} '{name}': the module cannot be imported.",
        mend=f"Give the dotted path of a module that Python can import, or one of: {', '.join(known)}.",
    )
    if not all(part.isidentifier() for part in path.split(".")):
        raise not_there
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        # A module that is there but needs another that is missing is for its author to mend.
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise
        raise not_there from error
    contract = CONTRACTS[kind]
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, contract) and value.__module__ == module.__name__:
            return value
    raise UserError(f"module '{path}' defines no {contract.__name__}.")


def every(kind: str) -> Iterator[type[Choice]]:
    """All choices of a kind, in order of their names."""
    return (find(kind, name) for name in names(kind))


def make(kind: str, name: str, settings: dict[str, Any] | None, where: str) -> Choice:
    """A choice with its settings.

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
    return checked(choice, settings, f"{where}.{name}")


def cache_identity(choice: Choice) -> dict[str, Any]:
    """What a cache key holds of a choice: its kind, name and settings; of code outside unipref its file's hash too.

    Where the file of a choice lies within unipref is not part of it: a folder that is renamed voids no cache.
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
    """The name by which `find` finds a choice again: its own, or the dotted path of code outside unipref."""
    return choice.name() if _is_own(choice) else choice.__module__


def code_modules(*choices: Choice) -> list[str]:
    """The modules of unipref that define some choices and the choices in their settings, for `code_key`."""
    found = set[str]()
    for choice in choices:
        if _is_own(type(choice)):
            found.add(type(choice).__module__)
        for value in vars(choice).values():
            for inner in value if isinstance(value, list | tuple) else [value]:
                if isinstance(inner, Choice):
                    found.update(code_modules(inner))
    return sorted(found)


def _is_own(choice: type[Choice]) -> bool:
    return choice.__module__.startswith("unipref.")


def checked(choice: type[C], settings: dict[str, Any], where: str) -> C:
    """`choice(**settings)` with pydantic's complaints turned into one `UserError`."""
    try:
        return choice.model_validate(settings)
    except ValidationError as error:
        raise explain(error, choice, where) from None


def explain(error: ValidationError, model: type[Any], where: str) -> UserError:
    """A `UserError` that names each wrong setting, what was found and the near name of an unknown one."""
    lines = []
    for fault in error.errors():
        place = ".".join([where, *(str(part) for part in fault["loc"])]).lstrip(".")
        if fault["type"] == "extra_forbidden":
            key, fields = str(fault["loc"][-1]), fields_at(model, fault["loc"][:-1])
            lines.append(f"{place}: unknown key. {near_name(key, fields)}")
        else:
            found = fault["input"]
            shown = f" (found {str(found)[:80]!r})" if not isinstance(found, dict) else ""
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
