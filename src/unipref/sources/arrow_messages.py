"""Finds the messages of an Arrow file and how large they are after unpacking, before Arrow makes room for them.

A message is a table of metadata and a body. In a compressed body, each buffer begins with its unpacked size in 8 bytes.
Source: the Arrow columnar format, https://arrow.apache.org/docs/format/Columnar.html, and its FlatBuffers schemas.
"""

import io
import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

FILE_FORMAT = b"ARROW1"
CONTINUATION = 0xFFFFFFFF
DICTIONARY, BATCH = 2, 3
_COMPRESSION_FIELD = 3
MOST_METADATA = 1 << 28
"""Longest metadata in bytes."""
FAR = 1 << 42
"""More bytes than a file has (4 TiB); file systems refuse to seek much farther."""


class ArrowMessage(NamedTuple):
    """One message.

    Attributes:
        start, end: its place in the file, in bytes.
        kind: `DICTIONARY`, `BATCH` or another.
        rows: of a batch or dictionary.
        size: bytes of its compressed buffers after unpacking; 0 if nothing is compressed.
    """

    start: int
    end: int
    kind: int
    rows: int = 0
    size: int = 0


def read_messages(file: IO[bytes]) -> list[ArrowMessage]:
    """Returns the messages of a file in order; of a damaged one, those before the damage."""
    messages: list[ArrowMessage] = []
    try:
        file.seek(0)
        if file.read(len(FILE_FORMAT)) == FILE_FORMAT:
            messages.extend(_read_message(file, start) for start in _message_starts(file))
        else:
            messages.extend(_read_stream(file))
    except (struct.error, ValueError):
        pass  # Arrow says what is wrong when it reads the file.
    file.seek(0)
    return messages


def _read_stream(file: IO[bytes]) -> Iterator[ArrowMessage]:
    place, size = 0, file.seek(0, io.SEEK_END)
    while place < size:
        message = _read_message(file, place)
        if message.end <= place:
            return
        yield message
        place = message.end


def _read_message(file: IO[bytes], start: int) -> ArrowMessage:
    """Reads the metadata of the message at a place; its end is its start if there is none.

    Raises:
        ValueError, struct.error: damaged.
    """
    if not 0 <= start < FAR:
        raise ValueError("the place cannot be right")
    file.seek(start)
    (length,) = struct.unpack("<I", file.read(4))
    body = start + 4
    if length == CONTINUATION:
        (length,) = struct.unpack("<I", file.read(4))
        body += 4
    if not length:
        return ArrowMessage(start, start, 0)
    if length > MOST_METADATA:
        raise ValueError("the metadata are too long")
    table = _Table.root(file.read(length))
    body += length
    kind, body_length = table.number(1, "<B"), table.number(3, "<q")
    if not 0 <= body_length < FAR:
        raise ValueError("the length of the body cannot be right")
    message = ArrowMessage(start, body + body_length, kind)
    batch = table.table(2)
    if kind == DICTIONARY and batch is not None:
        batch = batch.table(1)
    if kind not in (DICTIONARY, BATCH) or batch is None:
        return message
    return message._replace(rows=batch.number(0, "<q"), size=_unpacked_size(file, batch, body, body_length))


def _unpacked_size(file: IO[bytes], batch: "_Table", body: int, body_length: int) -> int:
    size = 0
    for offset, packed in batch.structs(2, "<qq") if batch.has(_COMPRESSION_FIELD) else ():
        if packed >= 8 and 0 <= offset <= body_length - 8:
            file.seek(body + offset)
            size += max(0, *struct.unpack("<q", file.read(8)))
    return size


def _message_starts(file: IO[bytes]) -> list[int]:
    """Returns the places of the dictionaries and then of the batches, as the footer of a file names them."""
    end = file.seek(0, io.SEEK_END) - len(FILE_FORMAT) - 4
    file.seek(max(0, end))
    (length,) = struct.unpack("<I", file.read(4))
    file.seek(max(0, end - length))
    footer = _Table.root(file.read(length))
    blocks = [*footer.structs(2, "<qi4xq"), *footer.structs(3, "<qi4xq")]
    return [block[0] for block in blocks]


class _Table:
    """A table of FlatBuffers: fields by their number, at places that its list of offsets names."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, *struct.unpack_from("<I", data))

    def _at(self, layout: str, place: int) -> tuple[int, ...]:
        if place < 0:
            raise ValueError("an offset leads out of the metadata")
        return struct.unpack_from(layout, self._data, place)

    def _find(self, field: int) -> int:
        """Returns the place of a field; 0 if the table lacks it."""
        offsets = self._place - self._at("<i", self._place)[0]
        slot = 4 + 2 * field
        offset = self._at("<H", offsets + slot)[0] if slot < self._at("<H", offsets)[0] else 0
        return self._place + offset if offset else 0

    def has(self, field: int) -> bool:
        return self._find(field) > 0

    def number(self, field: int, layout: str) -> int:
        place = self._find(field)
        return self._at(layout, place)[0] if place else 0

    def table(self, field: int) -> "_Table | None":
        place = self._find(field)
        return _Table(self._data, place + self._at("<I", place)[0]) if place else None

    def structs(self, field: int, layout: str) -> Iterator[tuple[int, ...]]:
        """Yields the items of a list of structures."""
        place = self._find(field)
        if not place:
            return
        place += self._at("<I", place)[0]
        (count,) = self._at("<I", place)
        step = struct.calcsize(layout)
        for number in range(count):
            yield self._at(layout, place + 4 + number * step)


class WithoutMessages(io.RawIOBase):
    """A stream of Arrow without some of its messages.

    Args:
        file: the whole stream.
        left_out: messages, in their order in the stream.
    """

    def __init__(self, file: IO[bytes], left_out: list[ArrowMessage]) -> None:
        self._file, self._left_out = file, list(left_out)

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads at most the bytes up to the next message that is left out."""
        place = self._file.tell()
        while self._left_out and place >= self._left_out[0].start:
            place = self._file.seek(self._left_out.pop(0).end)
        most = self._left_out[0].start - place if self._left_out else len(buffer)
        content = self._file.read(min(len(buffer), most))
        buffer[: len(content)] = content
        return len(content)
