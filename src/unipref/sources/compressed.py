"""Reads the bytes of a part block by block, from a plain file, gzip, zstandard or a zip.

A truncated or damaged file is read up to the damage; then `Broken` is raised.
"""

import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unipref.sources.part import Part

BLOCK = 1 << 20
ZSTD_BLOCK = 16 << 10
"""Packed bytes at a time: zstandard can unpack a block to thousands of times its size."""


class Broken(Exception):
    """A file cannot be read any further. The message says what is wrong and how to fix it."""


def chunks(part: "Part") -> Iterator[bytes]:
    """Yields the unpacked bytes of a part in blocks, without a byte-order mark.

    Raises:
        Broken: after the last good block, if the file is truncated or damaged.
    """
    blocks = _blocks(part)
    head = next(blocks, b"")
    if part.start == 0:
        while 0 < len(head) < len("\ufeff".encode("utf-32-le")) and (more := next(blocks, b"")):
            head += more
        if problem := text_problem(head):
            raise Broken(problem)
        head = head.removeprefix(b"\xef\xbb\xbf")
    if head:
        yield head
    yield from blocks


def text_problem(head: bytes) -> str | None:
    """Says why the beginning of a file is not UTF-8 text; None if it may be."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "the text is UTF-32. Save the file as UTF-8."
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the text is UTF-16. Save the file as UTF-8."
    if b"\0" not in head[:4]:
        return None
    if not head.strip(b"\0"):
        return f"its first {len(head)} bytes are NUL: it was not written or copied to its end. Fetch or copy it again."
    start = head[:64]
    for width, name in ((4, "UTF-32"), (2, "UTF-16")):
        columns = [start[place::width] for place in range(width)]
        if sum(not column.strip(b"\0") for column in columns) == width - 1:
            return f"the text may be {name}: of {width} bytes only one is not NUL. Save the file as UTF-8."
    return None


def _blocks(part: "Part") -> Iterator[bytes]:
    try:
        with _open_packed(part) as file:
            if part.packing == "gz":
                yield from _gunzip(file)
            elif part.packing == "zst":
                yield from _unzstd(file)
            else:
                left = part.end - part.start if part.shape == "jsonl" and part.end is not None else None
                yield from _plain(file, left)
    except OSError as error:
        raise Broken(f"{error.strerror or error}. Check that the file can be read.") from error


@contextmanager
def _open_packed(part: "Part") -> Iterator[IO[bytes]]:
    """Opens the packed bytes: the file from `start` on, or the member of a zip."""
    if part.member is None and part.shape != "zip":
        with open(part.path, "rb") as file:
            if part.shape == "jsonl":
                file.seek(part.start)
            yield file
        return
    import zipfile

    try:
        with zipfile.ZipFile(part.path) as archive:
            # By the place in the archive's index, because two members can have one name.
            copies = [info for info in archive.infolist() if info.filename == part.member]
            with archive.open(copies[part.copy - 1] if copies else part.member or "") as member:
                yield member
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise Broken(f"the zip is damaged or incomplete ({error}). Fetch or copy the file again.") from error
    except RuntimeError as error:
        raise Broken(f"the zip cannot be unpacked ({error}). Unpack it yourself and name the files in it.") from error


def _plain(file: IO[bytes], left: int | None) -> Iterator[bytes]:
    read1: Callable[[int], bytes] = getattr(file, "read1", file.read)
    while block := read1(BLOCK if left is None else min(BLOCK, left)):
        yield block
        left = None if left is None else left - len(block)


def _gunzip(file: IO[bytes]) -> Iterator[bytes]:
    mend = "Fetch or copy the file again."
    is_empty = True
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            while block := unpacked.read1(BLOCK):
                is_empty = False
                yield block
    except EOFError:
        raise Broken(f"the gzip stream ends early. {mend}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        if is_empty:
            mend += " Remove '.gz' from its name if it is not packed."
        what = "it is not a gzip file" if is_empty else "the gzip stream is damaged"
        raise Broken(f"{what} ({error}). {mend}") from error


def _unzstd(file: IO[bytes]) -> Iterator[bytes]:
    """Unpacks frame after frame: zstandard's own stream reader mistakes a truncated frame for the end of the file."""
    import zstandard

    mend = "Fetch or copy the file again."
    frame = zstandard.ZstdDecompressor().decompressobj()
    in_frame, is_empty, packed = False, True, b""
    try:
        while packed := packed or file.read(ZSTD_BLOCK):
            in_frame = True
            if block := frame.decompress(packed):
                is_empty = False
                yield block
            packed = b""
            if frame.eof:
                packed, in_frame = frame.unused_data, False
                frame = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as error:
        if is_empty:
            mend += " Remove '.zst' from its name if it is not packed."
        what = "it is not a zstandard file" if is_empty else "the zstandard stream is damaged"
        raise Broken(f"{what} ({error}). {mend}") from error
    if in_frame:
        raise Broken(f"the zstandard stream ends early. {mend}")


@contextmanager
def seekable(part: "Part") -> Iterator[IO[bytes]]:
    """Opens the unpacked bytes of a part as a seekable file; packed bytes go to a temporary file."""
    if not part.packing and part.member is None:
        with open(part.path, "rb") as file:
            yield file
        return
    with tempfile.SpooledTemporaryFile(max_size=32 * BLOCK) as spool:
        for block in _blocks(part):
            spool.write(block)
        spool.seek(0)
        yield spool


class ChunkReader(io.RawIOBase):
    """Blocks of bytes as a file object, for readers that need one."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer from the next block. Raises `Broken` where the blocks do."""
        if not self._rest:
            self._rest = next(self._blocks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
