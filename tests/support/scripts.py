"""Opens a script outside the package, such as a benchmark, as a module."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@contextlib.contextmanager
def open_script(path: Path, name: str) -> Iterator[ModuleType]:
    """Runs a script as a module of this name, by which its functions and classes are found until the end."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[name]
