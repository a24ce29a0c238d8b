"""JSON Lines and JSON: bytes -> numbered rows.

A row that msgspec refuses is decoded again with the standard library, which also accepts NaN and Infinity.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from unipref.core.display import shorten
from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken
from unipref.sources.json_keys import may_repeat_keys, note_repeated_keys
from unipref.sources.json_scanner import JsonText, Malformed, split_values
from unipref.sources.limits import DEFAULT_ROW, RowLimit
from unipref.sources.reading_notes import collect_notes, note_row

Numbered = tuple[int | str, Row | Reject]
"""The number of a row in its file, from 1 (`7.2` for a row inside a row), and the row or why it cannot be used."""

WHOLE_BYTES = 16 << 20
"""A JSON array up to this size is decoded at once, a longer one element by element."""

HEAD_BYTES = 64 << 10

SEVERAL_VALUES = "several JSON values, or a comma after one, stand in one line; each value is read as a row"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_decoder = msgspec.json.Decoder()
_decode = _decoder.decode
_OPENING, _CLOSING = set(b"{"), set(b"}")
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)+")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def read_json_lines(blocks: Iterator[bytes], first_row: int, limit: RowLimit = DEFAULT_ROW) -> Iterator[Numbered]:
    """Yields one row per line, numbered by line; blank lines are skipped. Reading continues after a bad line
    and after one that is too long. The values of a line that holds several are called `7.1`, `7.2`.

    Raises:
        Broken: where the blocks raise it, after the last whole line.
    """
    return chain.from_iterable(read_line_blocks(blocks, first_row, limit))


def read_line_blocks(
    blocks: Iterator[bytes], first_row: int, limit: RowLimit = DEFAULT_ROW
) -> Iterator[list[Numbered]]:
    """Yields the rows of `read_json_lines` in lists: many where nothing is noted on them, otherwise one."""
    number = first_row
    for several in line_blocks(blocks, limit):
        rows = decode_lines(several)
        if rows is None:
            yield from ([row] for row in _read_lines(several, number))
        else:
            yield list(enumerate(rows, number))
        number += len(several)


def decode_lines(several: Sequence[bytes | Reject]) -> list[Row] | None:
    """Decodes lines that hold one object each, in which no key is repeated; None for other lines."""
    held = [line for line in several if isinstance(line, bytes) and line]
    if len(held) < len(several) or {line[0] for line in held} != _OPENING or {line[-1] for line in held} != _CLOSING:
        return None
    try:
        # A value cannot go on in the next line, as each ends and begins with a brace; so equal numbers are one each.
        rows: list[Row] = _decoder.decode_lines(b"\n".join(held))
    except (ValueError, RecursionError):
        return None
    return rows if len(rows) == len(held) and not any(map(may_repeat_keys, held, rows)) else None


def _read_lines(several: Iterable[bytes | Reject], first_row: int) -> Iterator[Numbered]:
    for row, line in enumerate(several, first_row):
        if isinstance(line, Reject):
            yield row, line
        elif line and not line.isspace() and not _MARKS.fullmatch(line.strip()):
            decoded = decode_row(line)
            values = _split_line(line) if isinstance(decoded, Reject) and decoded.reason == Reason.NOT_JSON else []
            for place, value in enumerate(values, 1):
                note_row(SEVERAL_VALUES)
                yield f"{row}.{place}" if len(values) > 1 else row, value
            if not values:
                yield row, decoded


def _split_line(line: bytes) -> list[Row | Reject]:
    """Returns the rows of a line that holds several values, or one and a comma; empty if it is not such a line."""
    text = line.decode("utf-8", "surrogateescape")
    pieces = split_values(text)
    if pieces is None or (len(pieces) == 1 and not text.rstrip().endswith(",")):
        return []
    return [decode_row(piece.encode("utf-8", "surrogateescape")) for piece in pieces]


def lines(blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW) -> Iterator[bytes | Reject]:
    """Splits blocks of bytes into lines, without line ends; text after the last line end is a line if not empty.

    Yields:
        A line, or a reject in place of one that is too long, of which no more than the limit is held.
    """
    return chain.from_iterable(line_blocks(blocks, limit))


def line_blocks(blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW) -> Iterator[Sequence[bytes | Reject]]:
    """Yields what `lines` yields in lists, one for the lines that end in a block."""
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
            rest = others.pop()
            checked = others if len(block) <= limit.size else map(limit.check, others)
            yield [b"".join(begun) if size <= limit.size else limit.reject(), *checked]
            begun, size = [rest], len(rest)
    if size:
        yield [b"".join(begun) if size <= limit.size else limit.reject()]


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
    note_repeated_keys(line, value)
    return value if isinstance(value, dict) else not_an_object(value)


def _decode_by_standard_library(text: str) -> Row | Reject:
    try:
        value = json.loads(text)
    except RecursionError:
        return Reject(Reason.NOT_JSON, "the values are nested too deeply.")
    except ValueError as error:
        place = str(error)
        if isinstance(error, json.JSONDecodeError):
            place = f"{error.msg.removesuffix(' at')} at character {error.pos + 1} of the row"
        return Reject(Reason.NOT_JSON, f"not JSON: {place}; found {excerpt(text)}.")
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
    note_repeated_keys(text.encode("utf-8", "surrogateescape"), value)
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


def read_json(blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW, usual: str = "values") -> Iterator[Numbered]:
    """Yields the rows of an array, a single row, rows one after another, or JSON Lines, as the content decides.

    Args:
        blocks: the bytes.
        limit: the longest row.
        usual: what the file holds if its content does not tell: 'values' or 'lines'.

    Raises:
        Broken: where the file is truncated or malformed, after every row before that place.
    """
    return chain.from_iterable(read_json_blocks(blocks, limit, usual))


def read_json_blocks(
    blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW, usual: str = "values"
) -> Iterator[list[Numbered]]:
    """Yields the rows of `read_json` in lists, as `read_line_blocks` does."""
    kind, blocks = sniff(blocks, usual)
    if kind == "lines":
        yield from read_line_blocks(blocks, 1, limit)
    else:
        yield from ([row] for row in _read_values(kind, blocks, limit))


def _read_values(kind: str, blocks: Iterator[bytes], limit: RowLimit) -> Iterator[Numbered]:
    held: list[bytes] = []
    if kind == "array":
        rows, held, blocks = _decode_array(blocks, limit.size)
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


def _decode_array(blocks: Iterator[bytes], longest: int) -> tuple[list[object] | None, list[bytes], Iterator[bytes]]:
    """The elements of a valid array shorter than `longest`, in which no key is repeated; else None, the blocks read so
    far and the others.
    """
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
    whole = b"".join(held)
    try:
        value = _decode(whole)
    except (ValueError, RecursionError):
        return None, held, iter(())
    return (None, held, iter(())) if may_repeat_keys(whole, value) else (value, [], iter(()))


def _raising(fault: Broken) -> Iterator[bytes]:
    raise fault
    yield b""


def sniff(blocks: Iterator[bytes], usual: str = "values") -> tuple[str, Iterator[bytes]]:
    """Detects what a JSON file holds: 'array', 'lines' (JSON Lines) or 'values' (one object, or several in a row).

    JSON Lines: each line but the last holds whole values; or the beginning is malformed, and a line is a whole object.

    Args:
        blocks: the bytes.
        usual: the kind if the content does not tell.

    Returns:
        The kind, and all the blocks again.
    """
    head, rest = first_lines(blocks)
    return _kind_of(head.decode("utf-8", "surrogateescape"), usual), chain([head], rest)


def _kind_of(head: str, usual: str) -> str:
    with collect_notes():  # the rows are read again
        first, *others = [line for line in head.replace("\ufeff", "").split("\n") if line.strip()] or [""]
        if first.lstrip().startswith("["):
            return "lines" if others and split_values(first) is not None else "array"
        if _is_object(first) if not others else all(split_values(line) is not None for line in [first, *others[:-1]]):
            return "lines"
        n_whole, is_malformed = JsonText.scan_head(head)
        if not is_malformed and (usual == "values" or others):
            return "values"
        if any(map(_is_object, [first, *others])):
            return "lines"
    return "values" if n_whole else usual


def _is_object(line: str) -> bool:
    return isinstance(decode_row(line.encode("utf-8", "surrogateescape")), dict)


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
