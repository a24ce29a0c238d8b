"""Benchmark items from JSON lines, one typed item per line: a benchmark that lost items would not be comparable."""

from pathlib import Path
from typing import TypeVar

import msgspec

from unipref.errors import UserError

T = TypeVar("T", bound=msgspec.Struct)


def read_items(data: Path, split: str, kind: type[T]) -> list[T]:
    """All items of a part.

    Args:
        data: a folder with `<split>.jsonl`, or such a file itself.
        split: 'dev' or 'test'.
        kind: the item's type; fields it does not have are passed over.

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
    return items


def _item(line: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError as error:
        raise UserError(
            f"no item of this benchmark: {error}.",
            where=where,
            mend=f"Its fields are: {', '.join(field.name for field in msgspec.structs.fields(kind))}.",
        ) from error
