"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

from support.tiny_model import write_tiny_model


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
