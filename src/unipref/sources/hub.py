"""Files of a dataset repository on the Hugging Face hub -> parts, through the hub's own cache."""

import os
from pathlib import Path

from unipref.core.contracts import Settings
from unipref.core.errors import UserError, first_line
from unipref.sources.limits import DEFAULT, Limits
from unipref.sources.part import Part
from unipref.sources.paths import shape_and_packing
from unipref.sources.split_files import CUT_BYTES, parts_of_file


class Hub(Settings):
    """Where on the hub a dataset's files are."""

    name: str
    """Repository: owner and name."""
    files: tuple[str, ...]
    """Patterns of the files in it."""
    revision: str = "main"
    """Commit, branch or tag."""


def hub_parts(hub: Hub, where: str, cut_bytes: int | None = CUT_BYTES, limits: Limits = DEFAULT) -> list[Part]:
    """Splits a repository's files into pieces of work; fetches those that are not in the hub's cache.

    Their origin is `hf://datasets/OWNER/NAME/FILE`, the same on every machine.

    Raises:
        UserError: no network and nothing in the cache, no such repository or revision, or no file of these names.
    """
    from huggingface_hub import snapshot_download

    try:
        snapshot = snapshot_download(
            hub.name, repo_type="dataset", revision=hub.revision, allow_patterns=list(hub.files)
        )
    except Exception as error:
        # The hub's client raises its own errors, the HTTP client's and the system's: each means the fetch failed.
        raise UserError(
            f"{hub.name} cannot be fetched from the hub ({first_line(error)}).", where=where, mend=_mend(hub)
        ) from error
    folder = Path(snapshot)
    files = sorted(
        Path(place, name).relative_to(folder) for place, _, names in os.walk(folder, followlinks=True) for name in names
    )
    matching = [file for file in files if any(file.match(pattern) for pattern in hub.files)]
    origin = f"hf://datasets/{hub.name}"
    found_parts = [
        part
        for file in matching
        if shape_and_packing(file.name)[0]
        for part in parts_of_file(folder / file, f"{origin}/{file.as_posix()}", where, cut_bytes, limits)
    ]
    if not found_parts:
        raise UserError(
            f"{hub.name} at '{hub.revision}' has no file {' or '.join(hub.files)}.", where=where, mend=_mend(hub)
        )
    return found_parts


def _mend(hub: Hub) -> str:
    return f"Fetch {', '.join(hub.files)} of huggingface.co/datasets/{hub.name} yourself and give 'path'."
