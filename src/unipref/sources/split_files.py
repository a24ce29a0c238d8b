"""Splits files, globs and folders into parts: the pieces of work that map tasks read.

A split depends on the file alone, never on the number of workers, so rows and their numbers do not depend on it either.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from unipref.core.errors import UserError, near_name, raise_if_resource
from unipref.core.terminal import show_name
from unipref.sources.compressed import open_zip
from unipref.sources.limits import DEFAULT, Limits
from unipref.sources.part import Part
from unipref.sources.paths import EXPLICIT, expand, shape_and_packing, workbook_and_sheet
from unipref.sources.unread_files import UnreadFiles

CUT_BYTES = 32 << 20
"""Plain JSON Lines files are split, and Parquet row groups are joined, into parts of about this many bytes."""


def parts(
    paths: Sequence[str],
    data_root: Path,
    where: str,
    cut_bytes: int | None = CUT_BYTES,
    follow_links: bool = False,
    limits: Limits = DEFAULT,
    unread: UnreadFiles | None = None,
) -> list[Part]:
    """Splits files, globs and folders into pieces of work, in the order given; a file named twice is read once.

    A folder stands for every data file in it and below, sorted by relative path; hidden files and files with other
    endings are skipped. Environment variables and `~` are expanded.

    Args:
        paths: absolute, or relative to `data_root`; a workbook's with `#Sheet`, where it is not the first one.
        data_root: where relative paths start.
        where: the setting's place in the study file, for errors.
        cut_bytes: size of the ranges into which a large file is split; None: files stay whole, which is quick.
        follow_links: whether links in folders and globs may lead out of them and of `data_root`. If not, such a link
            becomes a part with a `fault`, as does each data file that is not a regular file.
        limits: how much of them is held or unpacked.
        unread: gets the names of the files, members and sheets that are not read.

    Raises:
        UserError: a missing file (with the near name), a glob or folder with no data file, an unknown ending, an
            environment variable that is not set.
    """
    of_file: dict[tuple[str, str], list[Part]] = {}
    skipped = UnreadFiles() if unread is None else unread
    for given in paths:
        has_parts = False
        book, sheet = workbook_and_sheet(given, data_root)
        for path, origin, fault in expand(book, data_root, where, follow_links, skipped):
            key = (os.path.realpath(path), sheet)
            if fault:
                shape = shape_and_packing(path.name)[0] or "lines"
                of_file.setdefault(key, [Part(str(path), show_name(origin), shape, fault=fault)])
            elif key not in of_file or any(part.fault for part in of_file[key]):
                new = list(parts_of_file(path, show_name(origin), where, cut_bytes, limits, skipped))
                skipped.empty += [] if new else [origin]
                of_file[key] = [_of_sheet(part, sheet, where) for part in new] if sheet else new
            has_parts = has_parts or bool(of_file[key])
        if not has_parts:
            raise UserError(
                f"the archive '{given}' holds no data file.",
                where=where,
                mend="Its members must end in .jsonl, .json, .csv, .tsv, .parquet, .arrow, .feather or .xlsx, "
                "perhaps with .gz or .zst.",
            )
    all_parts = [part for file_parts in of_file.values() for part in file_parts]
    if unread is not None:
        origins = {part.origin for part in all_parts}  # another path may name a file that a folder leaves out
        unread.endings = [name for name in unread.endings if name not in origins]
        unread.hidden = [name for name in unread.hidden if name not in origins]
        _note_sheets(all_parts, unread)
    return all_parts


def _note_sheets(all_parts: Sequence[Part], unread: UnreadFiles) -> None:
    """Notes the sheets with cells of each workbook of which no sheet is named, except the first."""
    from unipref.sources.xlsx_sheets import further_sheets

    books = {(part.path, part.member_place) for part in all_parts if part.sheet}
    for part in all_parts:
        if part.shape == "xlsx" and not part.fault and (part.path, part.member_place) not in books:
            unread.sheets += [f"{part.origin}#{name}" for name in further_sheets(part)]


def check_parts(given: Sequence[Part]) -> None:
    """Checks that files are still split as they were, so that the parts have all their rows.

    Raises:
        UserError: a file has changed since; it names the file.
    """
    by_file: dict[str, list[Part]] = {}
    for part in given:
        if part.end is not None or part.start or part.member:
            by_file.setdefault(part.path, []).append(part)
    for path, ranges in by_file.items():
        parts_now = parts_of_file(Path(path), ranges[0].origin, path, CUT_BYTES, ranges[0].limits)
        now = {_range(part) for part in parts_now}
        if not now.issuperset(map(_range, ranges)):
            raise UserError(
                "the file changed while the run started.",
                where=path,
                mend="Run the same command again when nothing writes to the file.",
            )


def _range(part: Part) -> tuple[str | None, int, int | None, int]:
    return part.member, part.start, part.end, part.first_row


def _of_sheet(part: Part, sheet: str, where: str) -> Part:
    """The part of one sheet of a workbook.

    Raises:
        UserError: the workbook has no such sheet.
    """
    from unipref.sources.xlsx_sheets import sheet_names

    names = sheet_names(part)
    if names is not None and sheet not in names:
        raise UserError(f"'{part.origin}' has no sheet '{sheet}'.", where=where, mend=near_name(sheet, names))
    return msgspec.structs.replace(part, sheet=sheet, origin=f"{part.origin}#{sheet}")


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
