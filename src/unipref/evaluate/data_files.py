"""Finds a benchmark's data, and checks them against the expected hash and the published files."""

import hashlib
import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from unipref.core import hashing, hub
from unipref.core.contracts import Benchmark, SplitBenchmark
from unipref.core.errors import UserError, near_name, needs_extra

_PATTERN = re.compile(r"[*?\[]")
_DEV_NAME = re.compile(r"(^|[._-])dev([._-]|$)")
"""Matches the name of a file that belongs to a dev part."""


def data_path(benchmark: Benchmark, data_root: Path, splits: Mapping[str, Path]) -> Path:
    """The path of a benchmark's data: that of its setting `data`, or one of the alternative folder names.

    For a benchmark that fetches its data the path need not exist. Data at `hf://datasets/...` are fetched once; each
    of their files has to have the hash that their commit states.

    Raises:
        UserError: the path does not exist, cannot be fetched or was changed, or the run does not have the split.
    """
    split = benchmark.part
    if benchmark.downloads_data and benchmark.data in (None, benchmark.name()):
        return data_root / benchmark.name()
    if benchmark.data is None:
        if split not in splits:
            raise UserError(
                f"the run's preferences have no split '{split}' to measure on.",
                where=f"evaluate.{benchmark.name()}.split",
                mend=near_name(split, splits) or "Give it a share in 'split', for example split: {test: 0.1}.",
            )
        return splits[split]
    if hub.is_address(benchmark.data):
        return _fetch(benchmark.data, f"evaluate.{benchmark.name()}.data")
    path = data_root / os.path.expandvars(benchmark.data)
    if path.exists():
        return path
    if other := next(
        (path.with_name(name) for name in benchmark.folder_aliases if path.with_name(name).exists()), None
    ):
        return other
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    mend = near_name(path.name, siblings) or f"The folder {path.parent} does not exist either; check data_root."
    if path.name == path.parent.name and siblings:
        mend = f"Give the folder above it: {path.parent.parent} holds {path.name}."
    raise UserError(f"{path} does not exist.", where=f"evaluate.{benchmark.name()}.data", mend=mend)


def _fetch(address: str, where: str) -> Path:
    """Fetches a file or a folder of a dataset on the hub."""
    data = hub.parse_address(address, where)
    commit = hub.resolve(data)
    files = hub.match_files(data, commit, [data.path], where)
    if _PATTERN.search(data.path):
        if len(files) > 1:
            what = f"'{data.path}' matches {len(files)} files: {', '.join(files[:3])}."
            raise UserError(what, where=where, mend="Name one file, or the folder that holds all.")
        return hub.fetch(data, commit, files, verify=True) / files[0]
    return hub.fetch(data, commit, files, verify=True) / data.path


def dev_path(benchmark: Benchmark, data_root: Path, splits: Mapping[str, Path]) -> Path | None:
    """The path of a benchmark's data if they have a dev part (the run's own, or files named so), otherwise None.

    Raises:
        UserError: the data do not exist.
    """
    if benchmark.data is None:
        return splits.get("dev")
    if not isinstance(benchmark, SplitBenchmark):
        return None
    path = data_path(benchmark, data_root, splits)
    return path if path.is_dir() and any(_DEV_NAME.search(inner.name) for inner in path.rglob("*")) else None


def check_packages(benchmark: Benchmark) -> None:
    """Checks that the packages a benchmark needs are installed.

    Raises:
        UserError: a package is missing.
    """
    for package in benchmark.required_packages:
        if importlib.util.find_spec(package) is None:
            raise needs_extra(package, benchmark.required_extra, f"The benchmark {benchmark.name()}")


def data_hash(benchmark: Benchmark, path: Path, tree_hash: Callable[[Path], str] = hashing.tree_hash) -> str:
    """The hash of all files that a benchmark reads.

    Args:
        benchmark: the benchmark whose `extra_files` names further files.
        path: its data.
        tree_hash: hashes a file or a folder; pass one that caches hashes for several calls.
    """
    extra_files = benchmark.extra_files(path)
    if not extra_files:
        return tree_hash(path)
    return hashing.json_hash([tree_hash(path), *([file.name, tree_hash(file)] for file in extra_files)])


def check_hash(benchmark: Benchmark, path: Path) -> str:
    """The hash of a benchmark's data, checked against its setting `data_hash` if that is given.

    Raises:
        UserError: the hashes differ.
    """
    actual = data_hash(benchmark, path)
    if benchmark.data_hash is not None and benchmark.data_hash != actual:
        raise UserError(
            f"the data differ from the pinned data: their hash is {actual}, expected {benchmark.data_hash}.",
            where=str(path),
            mend=f"Restore the data, or set evaluate.{benchmark.name()}.data_hash to {actual}.",
        )
    return actual


def published_file_notes(benchmark: Benchmark, path: Path) -> list[str]:
    """A note for each file whose content differs from the published file of its name."""
    folder = path.parent if path.is_file() else path
    notes = []
    for name, expected in benchmark.published_hashes.items():
        file = folder / name
        if file.is_file() and (path.is_dir() or path == file) and _sha256(file) != expected:
            notes.append(f"{name} differs from the published file: do not compare its scores with published ones.")
    return notes


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
