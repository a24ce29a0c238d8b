"""Fetches files of a commit into the hub's cache: each with retries, large ones from where an earlier try ended."""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from unipref.core import terminal
from unipref.core.errors import UserError
from unipref.core.hub.address import Address
from unipref.core.hub.client import make_headers, without_bars
from unipref.core.hub.commits import repo_folder
from unipref.core.hub.listing import ListedFile, list_files
from unipref.core.hub.tries import IncompleteFile, explain_missing, explain_no_file, is_offline, try_often

SECONDS_BETWEEN_LINES = 10.0
CHUNK = 1 << 20


def fetch(address: Address, commit: str, files: Iterable[str], *, verify: bool = False) -> Path:
    """Fetches files that the hub's cache lacks.

    Args:
        address: the repository.
        commit: which of its commits.
        files: their paths in the repository.
        verify: whether to compare the content of each file, also of a cached one, with the hash in the commit.

    Returns:
        The folder with the files of the commit; it may hold others too.

    Raises:
        UserError: a file is missing, cannot be fetched, or is not the commit's.
    """
    snapshot = repo_folder(address) / "snapshots" / commit
    listed = list_files(address, commit)
    wanted = list(files)
    missing = [file for file in wanted if not (snapshot / file).is_file()]
    if missing and is_offline():
        raise explain_missing(address, commit, missing[0])
    if listed is not None:
        for file in missing:
            if file not in listed:
                raise explain_no_file(address, commit, file, sorted(listed), address.key)
        _announce(address, commit, [listed[file] for file in missing])
        for place, file in enumerate(missing, 1):
            _fetch_file(address, commit, listed[file], f"{place} of {len(missing)}")
        for file in wanted:
            _check_file(address, commit, snapshot / file, listed.get(file), verify)
    return snapshot


def _announce(address: Address, commit: str, files: list[ListedFile]) -> None:
    if files:
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        size = show_size(sum(file.size for file in files))
        terminal.echo(f"fetching {address.describe(commit)}: {count}, {size}", err=True)


def show_size(size: float) -> str:
    """Returns a number of bytes for a reader: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _fetch_file(address: Address, commit: str, file: ListedFile, place: str) -> None:
    folder = repo_folder(address)
    blob = folder / "blobs" / file.etag
    part = blob.with_name(f"{file.etag}.unipref-part")

    def work() -> None:
        if _uses_xet(file):
            _fetch_by_xet(address, commit, file)
        else:
            _download(address, commit, file, part, blob)
            _link(blob, folder / "snapshots" / commit / file.path)

    with heartbeat(f"{address.repo}: {file.path} ({place})", part, file.size):
        try_often(work, address, file.path, commit)


def _uses_xet(file: ListedFile) -> bool:
    """Whether the package hf_xet fetches the file, in pieces of its own: the hub stores large files so."""
    from huggingface_hub import constants

    return file.sha256 is not None and not constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None


def _fetch_by_xet(address: Address, commit: str, file: ListedFile) -> None:
    """Fetches a file by the hub's client, without its bars: a line every ten seconds takes their place."""
    from huggingface_hub import hf_hub_download

    with without_bars():
        hf_hub_download(address.repo, file.path, repo_type=address.kind, revision=commit)


def _download(address: Address, commit: str, file: ListedFile, part: Path, blob: Path) -> None:
    """Downloads the rest of a file into a part, checks the whole, and gives it its place in the cache.

    The client's own `hf_hub_download` starts a killed download again, and tries a lost connection for minutes without
    a line.
    """
    from filelock import FileLock

    part.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(part.with_suffix(".unipref-lock")):
        if blob.exists():
            return
        start = part.stat().st_size if part.is_file() else 0
        if start > file.size:
            start = 0
        if start < file.size or not part.is_file():
            _receive(address, commit, file, part, start)
        if part.stat().st_size != file.size:
            raise IncompleteFile(f"{show_size(part.stat().st_size)} of {show_size(file.size)} arrived")
        if _hash(part, file) != file.etag:
            part.unlink()
            raise IncompleteFile("the content has another hash than the commit says")
        os.replace(part, blob)


def _receive(address: Address, commit: str, file: ListedFile, part: Path, start: int) -> None:
    """Writes the bytes of a file from `start` on."""
    from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status

    url = hf_hub_url(address.repo, file.path, repo_type=address.kind, revision=commit)
    headers = make_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        terminal.echo(f"{address.repo}: {file.path}: resumed at {show_size(start)}", err=True)
    with get_session().stream("GET", url, headers=headers, follow_redirects=True) as response:
        hf_raise_for_status(response)
        # A server may send the whole file in spite of the range.
        with part.open("ab" if start and response.status_code == 206 else "wb") as out:
            for block in response.iter_bytes():
                out.write(block)


def _link(blob: Path, place: Path) -> None:
    """Gives a file its place among those of its commit, as the hub's client does: a link, or a copy."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        return
    place.unlink(missing_ok=True)
    try:
        os.symlink(os.path.relpath(blob, place.parent), place)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(blob, place)  # the system has no links


def _hash(path: Path, file: ListedFile) -> str:
    """Hashes a file as the commit does: SHA-256 if it is large, otherwise as git does."""
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as opened:
        while block := opened.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _check_file(address: Address, commit: str, path: Path, file: ListedFile | None, verify: bool) -> None:
    """Checks that a cached file is that of the commit."""
    if file is None:
        return
    size = path.stat().st_size
    if size == file.size and (not verify or _hash(path, file) == file.etag):
        return
    what = f"its size is {size:,} bytes, expected {file.size:,}" if size != file.size else "its hash differs"
    raise UserError(
        f"{file.path} was changed: it is not the file of {address.describe(commit)} ({what}).",
        where=str(path),
        mend=f"Remove {path.resolve()} and run again: the file is fetched anew.",
    )


@contextmanager
def heartbeat(label: str, part: Path | None, size: int) -> Iterator[None]:
    """Prints a line every ten seconds while a file is fetched or sent.

    Args:
        label: the file.
        part: what has arrived of it; None: unknown.
        size: of the whole file.
    """
    is_done = threading.Event()

    def beat() -> None:
        seconds = 0.0
        while not is_done.wait(SECONDS_BETWEEN_LINES):
            seconds += SECONDS_BETWEEN_LINES
            is_known = part is not None and part.is_file()
            done = f"{show_size(part.stat().st_size)} of " if part is not None and is_known else ""
            terminal.echo(f"{label}: {done}{show_size(size)}, {seconds:.0f} s", err=True)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()
