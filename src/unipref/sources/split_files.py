"""Splits files, globs and folders into parts: the pieces of work that map tasks read.

A split depends on the file alone, never on the number of workers, so rows and their numbers do not depend on it either.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from unipref.core.errors import UserError, near_name
from unipref.core.hub import is_address
from unipref.core.terminal import show_name
from unipref.sources.file_parts import CUT_BYTES, parts_of_file
from unipref.sources.hub import address_parts
from unipref.sources.limits import DEFAULT, Limits
from unipref.sources.part import Part
from unipref.sources.paths import expand, shape_and_packing, workbook_and_sheet
from unipref.sources.unread_files import UnreadFiles


def parts(
    paths: Sequence[str],
    data_root: Path,
    where: str,
    cut_bytes: int | None = CUT_BYTES,
    follow_links: bool = False,
    limits: Limits = DEFAULT,
    unread: UnreadFiles | None = None,
    revision: str | None = None,
) -> list[Part]:
    """Splits files, globs and folders into pieces of work, in the order given; a file named twice is read once.

    A folder stands for every data file in it and below, sorted by relative path; hidden files and files with other
    endings are skipped. Environment variables and `~` are expanded.

    Args:
        paths: absolute, or relative to `data_root`; a workbook's with `#Sheet`, where it is not the first one. Those
            that begin with `hf://datasets/` are fetched from the hub.
        data_root: where relative paths start.
        where: the setting's place in the study file, for errors.
        cut_bytes: size of the ranges into which a large file is split; None: files stay whole, which is quick.
        follow_links: whether links in folders and globs may lead out of them and of `data_root`. If not, such a link
            becomes a part with a `fault`, as does each data file that is not a regular file.
        limits: how much of them is held or unpacked.
        unread: gets the names of the files, members and sheets that are not read.
        revision: commit, branch or tag of the files on the hub; None: as their addresses say, or `main`.

    Raises:
        UserError: a missing file (with the near name), a glob or folder with no data file, an unknown ending, an
            environment variable that is not set.
    """
    of_file: dict[tuple[str, str], list[Part]] = {}
    skipped = UnreadFiles() if unread is None else unread
    for given in paths:
        if is_address(given):
            for part in address_parts(given, where, cut_bytes, limits, skipped, revision):
                known = of_file.setdefault((os.path.realpath(part.path), part.member or ""), [])
                known += [] if part in known else [part]
            continue
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
