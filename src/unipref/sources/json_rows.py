"""JSON Lines and JSON: bytes -> numbered rows.

A row that msgspec refuses is decoded again with the standard library, which also accepts NaN and Infinity.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain

import msgspec

from unipref.core.display import shorten
from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken
from unipref.sources.json_scanner import JsonText, Malformed
from unipref.sources.limits import DEFAULT_ROW, RowLimit

Numbered = tuple[int | str, Row | Reject]
"""The number of a row in its file, from 1 (`7.2` for a row inside a row), and the row or why it cannot be used."""

WHOLE_BYTES = 16 << 20
"""A JSON array up to this size is decoded at once, a longer one element by element."""

HEAD_BYTES = 64 << 10

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_decode = msgspec.json.Decoder().decode
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)+")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def read_json_lines(blocks: Iterator[bytes], first_row: int, limit: RowLimit = DEFAULT_ROW) -> Iterator[Numbered]:
    """Yields one row per line, numbered by line; blank lines are skipped. Reading continues after a bad line
    and after one that is too long.

    Raises:
        Broken: where the blocks raise it, after the last whole line.
    """
    row = first_row
    for line in lines(blocks, limit):
        if isinstance(line, Reject):
            yield row, line
        elif line and not line.isspace() and not _MARKS.fullmatch(line.strip()):
            decoded = decode_row(line)
            if row == 1 and line.lstrip().startswith(b"[") and isinstance(decoded, Reject):
                decoded = Reject(decoded.reason, f"{decoded} If the file is one JSON array, name it .json.")
            yield row, decoded
        row += 1


def lines(blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW) -> Iterator[bytes | Reject]:
    """Splits blocks of bytes into lines, without line ends; text after the last line end is a line if not empty.

    Yields:
        A line, or a reject in place of one that is too long, of which no more than the limit is held.
    """
    begun: list[bytes] = []
    size = 0
    for block in blocks:
        first, *others = block.split(b"\n")
        size += len(first)
        if size <= limit.size:
            begun.append(first)
        else:
            begun.clear()
        if others:
            yield b"".join(begun) if size <= limit.size else limit.reject()
            yield from others[:-1] if len(block) <= limit.size else map(limit.check, others[:-1])
            begun, size = [others[-1]], len(others[-1])
    if size:
        yield b"".join(begun) if size <= limit.size else limit.reject()


def decode_row(line: bytes) -> Row | Reject:
    """Decodes one JSON text as a row, or returns the reason why it is not one."""
    try:
        value = _decode(line)
    except (ValueError, RecursionError):
        if line.startswith(BYTE_ORDER_MARK):  # files were put together
            return decode_row(_MARKS.sub(b"", line, count=1))
        if not line.strip(b"\0 \t\r"):
            return Reject(Reason.NOT_JSON, "the row holds nothing but NUL bytes: the file was not written to its end.")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            return Reject(
                Reason.NOT_JSON, f"byte {error.start + 1} of the row (0x{line[error.start]:02x}) is not UTF-8."
            )
        return _decode_by_standard_library(text)
    return value if isinstance(value, dict) else not_an_object(value)


def _decode_by_standard_library(text: str) -> Row | Reject:
    try:
        value = json.loads(text)
    except RecursionError:
        return Reject(Reason.NOT_JSON, "the values are nested too deeply.")
    except ValueError as error:
        return Reject(Reason.NOT_JSON, f"not JSON: {error}; found {excerpt(text)}.")
    return as_row(value, text)


def as_row(value: object, text: str) -> Row | Reject:
    """A decoded value as a row. Refuses text that is not Unicode, which the standard library accepts."""
    if _NOT_UTF8.search(text):
        return Reject(Reason.NOT_JSON, "bytes that are not UTF-8.")
    if _HALF_PAIR.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return Reject(Reason.NOT_JSON, "an escape such as \\ud83d without its other half: not a character.")
    return value if isinstance(value, dict) else not_an_object(value)


def not_an_object(value: object) -> Reject:
    """The reject for JSON that is not an object of fields."""
    kind = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
    return Reject(
        Reason.NOT_AN_OBJECT, f"a row is an object of named fields, this one is {kind}: {excerpt(str(value))}."
    )


def excerpt(text: str) -> str:
    """The beginning of a text, for a message."""
    return repr(shorten(text, 60))


def read_json(blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW) -> Iterator[Numbered]:
    """Yields the rows of an array, a single row, rows one after another, or JSON Lines, as the content decides.

    Raises:
        Broken: where the file is truncated or malformed, after every row before that place.
    """
    kind, blocks = sniff(blocks)
    if kind == "lines":
        yield from read_json_lines(blocks, 1, limit)
        return
    held: list[bytes] = []
    if kind == "array":
        rows, held, blocks = _decode_at_once(blocks, limit.size)
        if rows is not None:
            for row, value in enumerate(rows, 1):
                yield row, value if isinstance(value, dict) else not_an_object(value)
            return
    text = JsonText(chain(held, blocks), limit)
    try:
        for row, (value, raw) in enumerate(text.elements() if kind == "array" else text.values(), 1):
            if isinstance(value, Reject) and value.reason is Reason.OVER_LIMIT and kind == "values":
                value = Reject(value.reason, f"{value.detail} If it holds the rows, set 'records' or 'orient'.")
            yield row, value if isinstance(value, Reject) else as_row(value, raw)
    except Malformed as fault:
        raise Broken(str(fault)) from fault


def _decode_at_once(blocks: Iterator[bytes], longest: int) -> tuple[list[object] | None, list[bytes], Iterator[bytes]]:
    """The elements of a valid array shorter than `longest`; else None, the blocks read so far and the others."""
    held: list[bytes] = []
    size = 0
    try:
        for block in blocks:
            held.append(block)
            size += len(block)
            if size > min(WHOLE_BYTES, longest):
                return None, held, blocks
    except Broken as fault:
        return None, held, _raising(fault)
    try:
        return _decode(b"".join(held)), [], iter(())
    except (ValueError, RecursionError):
        return None, held, iter(())


def _raising(fault: Broken) -> Iterator[bytes]:
    raise fault
    yield b""


def sniff(blocks: Iterator[bytes]) -> tuple[str, Iterator[bytes]]:
    """Detects what a JSON file holds: 'array', 'lines' (JSON Lines) or 'values' (one object, or several in a row).

    JSON Lines: the first line is a whole value; or it is malformed, and a later line is a whole object.

    Returns:
        The kind, and all the blocks again.
    """
    head, rest = first_lines(blocks)
    first, *others = head.lstrip().split(b"\n")
    if first.startswith(b"["):
        kind = "array"
    elif _is_object(first) or (
        JsonText.is_malformed(head.decode("utf-8", "surrogateescape")) and any(map(_is_object, others))
    ):
        kind = "lines"
    else:
        kind = "values"
    return kind, chain([head], rest)


def _is_object(line: bytes) -> bool:
    return isinstance(decode_row(line), dict)


def first_lines(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The file up to at least HEAD_BYTES and a line end, but never far beyond WHOLE_BYTES."""
    held: list[bytes] = []
    size = 0
    try:
        for block in blocks:
            held.append(block)
            size += len(block)
            if size >= WHOLE_BYTES or (size >= HEAD_BYTES and b"\n" in block):
                break
    except Broken as fault:
        return b"".join(held), _raising(fault)
    return b"".join(held), blocks
