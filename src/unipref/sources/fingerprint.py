"""Hashes the content of files, so that a run can skip finished work."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xxhash

from unipref.core import hashing
from unipref.sources.part import Part


def file_hash(source: Part | Path | str) -> str:
    """The xxh3-128 hash of a file's bytes in hexadecimal. For a part, the whole file is hashed."""
    path = source.path if isinstance(source, Part) else source
    return hashing.file_hash(Path(path))


def fingerprint(sources: Iterable[Part | Path | str]) -> str:
    """One hash for the content of several files in their order, each file read once.

    For a part, the hash also covers its origin (which every preference carries), its `records` path and its joined
    tables. For a bare path it covers the content alone.
    """
    digest = xxhash.xxh3_128()
    keys: dict[str, str] = {}
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
        if source.csv:
            digest.update(f"\0{source.csv}\0".encode())
        for table in source.tables:
            digest.update(f"\0{table.name}\0{table.left}\0{table.right}\0".encode())
            for file in table.files:
                _add(digest, file, keys)
