"""Where a benchmark's data lie, and whether they are what they should be."""

import hashlib
import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from unipref.core import hashing
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError, near_name, needs_extra

_DEV = re.compile(r"(^|[._-])dev([._-]|$)")
"""In the name of a file of a dev part."""


def split_of(benchmark: Benchmark) -> str:
    """The split it measures."""
    return str(getattr(benchmark, "split", "test"))


def data_path(benchmark: Benchmark, data_root: Path, splits: Mapping[str, Path]) -> Path:
    """Where a benchmark's data lie: as its setting says, or under one of the other names its folder goes by.

    A benchmark that fetches its data has a path where nothing is, unless there is a folder with its name.

    Raises:
        UserError: nothing is there, or the run has no such split.
    """
    split = split_of(benchmark)
    if benchmark.fetches and benchmark.data in (None, benchmark.name()):
        return data_root / benchmark.name()
    if benchmark.data is None:
        if split not in splits:
            raise UserError(
                f"there is no '{split}' split of the run's preferences to measure on.",
                where=f"evaluate.{benchmark.name()}.split",
                mend=near_name(split, splits) or "Give it a share in 'split', for example split: {test: 0.1}.",
            )
        return splits[split]
    path = data_root / os.path.expandvars(benchmark.data)
    if path.exists():
        return path
    if other := next((path.with_name(name) for name in benchmark.folders if path.with_name(name).exists()), None):
        return other
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    raise UserError(
        f"there is no {path}.",
        where=f"evaluate.{benchmark.name()}.data",
        mend=near_name(path.name, siblings) or f"There is no folder {path.parent} either; check data_root.",
    )


def dev_path(benchmark: Benchmark, data_root: Path, splits: Mapping[str, Path]) -> Path | None:
    """Where a benchmark's data lie, if they have a dev part: the run's own, or files that are called so.

    Raises:
        UserError: nothing is there at all.
    """
    if benchmark.data is None:
        return splits.get("dev")
    if "split" not in type(benchmark).model_fields:
        return None
    path = data_path(benchmark, data_root, splits)
    return path if path.is_dir() and any(_DEV.search(inner.name) for inner in path.rglob("*")) else None


def check_packages(benchmark: Benchmark) -> None:
    """Refuses a benchmark that needs a package which is not installed.

    Raises:
        UserError: one is missing.
    """
    for package in benchmark.packages:
        if importlib.util.find_spec(package) is None:
            raise needs_extra(package, "eval", f"The benchmark {benchmark.name()}")


def data_hash(benchmark: Benchmark, path: Path, tree_hash: Callable[[Path], str] = hashing.tree_hash) -> str:
    """The hash of all files that a benchmark reads.

    Args:
        benchmark: which.
        path: its data.
        tree_hash: hashes a file or a folder; one that remembers serves several calls.
    """
    beside = benchmark.beside(path)
    if not beside:
        return tree_hash(path)
    return hashing.json_hash([tree_hash(path), *([file.name, tree_hash(file)] for file in beside)])


def check_hash(benchmark: Benchmark, path: Path) -> str:
    """The hash of a benchmark's data, which has to be that of its setting `data_hash` where one is given.

    Raises:
        UserError: it is another.
    """
    found = data_hash(benchmark, path)
    if benchmark.data_hash is not None and benchmark.data_hash != found:
        raise UserError(
            f"the data are not those that were pinned: their hash is {found}, expected {benchmark.data_hash}.",
            where=str(path),
            mend=f"Restore the data, or set evaluate.{benchmark.name()}.data_hash to {found}.",
        )
    return found


def data_remarks(benchmark: Benchmark, path: Path) -> list[str]:
    """A note for each file that is not what was published under its name."""
    folder = path.parent if path.is_file() else path
    remarks = []
    for name, expected in benchmark.published.items():
        file = folder / name
        if file.is_file() and (path.is_dir() or path == file) and _sha256(file) != expected:
            remarks.append(f"{name} is not the published file: compare its scores with no others.")
    return remarks


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
