"""Fixtures shared by all tests."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support import cpu_seconds
from support.tiny_model import write_tiny_model
from unipref.core import search_path

# Tests start hundreds of processes, and each would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes depends on what else the machine does: a limit would fail good code.
settings.register_profile("unipref", deadline=None)
settings.load_profile("unipref")

pytest_addoption = cpu_seconds.add_options
pytest_collection_modifyitems = cpu_seconds.leave_out_long_functions


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("write_seconds"):
        config.pluginmanager.register(cpu_seconds.Recorder())


MANY_MODULES = 300
"""As many modules as a large library has."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collects without searches for garbage: what is made stays, and looking at it takes a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _loaded_modules_stay() -> Iterator[None]:
    """Leaves libraries that a test has loaded out of later searches for garbage: each training makes two of them."""
    before = len(sys.modules)
    yield
    if len(sys.modules) > before + MANY_MODULES:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _search_path_as_before() -> Iterator[None]:
    """Undoes what the command line does to the search path of its process and of the processes that it starts."""
    path, variables = list(sys.path), {name: os.environ.get(name) for name in ("PYTHONSAFEPATH", "PYTHONPATH")}
    yield
    sys.path[:] = path
    search_path._is_left_out = False
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data and models named by UNIPREF_SHARED; the test is skipped without it."""
    folder = os.environ.get("UNIPREF_SHARED")
    if not folder:
        pytest.skip("UNIPREF_SHARED is not set: no public data and models to test on")
    path = Path(folder).resolve()
    if not path.is_dir():
        pytest.fail(f"UNIPREF_SHARED is {folder}, which is no folder")
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained Llama, as `support.tiny_model` writes it."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny_model"))
