"""The Hugging Face hub: addresses, commits to which names are pinned, and files fetched with visible retries.

A moving name such as `main` is resolved to a commit once, and the run keeps that commit in `hub.json`. Files come
through the hub's own cache, so other libraries find them there, and work offline if the cache has them.
"""

from unipref.core.hub.address import (
    Address,
    is_address,
    is_model_name,
    is_repository_name,
    parse_address,
    parse_model,
)
from unipref.core.hub.commits import resolve
from unipref.core.hub.download import fetch
from unipref.core.hub.listing import ListedFile, list_files, match_files
from unipref.core.hub.pins import PINS, pin_in, read_pins, save_pins

__all__ = [
    "PINS",
    "Address",
    "ListedFile",
    "fetch",
    "is_address",
    "is_model_name",
    "is_repository_name",
    "list_files",
    "match_files",
    "parse_address",
    "parse_model",
    "pin_in",
    "read_pins",
    "resolve",
    "save_pins",
]
