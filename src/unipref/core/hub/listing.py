"""The files of a commit with their hashes. A commit never changes, so its listing is kept beside the hub's cache."""

import fnmatch
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from unipref.core import json_files
from unipref.core.hub.address import Address
from unipref.core.hub.commits import repo_folder
from unipref.core.hub.tries import explain_no_file, is_offline, try_often


class ListedFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a commit.

    Attributes:
        path: in the repository.
        size: in bytes.
        git: its object id in git.
        sha256: of a large file (LFS); None for others.
    """

    path: str
    size: int
    git: str
    sha256: str | None = None

    @property
    def etag(self) -> str:
        """The name of its content in the hub's cache."""
        return self.sha256 or self.git


def list_files(address: Address, commit: str) -> dict[str, ListedFile] | None:
    """Lists the files of a commit, path -> file; None if it was never listed and this is offline work.

    Raises:
        UserError: the hub cannot be asked.
    """
    kept = _kept(address, commit)
    try:
        files = msgspec.json.decode(kept.read_bytes(), type=list[ListedFile])
    except (OSError, msgspec.MsgspecError):
        if is_offline():
            return None
        files = try_often(lambda: _ask(address, commit), address, "the list of files", commit)
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            json_files.write_text(kept, json.dumps(msgspec.to_builtins(files), indent=1) + "\n")
        except OSError:
            pass  # a cache that cannot be written; the list is asked for again
    return {file.path: file for file in files}


def _kept(address: Address, commit: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "unipref" / repo_folder(address).name / f"{commit}.json"


def _ask(address: Address, commit: str) -> list[ListedFile]:
    from huggingface_hub import HfApi

    info = HfApi().repo_info(address.repo, repo_type=address.kind, revision=commit, files_metadata=True)
    files = [
        ListedFile(one.rfilename, one.size or 0, one.blob_id or "", one.lfs.sha256 if one.lfs else None)
        for one in getattr(info, "siblings", None) or []
    ]
    return sorted(files, key=lambda file: file.path)


def match_files(address: Address, commit: str, patterns: Iterable[str], where: str) -> list[str]:
    """Returns the files of a commit that patterns name, in order; a folder stands for all files below it.

    Offline and without a listing, they are those that the cache has.

    Raises:
        UserError: a pattern names no file; the near name.
    """
    listed = list_files(address, commit)
    snapshot = repo_folder(address) / "snapshots" / commit
    files = sorted(listed) if listed is not None else list_cached(snapshot)
    found: dict[str, None] = {}
    for pattern in patterns:
        matching = [file for file in files if is_match(file, pattern)]
        if not matching:
            # Offline without a listing, a name may still be that of a file: `fetch` says that the cache lacks it.
            if listed is None and pattern and not any(sign in pattern for sign in "*?["):
                matching = [pattern]
            else:
                raise explain_no_file(address, commit, pattern or "*", files, where)
        found |= dict.fromkeys(matching)
    return sorted(found)


def is_match(file: str, pattern: str) -> bool:
    """Whether a pattern names a file of a repository: itself, by wildcards, or the folder that it is in."""
    return pattern in ("", file) or fnmatch.fnmatchcase(file, pattern) or file.startswith(f"{pattern.rstrip('/')}/")


def list_cached(snapshot: Path) -> list[str]:
    """Lists the files of a commit that the cache has."""
    return sorted(path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file())
