"""Resolves a revision to a commit: pinned, asked of the hub, or offline by the hub's cache."""

import re
from pathlib import Path

from unipref.core import json_files, terminal
from unipref.core.errors import UserError
from unipref.core.hub.address import Address
from unipref.core.hub.pins import add_pin, find_pin
from unipref.core.hub.tries import explain_missing, is_offline, is_unreachable, try_often

_COMMIT = re.compile(r"[0-9a-f]{40}")


def resolve(address: Address) -> str:
    """Returns the commit of an address, the same in the whole run.

    Raises:
        UserError: there is no such repository or revision, or it is neither reachable nor in the cache.
    """
    if _COMMIT.fullmatch(address.revision):
        if find_pin(address.key) is None:
            add_pin(address.key, address.revision)  # so that the run tells what it uses
        return address.revision
    if pinned := find_pin(address.key):
        return pinned
    commit = _find_cached(address) if is_offline() else _ask(address)
    if commit is None:
        raise explain_missing(address, None, "")
    add_pin(address.key, commit)
    return find_pin(address.key) or commit  # another process of the run may have pinned it first


def _ask(address: Address) -> str:
    from huggingface_hub import HfApi

    def ask() -> str:
        info = HfApi().repo_info(address.repo, repo_type=address.kind, revision=address.revision)
        return str(info.sha)

    try:
        commit = try_often(ask, address, f"revision {address.revision}")
    except UserError as error:
        cached = _find_cached(address)
        if cached is None or not is_unreachable(error):
            raise
        terminal.echo(f"{address.key}: the hub cannot be reached; the cache has commit {cached}", err=True)
        return cached
    _remember(address, commit)
    return commit


def repo_folder(address: Address) -> Path:
    """Returns the folder of a repository in the hub's cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=address.repo, repo_type=address.kind)


def _find_cached(address: Address) -> str | None:
    """The commit that the cache has for a branch or tag; the layout is documented by huggingface_hub."""
    try:
        commit = (repo_folder(address) / "refs" / address.revision).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _remember(address: Address, commit: str) -> None:
    """Tells the cache which commit a branch or tag is, so that offline work finds it; a read-only cache stays."""
    path = repo_folder(address) / "refs" / address.revision
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _find_cached(address) != commit:
            with json_files.replace_file(path) as file:
                file.write(commit.encode())
    except OSError:
        return
