"""Checks the files of a workbook before openpyxl reads them, because it holds rows and shared texts as a whole."""

import re
import zipfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from unipref.sources.compressed import BLOCK, Broken
from unipref.sources.limits import PACKED_FLOOR, Limits, advise

if TYPE_CHECKING:
    from unipref.sources.part import Part

SHEET = re.compile(r"(?i)xl/(worksheets|chartsheets)/[^/]*\.xml")
"""The files that openpyxl reads row by row."""
MOST_ROWS = 1_048_576
"""Rows of a sheet (ECMA-376); openpyxl counts up to a row's number, whatever it is."""
_ROW = re.compile(rb"<(?:\w+:)?row\b(?:[^>]*?\br=[\"'](\d+))?")
_DEFINITION = re.compile(rb"<!(?:DOCTYPE|ENTITY)|<\0!\0[DE]\0|\0<\0!\0[DE]")
"""The start of a document type, in UTF-8 and UTF-16. Workbooks have none: its entities can grow without bound."""
_OVERLAP = 256
"""Bytes of a block that are looked at again with the next one."""


def check_workbook(file: IO[bytes], part: "Part") -> None:
    """Reads all XML of a workbook, block by block.

    Args:
        file: the workbook; left at its beginning.
        part: names the limits.

    Raises:
        Broken: a row, the shared texts or all files together are larger than the limits allow. Or a row has a number
            that no sheet has, or a file defines entities.
        BadZipFile: not a workbook, or a damaged one.
    """
    limits = part.limits
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        held = sum(member.file_size for member in members if not SHEET.fullmatch(member.filename))
        if held > limits.workbook_bytes:
            raise _too_large("its shared texts and styles have", held, limits.workbook_bytes, "workbook_bytes")
        unpacked = sum(member.file_size for member in members)
        packed = sum(member.compress_size for member in members)
        if unpacked > (most := max(PACKED_FLOOR, limits.unpack_ratio * packed)):
            raise _too_large("it unpacks to", unpacked, most, "unpack_ratio")
        if unpacked > limits.unpacked_bytes:
            raise _too_large("it unpacks to", unpacked, limits.unpacked_bytes, "unpacked_bytes")
        for member in members:
            if member.filename.lower().endswith((".xml", ".rels", ".vml")):
                with archive.open(member) as xml:
                    _check_xml(xml, bool(SHEET.fullmatch(member.filename)), limits)
    file.seek(0)


def _check_xml(xml: IO[bytes], is_sheet: bool, limits: Limits) -> None:
    """Looks for definitions of entities, and in a sheet for the distances between rows and for their numbers."""
    row_start = 0
    for place, window in _windows(xml):
        if _DEFINITION.search(window):
            raise Broken("its XML defines entities, which no workbook needs. Save it again with a spreadsheet program.")
        if not is_sheet:
            continue
        for row in _ROW.finditer(window):
            _check_row(place + row.start() - row_start, limits)
            row_start = place + row.start()
            if row[1] and int(row[1][:20]) > MOST_ROWS:
                raise Broken(f"it has a row {row[1][:20].decode()}; a sheet has at most {MOST_ROWS:,}.")
        _check_row(place + len(window) - row_start, limits)


def _check_row(size: int, limits: Limits) -> None:
    if size > limits.row_bytes + _OVERLAP:
        raise _too_large("one of its rows has", size, limits.row_bytes, "row_bytes")


def _windows(xml: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yields the file block by block, each after the end of the block before it, with the place of its first byte."""
    place, before = 0, b""
    while block := xml.read(BLOCK):
        window = before + block
        yield place, window
        before = window[-_OVERLAP:]
        place += len(window) - len(before)


def _too_large(what: str, size: int, most: int, setting: str) -> Broken:
    return Broken(f"{what} {size:,} bytes, more than {most:,}. {advise(setting)}")
