"""Splits one data file into parts: ranges of lines, row groups, members of an archive.

A split depends on the file alone, never on the number of workers, so rows and their numbers do not depend on it either.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from unipref.core.errors import UserError, raise_if_resource
from unipref.core.terminal import show_name
from unipref.sources.compressed import open_zip
from unipref.sources.limits import DEFAULT, Limits
from unipref.sources.part import Part
from unipref.sources.paths import EXPLICIT, shape_and_packing
from unipref.sources.unread_files import UnreadFiles

CUT_BYTES = 32 << 20
"""Plain JSON Lines files are split, and Parquet row groups are joined, into parts of about this many bytes."""


def parts_of_file(
    path: Path,
    origin: str,
    where: str,
    cut_bytes: int | None,
    limits: Limits = DEFAULT,
    unread: UnreadFiles | None = None,
) -> Iterator[Part]:
    """The parts of one data file; with `cut_bytes` None it stays whole, which is quick for any size."""
    shape, packing = shape_and_packing(path.name)
    try:
        size = path.stat().st_size
        whole = Part(str(path), origin, shape, packing, size=size, limits=limits)
        if shape == "zip":
            yield from _members(whole, where, UnreadFiles() if unread is None else unread)
        elif packing or cut_bytes is None:
            yield whole
        elif shape == "parquet":
            yield from _row_groups(whole, cut_bytes)
        elif size > cut_bytes and _holds_json_lines(whole):
            yield from _line_ranges(whole, cut_bytes)
        else:
            yield whole
    except OSError as error:
        raise_if_resource(error, str(path))
        what = f"'{path}' is not readable: {error.strerror or error}."
        raise UserError(what, where=where, mend="Check that the file can be read.") from error


def _members(archive: Part, where: str, unread: UnreadFiles) -> Iterator[Part]:
    """One part for each data file in a zip, in the order of the archive. `unread` gets the names of the others.

    Raises:
        UserError: it has more members than the limits allow.
    """
    import zipfile

    try:
        members = open_zip(archive.path).infolist()
    except zipfile.BadZipFile:
        yield archive
        return
    # A damaged archive can hold names without a character, on which ZipInfo.is_dir fails.
    infos = [(place, info) for place, info in enumerate(members) if not info.filename.endswith("/")]
    copies: Counter[str] = Counter()
    if len(infos) > archive.limits.members:
        raise UserError(
            f"the archive '{archive.origin}' has {len(infos):,} members, more than {archive.limits.members:,}.",
            where=where,
            mend="Raise 'limits.members', or unpack it and join its files.",
        )
    for place, info in infos:
        if not info.filename:
            origin = f"{archive.origin}!(member {place + 1})"
            yield msgspec.structs.replace(archive, origin=origin, fault=f"'{origin}' is not read: it has no name.")
            continue
        shape, packing = shape_and_packing(info.filename)
        hidden = any(step.startswith(".") for step in info.filename.split("/"))
        if "__MACOSX" in info.filename.split("/"):
            continue
        if shape in ("", "zip", EXPLICIT):
            unread.endings += [] if hidden else [f"{archive.origin}!{info.filename}"]
        elif hidden:
            unread.hidden.append(f"{archive.origin}!{info.filename}")
        else:
            copies[info.filename] += 1
            copy = copies[info.filename]
            origin = f"{archive.origin}!{show_name(info.filename)}" + (f" (copy {copy})" if copy > 1 else "")
            yield msgspec.structs.replace(
                archive,
                origin=origin,
                shape=shape,
                packing=packing,
                member=info.filename,
                size=info.file_size,
                member_place=place,
            )


def _row_groups(whole: Part, cut_bytes: int) -> Iterator[Part]:
    """Neighbouring row groups of a Parquet file, joined up to `cut_bytes`. An unreadable file is one part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(whole.path)
    except (pa.ArrowException, OSError) as error:
        raise_if_resource(error, whole.path)
        yield whole
        return
    if metadata.num_row_groups == 0:
        yield whole
    start, first_row, rows, size = 0, 1, 0, 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        size += metadata.row_group(group).total_byte_size
        if size >= cut_bytes or group == metadata.num_row_groups - 1:
            yield msgspec.structs.replace(whole, start=start, end=group + 1, first_row=first_row, size=size)
            start, first_row, rows, size = group + 1, first_row + rows, 0, 0


def _holds_json_lines(whole: Part) -> bool:
    """Whether a plain file can be split at line ends."""
    from unipref.sources.compressed import Broken, chunks
    from unipref.sources.json_rows import sniff

    if whole.shape not in ("json", "jsonl"):
        return False
    try:
        return sniff(chunks(whole), "lines" if whole.shape == "jsonl" else "values")[0] == "lines"
    except Broken:
        return False


def _line_ranges(whole: Part, cut_bytes: int) -> Iterator[Part]:
    """Byte ranges that end at line ends, each with the number of its first line."""
    with open(whole.path, "rb") as file:
        start, first_row = 0, 1
        while start < whole.size:
            file.seek(start + cut_bytes - 1)
            file.readline()
            end = min(file.tell(), whole.size)
            yield msgspec.structs.replace(
                whole, shape="jsonl", start=start, end=end, first_row=first_row, size=end - start
            )
            first_row += count_lines(file, start, end)
            start = end


def count_lines(file: BinaryIO, start: int, end: int) -> int:
    """Counts the line ends in a byte range."""
    file.seek(start)
    lines, left = 0, end - start
    while left > 0 and (block := file.read(min(left, 1 << 20))):
        lines += block.count(b"\n")
        left -= len(block)
    return lines
