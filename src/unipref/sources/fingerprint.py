"""Hashes the content of files, so that a run can skip finished work."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xxhash

from unipref.core import hashing
from unipref.core.errors import UserError, raise_if_resource
from unipref.sources.part import Part


def file_hash(source: Part | Path | str) -> str:
    """The xxh3-128 hash of a file's bytes in hexadecimal. For a part, the whole file is hashed.

    Raises:
        UserError: the file cannot be read.
    """
    path = source.path if isinstance(source, Part) else source
    try:
        return hashing.file_hash(Path(path))
    except OSError as error:
        raise_if_resource(error, str(path))
        what = f"the file cannot be read: {error.strerror or error}."
        raise UserError(what, where=str(path), mend="Check that the file can be read.") from error


def hash_files(sources: Iterable[Part]) -> dict[str, str]:
    """Returns file -> hash of its bytes, for the files of some parts and of the tables joined to them."""
    hashes: dict[str, str] = {}
    for source in sources:
        if source.path not in hashes and not source.fault:
            hashes[source.path] = file_hash(source)
        for table in source.tables:
            hashes |= {path: hash_ for path, hash_ in hash_files(table.files).items() if path not in hashes}
    return hashes


def check_unchanged(before: Mapping[str, str]) -> None:
    """Checks that files still have the content that was hashed before they were read.

    Raises:
        UserError: a file has changed or is missing; it names the file.
    """
    for path, hash_ in before.items():
        try:
            now = hashing.file_hash(Path(path))
        except FileNotFoundError:
            now = "missing"
        if now != hash_:
            raise UserError(
                "the file changed while it was read, so the rows are a mixture of two versions.",
                where=path,
                mend="Run the same command again when nothing writes to the file.",
            )


def fingerprint(sources: Iterable[Part | Path | str], hashes: Mapping[str, str] | None = None) -> str:
    """One hash for the content of several files in their order, each file read once.

    For a part, the hash also covers its origin (which every preference carries), its `records` path, its `orient` and
    its joined tables. For a bare path it covers the content alone.

    Args:
        sources: the files.
        hashes: file -> hash, of files that are hashed already.
    """
    digest = xxhash.xxh3_128()
    keys: dict[str, str] = dict(hashes or {})
    for source in sources:
        _add(digest, source, keys)
    return str(digest.hexdigest())


def _add(digest: Any, source: Part | Path | str, keys: dict[str, str]) -> None:
    path = source.path if isinstance(source, Part) else str(source)
    if isinstance(source, Part) and source.fault:
        digest.update(f"\0{source.origin}\0{source.fault}\0".encode())
        return
    if path not in keys:
        keys[path] = file_hash(path)
    digest.update(keys[path].encode())
    if isinstance(source, Part):
        digest.update(f"\0{source.origin}\0{source.start}\0{source.records}\0".encode())
        if source.orient:
            digest.update(f"\0orient {source.orient}\0".encode())
        if source.csv:
            digest.update(f"\0{source.csv}\0".encode())
        for table in source.tables:
            digest.update(f"\0{table.name}\0{table.left}\0{table.right}\0".encode())
            for file in table.files:
                _add(digest, file, keys)
