"""Sizes of the pages of a Parquet file, from the headers in front of them.

Arrow unpacks a page as a whole, and does not tell its size before. The header is a struct in Thrift's compact protocol
(parquet-format, `PageHeader`; its fields 1 to 3 are the kind of page, the unpacked and the packed size).
"""

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.parquet as pq

HEADER_BYTES = 1 << 20
DICTIONARY = 2
"""The kind of a page that holds the values of a column; the other pages then hold numbers of values."""


def page_sizes(file: IO[bytes], chunk: "pq.ColumnChunkMetaData", most_pages: int | None = None) -> tuple[int, int]:
    """Returns the unpacked sizes of a column chunk's dictionary (0 if it has none) and of its largest other page.

    Reading stops at a header that is damaged: Arrow will say so.

    Args:
        file: the Parquet file.
        chunk: one column of a row group.
        most_pages: how many pages to look at; None: all.
    """
    place = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        place = min(place, chunk.dictionary_page_offset)
    end = place + chunk.total_compressed_size
    dictionary = largest = n_pages = 0
    while place < end and n_pages != most_pages:
        file.seek(place)
        header = _Header(file.read(min(HEADER_BYTES, end - place)))
        try:
            fields = header.read_struct()
            kind, unpacked, packed = fields[1], fields[2], fields[3]
        except (IndexError, KeyError, ValueError):
            break
        if kind == DICTIONARY:
            dictionary = max(dictionary, unpacked)
        else:
            largest = max(largest, unpacked)
        if packed < 0:
            break
        place += header.place + packed
        n_pages += 1
    return dictionary, largest


class _Header:
    """Bytes in Thrift's compact protocol, read from their beginning; an `IndexError` if they end early."""

    def __init__(self, content: bytes) -> None:
        self._content, self.place = content, 0

    def read_struct(self, depth: int = 0) -> dict[int, int]:
        """Returns the whole numbers of a struct by field number, and skips all other fields."""
        fields: dict[int, int] = {}
        number = 0
        while head := self._byte():
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else self._number()
            if kind in (4, 5, 6):
                fields[number] = self._number()
            elif kind not in (1, 2):  # a boolean is in its head
                self._skip(kind, depth)
        return fields

    def _byte(self) -> int:
        self.place += 1
        return self._content[self.place - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, kind: int, depth: int) -> None:
        """Skips a value: a byte, number, double, text, list or struct; page headers have no maps."""
        if kind in (1, 2, 3):
            self._byte()
        elif kind in (4, 5, 6):
            self._varint()
        elif kind == 7:
            self.place += 8
        elif kind == 8:
            length = self._varint()
            self.place += length
        elif kind in (9, 10) and depth < 8:
            head = self._byte()
            count = self._varint() if head >> 4 == 15 else head >> 4
            for _ in range(count):
                self._skip(head & 15, depth + 1)
        elif kind == 12 and depth < 8:
            self.read_struct(depth + 1)
        else:
            raise ValueError(f"a page header has a value of kind {kind}")
