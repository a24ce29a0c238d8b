"""Texts to be read as they are: plain text files, and the rows of any file that sources read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core.errors import UserError, near_name
from unipref.core.records import Reason, Reject
from unipref.sources import Part, parts, peek, read

WHERE = "evaluate.perplexity"
PLAIN = ".txt"
EVERY = "*"
"""A step of a path that stands for all values of an object or list."""


class Document(NamedTuple):
    """A text, its file, and `file:row` (with a number where a row holds several)."""

    file: str
    id: str
    text: str


def documents(data: Path, path: str) -> Iterator[Document | Reject]:
    """The texts of a file or folder, in order.

    Args:
        data: a `.txt` file, which is one document; another data file; or a folder of data files or, where it has none,
            of `.txt` files.
        path: of the text in a row, with dots between fields; `*` stands for all values of an object or list.

    Yields:
        Documents, and a `Reject` for a row that cannot be read or holds no text there.

    Raises:
        UserError: there is nothing to read, or a text file is not UTF-8.
    """
    root = data if data.is_dir() else data.parent
    plain = sorted(data.rglob(f"*{PLAIN}")) if data.is_dir() else [data] if data.suffix == PLAIN else []
    try:
        found = [] if data in plain else parts([str(data)], root, f"{WHERE}.data", cut_bytes=None)
    except UserError:
        if not plain:
            raise
        found = []
    if found:
        for part in found:
            yield from _in_rows(part, path)
        return
    for file in plain:
        name = file.relative_to(root).as_posix()
        yield Document(name, name, _whole(file))


def _whole(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"it cannot be read as text: {error}.", where=str(file), mend="Save the file as UTF-8."
        ) from error


def _in_rows(part: Part, path: str) -> Iterator[Document | Reject]:
    for number, row in read(part):
        if isinstance(row, Reject):
            yield row
            continue
        texts = [text for text in _at(row, [path] if path in row else path.split(".")) if isinstance(text, str)]
        if not texts:
            yield Reject(Reason.MISSING_FIELD, f"no text at '{path}'", path)
        for place, text in enumerate(texts, 1):
            name = f"{part.origin}:{number}" + (f".{place}" if len(texts) > 1 else "")
            yield Document(part.origin, name, text)


def _at(value: Any, steps: list[str]) -> Iterator[Any]:
    """The values at a path; none where it leads nowhere."""
    if not steps:
        yield value
    elif steps[0] == EVERY:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for one in inner:
            yield from _at(one, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _at(value[steps[0]], steps[1:])


def no_text(data: Path, path: str) -> UserError:
    """The error for data without a single text at the path."""
    rows = peek(data, 1) if data.suffix != PLAIN else []
    fields = [str(field) for field in rows[0]][:12] if rows else []
    mend = f"Set {WHERE}.text to where it is, such as 'answer.text' or '*.*'."
    if (near := near_name(path, fields)).startswith("Did"):
        mend = f"{mend} {near}"
    has = f"; the first has: {', '.join(fields)}" if fields else ""
    return UserError(f"there is no text at '{path}' in any row{has}.", where=str(data), mend=mend)
