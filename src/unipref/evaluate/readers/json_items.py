"""Benchmark items from JSON lines, one typed item per line: a benchmark that lost items would not be comparable."""

from pathlib import Path
from typing import TypeVar

import msgspec

from unipref.core.errors import UserError, near_name
from unipref.evaluate.subsample import limited

T = TypeVar("T", bound=msgspec.Struct)


def read_items(data: Path, split: str, kind: type[T], limit: int | None = None) -> tuple[list[T], list[str]]:
    """The items of a part, and a note where a limit left some out.

    Args:
        data: a folder with `<split>.jsonl`, or such a file itself.
        split: 'dev' or 'test'.
        kind: the item's type; fields it does not have are passed over.
        limit: only so many, evenly spread; None: all.

    Raises:
        UserError: the file is missing or empty, or a line is no such item.
    """
    path = data if data.is_file() else data / f"{split}.jsonl"
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(
            f"the benchmark's items cannot be read: {error.strerror}.",
            where=str(path),
            mend=f"Give 'data:' a folder with {split}.jsonl, one item per line.",
        ) from error
    items = [_item(line, kind, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not items:
        raise UserError("the benchmark has no items.", where=str(path))
    return limited(items, limit, "items")


def _item(line: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"no item of this benchmark: {error}.", where=where, mend=" ".join(_expected(line, kind))
        ) from error


def _expected(line: bytes, kind: type[msgspec.Struct]) -> list[str]:
    """The fields of such an item, those that the line has, and a near name for one it lacks."""
    fields = [field.name for field in msgspec.structs.fields(kind)]
    said = [f"Its fields are: {', '.join(fields)}."]
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return said
    if isinstance(found, dict):
        missing = [field.name for field in msgspec.structs.fields(kind) if field.required and field.name not in found]
        said.append(f"The line has: {', '.join(found) or 'none'}.")
        said += [near for name in missing[:1] if (near := near_name(name, found)).startswith("Did")]
    return said
