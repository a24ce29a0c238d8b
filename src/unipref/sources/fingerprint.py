"""The content of files as a hash: by it a run knows which work is done."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xxhash

from unipref.core import hashing
from unipref.sources.part import Part


def file_hash(source: Part | Path | str) -> str:
    """The xxh3-128 hash of a file's bytes, in hexadecimal; of the whole file where a part is given."""
    path = source.path if isinstance(source, Part) else source
    return hashing.file_hash(Path(path))


def fingerprint(sources: Iterable[Part | Path | str]) -> str:
    """One hash for the content of several files in their order, each file read once.

    Parts count with their origin too, because every preference carries it, with what is taken out of their rows, and
    with the tables that are joined to them; bare paths count by content alone.
    """
    digest = xxhash.xxh3_128()
    keys: dict[str, str] = {}
    for source in sources:
        _add(digest, source, keys)
    return str(digest.hexdigest())


def _add(digest: Any, source: Part | Path | str, keys: dict[str, str]) -> None:
    path = source.path if isinstance(source, Part) else str(source)
    if path not in keys:
        keys[path] = file_hash(path)
    digest.update(keys[path].encode())
    if isinstance(source, Part):
        digest.update(f"\0{source.origin}\0{source.start}\0{source.records}\0".encode())
        for table in source.tables:
            digest.update(f"\0{table.name}\0{table.left}\0{table.right}\0".encode())
            for file in table.files:
                _add(digest, file, keys)
