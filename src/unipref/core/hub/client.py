"""What the hub's client offers besides its main functions: headers, and its progress bars, which lines replace."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def make_headers() -> dict[str, str]:
    """Returns the headers of a request, with the user's token."""
    headers: dict[str, str] = _utils().build_hf_headers()
    return headers


def find_window_end(headers: Mapping[str, str]) -> int | None:
    """Returns the seconds until the hub counts requests anew; None if an answer's headers do not tell."""
    limit = _utils().parse_ratelimit_headers(headers)
    return None if limit is None or limit.remaining else int(limit.reset_in_seconds)


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
