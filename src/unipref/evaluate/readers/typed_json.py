"""Reads a JSON file of a benchmark whose whole content has one type."""

from pathlib import Path
from typing import Any

import msgspec

from unipref.core.errors import UserError


def read_typed(path: Path, kind: Any, shape: str) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        kind: the type of its content.
        shape: the same in words, for the error.

    Raises:
        UserError: the file cannot be read, or its content has another type.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise UserError(f"the file cannot be read: {error.strerror}.", where=str(path), mend=shape) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"the file has another content: {error}.", where=str(path), mend=shape) from error
