"""Functions of the user's, named by the dotted path of where they are."""

import functools
import importlib
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator


@functools.cache
def load(path: str) -> Callable[..., Any]:
    """The function at `package.module.name`, or `package.module:name`.

    Raises:
        ValueError: there is none.
    """
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # the module is the user's: it may raise anything while it is imported
        said = f"{type(error).__name__}: {error}"
        raise ValueError(f"'{path}' names no function that Python can import: {said}") from error
    if not callable(found):
        raise ValueError(f"'{path}' is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _loadable(path: str) -> str:
    load(path)
    return path


Dotted = Annotated[str, AfterValidator(_loadable)]
"""Dotted path of a function; it is imported when the settings are checked."""
