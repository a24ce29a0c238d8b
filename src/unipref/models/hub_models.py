"""Models by their name on the hub: which files are fetched, and the folder of the cache in which they lie.

A name is pinned to a commit by `core/hub`. The files go through the same checks as those of a local folder.
"""

import re
from pathlib import Path

from unipref.core import hub
from unipref.core.errors import UserError
from unipref.models import folder_checks, gguf
from unipref.models.folder_checks import ADAPTER_CONFIG, ADAPTER_WEIGHTS

WEIGHTS = re.compile(r"model(?:-\d+-of-\d+)?\.safetensors")
"""The weights of a whole model that transformers opens, of all safetensors files of a repository."""
SMALL = re.compile(
    r"(?:(?:additional_chat_templates|\d+_\w+)/)?[^/]+\.(?:json|jinja|txt|model|tiktoken|vocab|spm)|tokenizer[^/]*"
)
"""Configuration, tokenizer and templates, and the modules of a sentence-transformers model."""
MODULE_WEIGHTS = re.compile(r"\d+_\w+/model\.safetensors")


def open_as_folder(name: str) -> str:
    """Returns the folder of a model: fetched if its name is one on the hub, dequantised if it is a GGUF file.

    Raises:
        UserError: it cannot be fetched, or holds no weights that are read here.
    """
    return str(fetch_model(name)) if hub.is_model_name(name) else gguf.open_as_folder(name)


def open_description(name: str) -> Path:
    """Returns a folder with the configuration and the tokenizer of a model; of one on the hub, without its weights."""
    if not hub.is_model_name(name):
        return Path(name).expanduser()
    address = hub.parse_model(name)
    commit = hub.resolve(address)
    files = _list(address, commit)
    return hub.fetch(address, commit, [file for file in files if SMALL.fullmatch(file)])


def fetch_model(name: str) -> Path:
    """Fetches the files of a model that the hub's cache lacks, and returns their folder.

    Raises:
        UserError: it cannot be fetched, or the repository has no weights as safetensors.
    """
    address = hub.parse_model(name)
    commit = hub.resolve(address)
    files = _list(address, commit)
    weights = [file for file in files if WEIGHTS.fullmatch(file)]
    weights = weights or [file for file in files if file == ADAPTER_WEIGHTS]
    if not weights:
        raise _no_weights(address, commit, files)
    wanted = [file for file in files if SMALL.fullmatch(file) or MODULE_WEIGHTS.fullmatch(file)]
    return hub.fetch(address, commit, [*wanted, *weights])


def _list(address: hub.Address, commit: str) -> list[str]:
    return hub.match_files(address, commit, [""], address.key)


def _no_weights(address: hub.Address, commit: str, files: list[str]) -> UserError:
    others = [file for file in files if folder_checks.OTHER_WEIGHTS.fullmatch(file) or file.endswith(gguf.SUFFIX)]
    if packed := [file for file in others if file.endswith(gguf.SUFFIX)]:
        mend = f"Fetch one, and give its path: hf download {address.repo} {packed[0]} --revision {commit}"
        return UserError(f"{address.describe(commit)} holds GGUF files.", where=address.key, mend=mend)
    found = f"only {', '.join(others[:3])}" if others else f"{len(files)} other files"
    mend = "Look for a branch of it with safetensors, such as OWNER/NAME@refs/pr/1." if others else "Check the name."
    what = f"{address.describe(commit)} has no weights as safetensors, {found}."
    return UserError(what, where=address.key, mend=mend)


def is_adapter(name: str) -> bool:
    """Whether a model on the hub is only a peft adapter."""
    address = hub.parse_model(name)
    files = _list(address, hub.resolve(address))
    return ADAPTER_CONFIG in files and not any(WEIGHTS.fullmatch(file) for file in files)


def make_key(name: str) -> str:
    """Returns the cache key of a model on the hub: its name and commit."""
    address = hub.parse_model(name)
    return f"hub:{address.repo}@{hub.resolve(address)}"


def find_commit(name: str) -> str | None:
    """Returns the commit of a model on the hub; None for another model."""
    return hub.resolve(hub.parse_model(name)) if hub.is_model_name(name) else None
