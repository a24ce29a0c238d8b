"""Reads documents: plain text files, and the rows of any file format that sources can read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core.errors import UserError, near_name
from unipref.core.records import Reason, Reject
from unipref.sources import Part, parts, peek, read
from unipref.sources.limits import without_advice

SETTING = "evaluate.perplexity"
TEXT_SUFFIX = ".txt"
ANY_KEY = "*"
"""The step of a path that matches all values of an object or list."""


class Document(NamedTuple):
    """A text, its file, and its id `file:row` (plus a number if the row holds several texts)."""

    file: str
    id: str
    text: str


def read_documents(data: Path, path: str) -> Iterator[Document | Reject]:
    """Reads the texts of a file or folder, in order.

    Args:
        data: a `.txt` file, which is one document; another data file; or a folder of data files or, if it has none,
            of `.txt` files.
        path: path of the text in a row, with dots between fields; `*` matches all values of an object or list.

    Yields:
        Documents, and a `Reject` for a row that cannot be read or has no text at the path.

    Raises:
        UserError: the data hold no readable file, or a text file is not UTF-8.
    """
    root = data if data.is_dir() else data.parent
    text_files = (
        sorted(file for file in data.rglob(f"*{TEXT_SUFFIX}") if file.is_file())
        if data.is_dir()
        else [data]
        if data.suffix == TEXT_SUFFIX
        else []
    )
    try:
        data_parts = [] if data in text_files else parts([str(data)], root, f"{SETTING}.data", cut_bytes=None)
    except UserError:
        if not text_files:
            raise
        data_parts = []
    if data_parts:
        for part in data_parts:
            yield from _read_rows(part, path)
        return
    for file in text_files:
        name = file.relative_to(root).as_posix()
        yield Document(name, name, _read_text_file(file))


def _read_text_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the file cannot be read as text: {error}.", where=str(file), mend="Save the file as UTF-8."
        ) from error


def _read_rows(part: Part, path: str) -> Iterator[Document | Reject]:
    for number, row in read(part):
        if isinstance(row, Reject):
            yield without_advice(row)
            continue
        texts = [text for text in _values_at(row, [path] if path in row else path.split(".")) if isinstance(text, str)]
        if not texts:
            yield Reject(Reason.MISSING_FIELD, f"no text at '{path}'", path)
        for index, text in enumerate(texts, 1):
            name = f"{part.origin}:{number}" + (f".{index}" if len(texts) > 1 else "")
            yield Document(part.origin, name, text)


def _values_at(value: Any, steps: list[str]) -> Iterator[Any]:
    """The values at a path; none if the path does not exist."""
    if not steps:
        yield value
    elif steps[0] == ANY_KEY:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for child in children:
            yield from _values_at(child, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _values_at(value[steps[0]], steps[1:])


def no_text_error(data: Path, path: str) -> UserError:
    """The error for data that have no text at the path in any row."""
    rows = peek(data, 1) if data.suffix != TEXT_SUFFIX else []
    fields = [str(field) for field in rows[0]][:12] if rows else []
    mend = f"Set {SETTING}.text to the path of the text, such as 'answer.text' or '*.*'."
    if (hint := near_name(path, fields)).startswith("Did"):
        mend = f"{mend} {hint}"
    has = f"; the first row has: {', '.join(fields)}" if fields else ""
    return UserError(f"no row has text at '{path}'{has}.", where=str(data), mend=mend)
