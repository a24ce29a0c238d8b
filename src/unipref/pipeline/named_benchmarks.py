"""Benchmarks by the names that a command gives, and the folders of models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unipref.core import registry
from unipref.core.contracts import Benchmark, Precision
from unipref.core.errors import UserError


def make_benchmark(
    choice: str, limit: int | None, precision: Precision | None = None, new_tokens: int | None = None
) -> Benchmark:
    """Makes the benchmark that `NAME` or `NAME=FOLDER` describes."""
    name, _, folder = choice.partition("=")
    settings: dict[str, Any] = {"data": folder or name.partition(":")[0]}
    if limit is not None:
        settings["limit"] = limit
    if precision is not None:
        settings["precision"] = precision
    if new_tokens is not None and "new_tokens" in registry.find("benchmark", name.partition(":")[0]).model_fields:
        settings["new_tokens"] = new_tokens
    benchmark = registry.make("benchmark", name, settings, "--benchmark")
    if not isinstance(benchmark, Benchmark):
        raise AssertionError(f"{name} is not a Benchmark")
    return benchmark


def find_benchmarks(root: Path) -> list[str]:
    """The benchmarks that have data in a folder, under their name or one of their other folder names."""
    names = [
        choice.name()
        for choice in registry.find_all("benchmark")
        if issubclass(choice, Benchmark)
        and choice.argument is None
        and any((root / name).exists() for name in (choice.name(), *choice.folder_aliases))
    ]
    if not names:
        raise UserError(
            "the folder has no benchmark's data.",
            where=str(root),
            mend=f"It needs a folder with the name of a benchmark: {', '.join(registry.list_names('benchmark'))}.",
        )
    return names


def name_folders(models: Sequence[str]) -> list[str]:
    """A folder name for each model: the last part of its name, numbered if two are equal."""
    names = [Path(model).name or "model" for model in models]
    return [name if names.count(name) == 1 else f"{name}-{at}" for at, name in enumerate(names, 1)]
