"""Loads functions of the user by their dotted path."""

import functools
import importlib
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator


@functools.cache
def load(path: str) -> Callable[..., Any]:
    """Imports the function `package.module.name`, or `package.module:name`.

    Raises:
        ValueError: the path cannot be imported or is not a function.
    """
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # the user's module may raise anything while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"the function '{path}' cannot be imported: {reason}") from error
    if not callable(function):
        raise ValueError(f"'{path}' is a {type(function).__name__}, not a function")
    return function  # type: ignore[no-any-return]


def _check_loadable(path: str) -> str:
    load(path)
    return path


Dotted = Annotated[str, AfterValidator(_check_loadable)]
"""Dotted path of a function, which is imported when the settings are validated."""
