"""Sends files to a repository on the hub: large ones first, each with retries, then one commit with all."""

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from unipref.core.errors import UserError
from unipref.core.hub import Address
from unipref.core.hub.client import without_bars
from unipref.core.hub.download import heartbeat, show_size
from unipref.core.hub.tries import is_offline, try_often
from unipref.core.version import __version__
from unipref.pipeline.push.content import Content, SentFile

MESSAGE = f"Add files by unipref {__version__}"


def check_access() -> None:
    """Checks that files can be sent at all.

    Raises:
        UserError: work is offline, or no token is set.
    """
    from huggingface_hub import get_token

    if is_offline():
        raise UserError("HF_HUB_OFFLINE forbids to send files.", mend="Unset it, or list the files with --dry-run.")
    if get_token() is None:
        mend = "Set HF_TOKEN to a token that may write, or log in with: hf auth login"
        raise UserError("sending to the hub needs a token, and none is set.", mend=mend)


class Uploaded(NamedTuple):
    """The address of a commit, and whether everybody may read its repository."""

    commit: str
    is_public: bool


def upload(address: Address, content: Content, is_public: bool, on_note: Callable[[str], None]) -> Uploaded:
    """Sends the files.

    Files that the repository already has are not sent again, nor large ones that an earlier try sent.

    Args:
        address: the repository; made if it is missing.
        content: the files.
        is_public: whether everybody may read it, if it is made; one that exists stays as it is.
        on_note: called with a line per file.

    Raises:
        UserError: the hub refuses, cannot be reached, or the repository is public and is not meant to be.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    options: dict[str, Any] = {"repo_id": address.repo, "repo_type": address.kind}
    try_often(
        lambda: api.create_repo(**options, private=not is_public, exist_ok=True), address, "making the repository"
    )
    info = try_often(lambda: api.repo_info(**options), address, "the repository")
    if not is_public and not info.private:
        mend = "Say --public if all may read what you send, or name another repository."
        raise UserError("the repository exists and is public.", where=address.page, mend=mend)
    operations: list[Any] = []
    with without_bars():
        for place, file in enumerate(content.files, 1):
            source = file.source if isinstance(file.source, bytes) else str(file.source)
            operation = CommitOperationAdd(file.path, source)
            label = f"{file.path} ({place} of {len(content.files)}, {show_size(file.size)})"
            on_note(f"sending {label}")
            with heartbeat(f"{address.repo}: {label}", None, file.size):
                try_often(_preupload(api, options, operation), address, f"sending {file.path}")
            operations.append(operation)
        present = [sibling.rfilename for sibling in getattr(info, "siblings", None) or []]
        operations += [CommitOperationDelete(path) for path in find_stale(present, content)]
        commit = try_often(
            lambda: api.create_commit(**options, operations=operations, commit_message=MESSAGE), address, "the commit"
        )
    return Uploaded(str(commit.commit_url), not info.private)


def _preupload(api: Any, options: dict[str, Any], operation: Any) -> Callable[[], None]:
    return lambda: api.preupload_lfs_files(**options, additions=[operation])


def find_stale(present: Sequence[str], content: Content) -> list[str]:
    """Returns the files of an earlier push that would be read together with the new ones."""
    new = {file.path for file in content.files}
    return [path for path in present if path not in new and any(_is_within(path, one) for one in content.folders)]


def _is_within(path: str, one: str) -> bool:
    """Whether a file lies in a folder, or at the root with a name that fits a pattern."""
    return path.startswith(one) if one.endswith("/") else "/" not in path and fnmatch.fnmatchcase(path, one)


def list_sizes(files: Sequence[SentFile]) -> list[dict[str, Any]]:
    """Returns the path and the size of each file."""
    return [{"path": file.path, "bytes": file.size} for file in files]
