"""Reads the rows of a published benchmark, from files of any format that sources can read.

An invalid row is an error, because scores on fewer items would not be comparable.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from unipref.core.errors import UserError, near_name
from unipref.core.records import Reject, Row
from unipref.sources import parts, read

T = TypeVar("T", bound=msgspec.Struct)
INNER = "data"
"""The folder of a repository on the hub or on GitHub that holds the data, beside scripts and results."""


def read_published_rows(data: Path, kind: type[T], where: str) -> list[T]:
    """Reads all rows of a file, or of the files of a folder (of its folder `data`, if it has one).

    Args:
        data: the file or folder.
        kind: the type of a row; fields it does not have are ignored.
        where: the setting that names the data, for errors.

    Raises:
        UserError: there is no readable file or no row, or a row is not of this type.
    """
    place = data / INNER if (data / INNER).is_dir() else data
    root = place if place.is_dir() else place.parent
    rows = []
    for part in parts([str(place)], root, where, cut_bytes=None):
        for number, row in read(part):
            if isinstance(row, Reject):
                raise UserError(f"the row cannot be read: {row.detail}.", where=f"{root / part.origin}:{number}")
            rows.append(_convert(row, kind, f"{root / part.origin}:{number}"))
    if not rows:
        raise UserError("the benchmark has no rows.", where=str(data))
    return rows


def _convert(row: Row, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(row, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        names = [field.name for field in msgspec.structs.fields(kind)]
        hints = [f"Its fields are: {', '.join(names)}.", f"The row has: {', '.join(map(str, row)) or 'none'}."]
        missing = [field.name for field in msgspec.structs.fields(kind) if field.required and field.name not in row]
        hints += [hint for name in missing[:1] if (hint := near_name(name, list(map(str, row)))).startswith("Did")]
        what = f"the row is not a valid item of this benchmark: {error}."
        raise UserError(what, where=where, mend=" ".join(hints)) from error
