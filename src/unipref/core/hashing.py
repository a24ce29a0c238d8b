"""Hashes of files, folders, JSON values and code: what the cache keys of stages are made of."""

import contextlib
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash

from unipref.core.import_closure import PACKAGE, import_closure

RECORD = "stage.json"
"""File of a stage folder that holds its key, the hashes of its files and its result."""
CARD = "README.md"
"""File of a stage folder that later stages may rewrite; it does not count as part of the stage's content."""


def file_hash(path: Path) -> str:
    """Hash of a file's bytes, streamed."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return str(digest.hexdigest())


def tree_hash(path: Path) -> str:
    """Hash of a file, or of all files of a folder with their relative paths."""
    return file_hash(path) if path.is_file() else json_hash(checksums(path))


def checksums(folder: Path) -> dict[str, str]:
    """Relative path -> hash, for every file of a stage but its record and its card."""
    besides = (folder / RECORD, folder / CARD)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p not in besides)
    return {p.relative_to(folder).as_posix(): file_hash(p) for p in files}


def json_hash(value: Any) -> str:
    """Hash of a JSON value, whatever the order of its keys."""
    plain = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return xxhash.xxh3_128_hexdigest(plain.encode("utf-8", "surrogatepass"))


def code_key(*modules: str, package: Path = PACKAGE) -> str:
    """Hash of the code behind some modules of unipref and all that they import: changed code does its work again.

    Only the content of the files counts, not their names.

    Args:
        modules: dotted names, such as `unipref.unify`.
        package: folder of the package that they are in.
    """
    return json_hash(sorted(file_hash(file) for file in import_closure(*modules, package=package)))


def find_versions(*packages: str) -> dict[str, str]:
    """Package -> installed version, of those that are installed."""
    found = {}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
