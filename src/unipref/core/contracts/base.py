"""The base class of all plug-ins."""

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Typed, immutable settings, each documented at its field. Unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True, allow_inf_nan=False
    )


class Choice(Settings, abc.ABC):
    """One way to do a stage's work. Its name in the study file is the name of its file."""

    example: ClassVar[Mapping[str, Any]]
    """Settings (of a format also rows, of a benchmark also files) for the docs and the contract tests."""
    argument: ClassVar[str | None] = None
    """The setting whose value `NAME:VALUE` gives; None: a value after the name is an error."""

    @classmethod
    def name(cls) -> str:
        """The name in the study file: the last part of the module's name."""
        return cls.__module__.rpartition(".")[2]

    def code_files(self) -> list[Path]:
        """Returns the files of the user's functions in its settings; a stage runs again when one changes."""
        return []
