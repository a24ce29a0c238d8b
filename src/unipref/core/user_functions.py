"""Loads functions of the user by their dotted path."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from unipref.core import user_code
from unipref.core.errors import UserError


def load(path: str) -> Callable[..., Any]:
    """Imports the function `package.module.name`, or `package.module:name`; `user_code` says from where.

    Raises:
        ValueError: the path cannot be imported or is not a function.
    """
    return _load(path, user_code.generation())


@functools.cache
def _load(path: str, generation: int) -> Callable[..., Any]:
    """As `load`; `generation` is part of the cache's key only."""
    module, name = _split(path)
    try:
        function = getattr(user_code.import_module(module), name)
    except UserError as error:
        raise ValueError(f"the function '{path}' cannot be imported: {error.what}") from error
    except (Exception, SystemExit) as error:  # the user's module may raise anything while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"the function '{path}' cannot be imported: {reason}") from error
    if not callable(function):
        raise ValueError(f"'{path}' is a {type(function).__name__}, not a function")
    return function  # type: ignore[no-any-return]


def code_files(path: str) -> list[Path]:
    """Returns the files that a function's behaviour depends on, as `user_code.code_files` of its module."""
    load(path)
    return user_code.code_files(_split(path)[0])


def _split(path: str) -> tuple[str, str]:
    module, _, name = path.replace(":", ".").rpartition(".")
    return module, name


def _check_loadable(path: str) -> str:
    load(path)
    return path


Dotted = Annotated[str, AfterValidator(_check_loadable)]
"""Dotted path of a function, which is imported when the settings are validated."""
