"""Hashes of files, folders, JSON values and code, from which the cache keys of stages are computed."""

import functools
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash

from unipref.core.import_closure import PACKAGE, import_closure

RECORD = "stage.json"
"""File in a stage folder with its key, the hashes of its files and its result."""
CARD = "README.md"
"""File in a stage folder that later stages may rewrite; it is not part of the stage's content hash."""


def file_hash(path: Path) -> str:
    """Hashes the bytes of a file, streamed."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return str(digest.hexdigest())


def tree_hash(path: Path) -> str:
    """Hashes a file, or all files of a folder with their relative paths."""
    return file_hash(path) if path.is_file() else json_hash(checksums(path))


def checksums(folder: Path) -> dict[str, str]:
    """Returns relative path -> hash for each file of a stage except its record and its card.

    A card that is being written, or whose writer was killed, does not count either.
    """
    excluded = (folder / RECORD, folder / CARD)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p not in excluded and not _is_partial_card(p))
    return {p.relative_to(folder).as_posix(): file_hash(p) for p in files}


def _is_partial_card(path: Path) -> bool:
    return path.name.startswith(f".{CARD}.") and path.name.endswith(".partial")


def json_hash(value: Any) -> str:
    """Hashes a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def code_key(*modules: str, package: Path = PACKAGE) -> str:
    """Hashes the code of some modules of unipref and of all that they import: if it changes, stages run again.

    Only the content of the files counts, not their names.

    Args:
        modules: dotted names, such as `unipref.unify`.
        package: folder of the package that they are in.
    """
    files = [(file, file.stat()) for file in import_closure(*modules, package=package)]
    return json_hash(sorted(_hash_code_file(file, state.st_mtime_ns, state.st_size) for file, state in files))


@functools.cache
def _hash_code_file(file: Path, modified: int, size: int) -> str:
    """Hashes a file of code; `modified` and `size` are part of the cache's key only."""
    return file_hash(file)


def find_versions(*packages: str) -> dict[str, str]:
    """Returns package -> version, for those packages that are installed."""
    versions = {package: _find_version(package) for package in packages}
    return {package: version for package, version in versions.items() if version is not None}


@functools.cache
def _find_version(package: str) -> str | None:
    """Returns the version of an installed package. Each call reads the package's metadata, which takes milliseconds."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
