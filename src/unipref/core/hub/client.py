"""What the hub's client offers besides its main functions: headers, and its progress bars, which lines replace."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def make_headers() -> dict[str, str]:
    """Returns the headers of a request, with the user's token."""
    headers: dict[str, str] = _utils().build_hf_headers()
    return headers


@contextmanager
def without_bars() -> Iterator[None]:
    """Turns the client's progress bars off."""
    utils = _utils()
    was_disabled = utils.are_progress_bars_disabled()
    utils.disable_progress_bars()
    try:
        yield
    finally:
        if not was_disabled:
            utils.enable_progress_bars()


def _utils() -> Any:
    # Its names are loaded lazily, which type checkers do not see.
    return importlib.import_module("huggingface_hub.utils")
