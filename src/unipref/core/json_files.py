"""Writing files so that a reader never sees half of one."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Writes JSON aside and renames it into place."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, default=_scalar) + "\n")


def write_text(path: Path, content: str) -> None:
    """Writes a text file aside and renames it into place."""
    aside = path.with_name(f".{path.name}.partial")
    aside.write_text(content, encoding="utf-8")
    os.replace(aside, path)


def to_plain_json(value: Any) -> Any:
    """The value as JSON gives it back: what a cached stage returns equals what the first one did."""
    return json.loads(json.dumps(value, default=_scalar, ensure_ascii=False))


def _scalar(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a stage returned a {type(value).__name__}, which JSON has no form for")
