"""Tells a model folder that does not exist from a model on the hub, and names the folder that may be meant."""

import contextlib
from pathlib import Path

from unipref.core.errors import near_name
from unipref.models.folder_checks import CONFIG

MOST_FOLDERS = 100
"""Most folders among which one is suggested."""


def is_missing_folder(name: str) -> bool:
    """Whether a name such as `runs/first` means a missing folder, rather than a model `org/name` of the hub.

    It does if there is a folder `runs` here, and no such model was fetched before.
    """
    path = Path(name).expanduser()
    if name.count("/") != 1 or path.exists() or not path.parent.is_dir():
        return False
    return not _is_in_cache(name.partition("@")[0])


def _is_in_cache(name: str) -> bool:
    """Whether the cache of the hub has the model."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    with contextlib.suppress(HFValidationError):
        return isinstance(try_to_load_from_cache(name, CONFIG), str)
    return False


def suggest_folder(name: str) -> str:
    """Suggests the existing folder that is nearest to a missing one; '' if there is none."""
    missing = Path(name).expanduser()
    while not missing.parent.is_dir():
        missing = missing.parent
    with contextlib.suppress(OSError):
        beside = [one.name for one in missing.parent.iterdir() if one.is_dir() and not one.name.startswith(".")]
        if 0 < len(beside) <= MOST_FOLDERS:
            where = "" if missing.parent == Path() else f"In {missing.parent}: "
            return where + near_name(missing.name, beside)
    return ""
