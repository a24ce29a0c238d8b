"""Writes files atomically: a reader never sees half of one."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from unipref.core.errors import legible
from unipref.core.secrets import hide_secrets_in


def write_json(path: Path, value: Any) -> None:
    """Writes JSON to a temporary file and renames it; without secrets, and with control characters as JSON escapes."""
    text = json.dumps(hide_secrets_in(value), ensure_ascii=False, indent=1, default=_scalar)
    write_text(path, legible(text) + "\n")


def write_private_json(path: Path, value: Any) -> None:
    """Writes JSON with its secrets, which only the user can read: the settings for a process of this program."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file, default=_scalar)


def write_text(path: Path, content: str) -> None:
    """Writes text to a temporary file of its own and renames it; leaves a file that has this content as it is."""
    written = content.encode("utf-8")
    if _has_content(path, written):
        return
    with replace_file(path) as file:
        file.write(written)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file that takes the place of `path` when the context ends, unless it raises.

    Its name is unique: processes that write the same file at once would otherwise rename each other's.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            yield file
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def _has_content(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def to_plain_json(value: Any) -> Any:
    """Returns a value as it is after writing and reading JSON, so that a new stage returns what a cached one would."""
    return json.loads(json.dumps(value, default=_scalar, ensure_ascii=False))


def _scalar(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a stage returned a {type(value).__name__}, which cannot be written as JSON")
