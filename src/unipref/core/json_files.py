"""Writes files atomically: a reader never sees half of one."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Writes JSON to a temporary file and renames it."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, default=_scalar) + "\n")


def write_text(path: Path, content: str) -> None:
    """Writes text to a temporary file and renames it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(content, encoding="utf-8")
    os.replace(partial, path)


def to_plain_json(value: Any) -> Any:
    """Returns a value as it is after writing and reading JSON, so that a new stage returns what a cached one would."""
    return json.loads(json.dumps(value, default=_scalar, ensure_ascii=False))


def _scalar(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a stage returned a {type(value).__name__}, which cannot be written as JSON")
