"""Settings that belong to TRL and peft: passed through under their own names, checked before anything loads."""

import contextlib
import dataclasses
import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import (
    ConfigDict,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    TypeAdapter,
    ValidationError,
)

from unipref.core.errors import near_name

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""What some YAML readers take for text though people mean a number: `1e-5`."""


def check_passed(
    given: Mapping[str, Any], library: type[Any], own: Iterable[str], refused: Mapping[str, str]
) -> dict[str, Any]:
    """The settings for a library's configuration class, with their types put right.

    Args:
        given: name -> value as the study file has it.
        library: the dataclass they are for, such as `trl.SFTConfig`.
        own: unipref's own names at the same place, for the near name.
        refused: names of the library that unipref sets itself -> why.

    Raises:
        ValueError: an unknown name (the near name is offered), a refused one, or a value of the wrong type. All of
            them are named at once.
    """
    fields = {field.name for field in dataclasses.fields(library)}
    hints = get_type_hints(library)
    checked, faults = {}, []
    for name, value in given.items():
        if name in refused:
            faults.append(f"'{name}' cannot be set: {refused[name]}.")
        elif name not in fields:
            known = (fields | set(own)) - set(refused)
            faults.append(f"'{name}' is no setting here, nor one of {library.__name__}. {near_name(name, known)}")
        else:
            try:
                checked[name] = _typed(value, hints[name])
            except ValueError as error:
                faults.append(f"'{name}': {error}")
    if faults:
        raise ValueError(" ".join(faults))
    return checked


def _typed(value: Any, hint: Any) -> Any:
    """The value as the annotation wants it.

    Raises:
        ValueError: it cannot be that.
    """
    if isinstance(value, str):
        _check_enumerated(value, hint)
    try:
        adapter = TypeAdapter[Any](hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation):
        # Types of the libraries' own that no study file can hold; the library says what it wants of them.
        return _with_numbers(value)
    try:
        return _with_numbers(adapter.validate_python(value))
    except ValidationError as error:
        # The libraries take one name where they declare a list of them.
        with contextlib.suppress(ValidationError):
            return adapter.validate_python([value])
        raise ValueError(f"{error.errors()[0]['msg']} (found {str(value)[:80]!r}).") from None


def _check_enumerated(value: str, hint: Any) -> None:
    """Refuses a name that an enumeration in the annotation does not have; transformers only finds out while loading."""
    kinds = [kind for kind in _parts(hint) if isinstance(kind, type) and issubclass(kind, enum.Enum)]
    names = [str(member.value) for kind in kinds for member in kind]
    if names and value not in names:
        raise ValueError(f"there is no {value!r}. {near_name(value, names)}")


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _with_numbers(value: Any) -> Any:
    """Numbers in place of texts like '1e-5' inside mappings and lists, whose members have no declared type."""
    if isinstance(value, Mapping):
        return {key: _number(inner) for key, inner in value.items()}
    return [_number(inner) for inner in value] if isinstance(value, list) else value


def _number(value: Any) -> Any:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    return _with_numbers(value)
