"""Reads benchmark items from JSON lines, one typed item per line.

An invalid line is an error, because scores on fewer items would not be comparable.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from unipref.core.errors import UserError, near_name
from unipref.evaluate.subsample import apply_limit

T = TypeVar("T", bound=msgspec.Struct)


def read_items(data: Path, split: str, kind: type[T], limit: int | None = None) -> tuple[list[T], list[str]]:
    """Reads the items of a split, with a note if the limit left some out.

    Args:
        data: a folder with `<split>.jsonl`, or such a file itself.
        split: 'dev' or 'test'.
        kind: the item's type; fields it does not have are ignored.
        limit: maximum number of items, evenly spread; None: all.

    Raises:
        UserError: the file is missing or empty, or a line is not a valid item.
    """
    path = data if data.is_file() else data / f"{split}.jsonl"
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(
            f"the benchmark's items cannot be read: {error.strerror}.",
            where=str(path),
            mend=f"Set 'data:' to a folder with {split}.jsonl, one item per line.",
        ) from error
    items = [_decode_item(line, kind, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not items:
        raise UserError("the benchmark has no items.", where=str(path))
    return apply_limit(items, limit, "items")


def _decode_item(line: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"the line is not a valid item of this benchmark: {error}.",
            where=where,
            mend=" ".join(_field_hints(line, kind)),
        ) from error


def _field_hints(line: bytes, kind: type[msgspec.Struct]) -> list[str]:
    """Hints for a fix: the fields of an item, those of the line, and a near name for a missing one."""
    fields = [field.name for field in msgspec.structs.fields(kind)]
    hints = [f"Its fields are: {', '.join(fields)}."]
    try:
        item = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return hints
    if isinstance(item, dict):
        missing = [field.name for field in msgspec.structs.fields(kind) if field.required and field.name not in item]
        hints.append(f"The line has: {', '.join(item) or 'none'}.")
        hints += [hint for name in missing[:1] if (hint := near_name(name, item)).startswith("Did")]
    return hints
