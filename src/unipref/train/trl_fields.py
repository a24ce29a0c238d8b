"""Settings that belong to TRL and peft: passed through under their own names, checked before anything loads."""

import contextlib
import dataclasses
import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import (
    ConfigDict,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)

from unipref.core.errors import near_name

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers that some YAML readers take for text, such as `1e-5`."""


def check_library_settings(
    settings: Mapping[str, Any], library: type[Any], own: Iterable[str], refused: Mapping[str, str]
) -> dict[str, Any]:
    """Checks the settings for a library's configuration class and corrects their types.

    Args:
        settings: name -> value as in the study file.
        library: the dataclass they are for, such as `trl.SFTConfig`.
        own: unipref's own names at the same place, to suggest near names from.
        refused: names of the library that unipref sets itself -> why.

    Raises:
        ValueError: an unknown name (with a near name), a refused one, or a value of the wrong type; one error names
            them all.
    """
    fields = {field.name for field in dataclasses.fields(library)}
    hints = get_type_hints(library)
    checked, problems = {}, []
    for name, value in settings.items():
        if name in refused:
            problems.append(f"'{name}' cannot be set: {refused[name]}.")
        elif name not in fields:
            names = (fields | set(own)) - set(refused)
            problems.append(f"'{name}' is not a setting here, nor one of {library.__name__}. {near_name(name, names)}")
        else:
            try:
                checked[name] = _convert(value, hints[name])
            except ValueError as error:
                problems.append(f"'{name}': {error}")
    if problems:
        raise ValueError(" ".join(problems))
    return checked


def _convert(value: Any, hint: Any) -> Any:
    """Converts the value to the annotated type.

    Raises:
        ValueError: the value does not fit the type.
    """
    if isinstance(value, str):
        _check_enum_name(value, hint)
    try:
        adapter = TypeAdapter[Any](hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:
        # A type of the library's own, which no study file can hold; the library checks it.
        return _convert_numbers(value)
    try:
        return _convert_numbers(adapter.validate_python(value))
    except ValidationError as error:
        # The libraries accept a single name where they declare a list of names.
        with contextlib.suppress(ValidationError):
            return adapter.validate_python([value])
        raise ValueError(f"{error.errors()[0]['msg']} (found {str(value)[:80]!r}).") from None


def _check_enum_name(value: str, hint: Any) -> None:
    """Refuses a name that an enumeration in the annotation lacks; transformers notices it only while loading."""
    kinds = [kind for kind in _iterate_types(hint) if isinstance(kind, type) and issubclass(kind, enum.Enum)]
    names = [str(member.value) for kind in kinds for member in kind]
    if names and value not in names:
        raise ValueError(f"unknown value {value!r}. {near_name(value, names)}")


def _iterate_types(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _iterate_types(part)


def _convert_numbers(value: Any) -> Any:
    """Converts texts like '1e-5' to numbers inside mappings and lists, whose members have no declared type."""
    if isinstance(value, Mapping):
        return {key: _convert_number(inner) for key, inner in value.items()}
    return [_convert_number(inner) for inner in value] if isinstance(value, list) else value


def _convert_number(value: Any) -> Any:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    return _convert_numbers(value)
