"""Reads the bytes of a part block by block, from a plain file, gzip, zstandard or a zip.

A truncated or damaged file is read up to the damage; then `Broken` is raised.
"""

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, cast

from unipref.core.errors import raise_if_resource
from unipref.sources.limits import PACKED_FLOOR, advise

if TYPE_CHECKING:
    import zipfile

    from unipref.sources.part import Part

BLOCK = 1 << 20
ZSTD_BLOCK = 2 << 10
"""Packed bytes at a time: 4 bytes of zstandard can stand for 128 KiB, and all of them are unpacked at once."""


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
    """Yields the unpacked bytes; raises `Broken` where there are more than the limits allow."""
    try:
        with _open_packed(part) as (file, packed_size):
            if part.packing == "gz":
                yield from _bound_blocks(_gunzip(file), packed_size, part)
            elif part.packing == "zst":
                yield from _bound_blocks(_unzstd(file, part.limits.window_bytes), packed_size, part)
            elif part.member is not None:
                yield from _bound_blocks(_plain(file, None), packed_size, part)
            else:
                left = part.end - part.start if part.shape == "jsonl" and part.end is not None else None
                yield from _plain(file, left)
    except OSError as error:
        raise_if_resource(error, part.path)
        raise Broken(f"{error.strerror or error}. Check that the file can be read.") from error


def _bound_blocks(blocks: Iterator[bytes], packed_size: int, part: "Part") -> Iterator[bytes]:
    """Yields blocks until they are more than the part's limits allow for its packed size."""
    limits, size = part.limits, 0
    by_ratio = max(PACKED_FLOOR, limits.unpack_ratio * packed_size)
    for block in blocks:
        size += len(block)
        if size > min(limits.unpacked_bytes, by_ratio):
            setting = "unpacked_bytes" if limits.unpacked_bytes <= by_ratio else "unpack_ratio"
            raise Broken(
                f"its {packed_size:,} packed bytes unpack to more than {min(limits.unpacked_bytes, by_ratio):,}. "
                f"{advise(setting)}"
            )
        yield block


@contextmanager
def _open_packed(part: "Part") -> Iterator[tuple[IO[bytes], int]]:
    """Opens the packed bytes: the file from `start` on, or the member of a zip. Yields also their number."""
    if part.member is None and part.shape != "zip":
        with open(part.path, "rb") as file:
            if part.shape == "jsonl":
                file.seek(part.start)
            yield file, os.fstat(file.fileno()).st_size
        return
    import zipfile

    try:
        archive = open_zip(part.path)
        info = _find_member(archive, part)
        with archive.open(info) as member:
            yield member, info.compress_size
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise_if_resource(error, part.path)
        raise Broken(f"the zip is damaged or incomplete ({error}). Fetch or copy the file again.") from error
    except RuntimeError as error:
        raise_if_resource(error, part.path)
        raise Broken(f"the zip cannot be unpacked ({error}). Unpack it yourself and name the files in it.") from error


def open_zip(path: str) -> "zipfile.ZipFile":
    """Returns a zip file that stays open until another one is needed: its list of members is read once, not per member.

    Raises:
        OSError: as `open`.
        BadZipFile: its list of members cannot be read.
    """
    stat = os.stat(path)
    return _open_zip_once(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _open_zip_once(path: str, modified: int, size: int) -> "zipfile.ZipFile":
    import zipfile

    try:
        return zipfile.ZipFile(path)
    except NotImplementedError as error:  # an entry that asks for a later version of the format
        raise zipfile.BadZipFile(str(error)) from error


def _find_member(archive: "zipfile.ZipFile", part: "Part") -> "zipfile.ZipInfo":
    """Returns a member by its place in the archive's index, because two members can have one name."""
    infos = archive.infolist()
    if part.member_place is not None and part.member_place < len(infos):
        info = infos[part.member_place]
        if info.filename == part.member:
            return info
    return archive.getinfo(part.member or "")


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
        raise_if_resource(error)
        if is_empty:
            mend += " Remove '.gz' from its name if it is not packed."
        what = "it is not a gzip file" if is_empty else "the gzip stream is damaged"
        raise Broken(f"{what} ({error}). {mend}") from error


def _unzstd(file: IO[bytes], window_bytes: int) -> Iterator[bytes]:
    """Unpacks frame after frame: zstandard's own stream reader mistakes a truncated frame for the end of the file."""
    import zstandard

    mend = "Fetch or copy the file again."
    unpacker = zstandard.ZstdDecompressor(max_window_size=window_bytes)
    frame = unpacker.decompressobj()
    in_frame, is_empty, packed = False, True, b""
    unpacked = bytearray()
    try:
        while packed := packed or file.read(ZSTD_BLOCK):
            in_frame = True
            unpacked += frame.decompress(packed)
            is_empty = is_empty and not unpacked
            if len(unpacked) >= BLOCK:
                yield from _cut(bytes(unpacked))
                unpacked.clear()
            packed = b""
            if frame.eof:
                packed, in_frame = frame.unused_data, False
                frame = unpacker.decompressobj()
    except zstandard.ZstdError as error:
        raise_if_resource(error)
        yield from _cut(bytes(unpacked))
        if "too much memory" in str(error):
            what = f"its window is larger than {window_bytes:,} bytes. To read it, raise 'limits.window_bytes'"
            raise Broken(f"{what}.") from error
        if is_empty:
            mend += " Remove '.zst' from its name if it is not packed."
        what = "it is not a zstandard file" if is_empty else "the zstandard stream is damaged"
        raise Broken(f"{what} ({error}). {mend}") from error
    yield from _cut(bytes(unpacked))
    if in_frame:
        raise Broken(f"the zstandard stream ends early. {mend}")


def _cut(unpacked: bytes) -> Iterator[bytes]:
    return (unpacked[start : start + BLOCK] for start in range(0, len(unpacked), BLOCK))


@contextmanager
def seekable(part: "Part") -> Iterator[IO[bytes]]:
    """Opens the unpacked bytes of a part as a seekable file; packed bytes go to a temporary file."""
    if not part.packing and part.member is None:
        with open(part.path, "rb") as file:
            yield file
        return
    with _spool(part) as file:
        yield file


def _spool(part: "Part") -> IO[bytes]:
    """Unpacks a part into a temporary file, which is in memory while it is short."""
    spool = tempfile.SpooledTemporaryFile(max_size=32 * BLOCK)  # noqa: SIM115 - the caller closes it
    try:
        for block in _blocks(part):
            spool.write(block)
        spool.seek(0)
    except BaseException as error:
        # To close a file on a full disk fails once more.
        with suppress(OSError):
            spool.close()
        if isinstance(error, OSError):
            raise_if_resource(error, f"{part.origin}, which is unpacked into {tempfile.gettempdir()}")
        raise
    return cast(IO[bytes], spool)


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
