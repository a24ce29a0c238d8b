"""The sheets of a workbook: their names, and which of them have cells besides the first."""

import posixpath
import re
import zipfile
import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from unipref.core.errors import raise_if_resource
from unipref.sources.compressed import Broken, seekable
from unipref.sources.xlsx_bounds import SHEET

if TYPE_CHECKING:
    from unipref.sources.part import Part

NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
TARGET = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
SHEET_LIST, FILE_LIST = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
HEAD_BYTES = 1 << 20
"""Part of a sheet in which its first cell with a value stands, however its columns are described."""
UNREADABLE = (
    *(Broken, OSError, EOFError, LookupError, RuntimeError, ValueError),
    *(zlib.error, zipfile.BadZipFile, ElementTree.ParseError),
)
"""What reading a damaged member of a workbook raises: also an unknown encoding or compression, or a password."""
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is|f)\b")


def sheet_names(part: "Part") -> list[str] | None:
    """Returns the names of a workbook's sheets, without reading its cells; None if the workbook cannot be opened."""
    try:
        with seekable(part) as file, zipfile.ZipFile(file) as archive:
            tree = _read_xml(archive, SHEET_LIST, part.limits.row_bytes)
    except UNREADABLE as error:
        raise_if_resource(error, part.origin)
        return None
    return None if tree is None else [str(sheet.get("name")) for sheet in tree.iter(f"{NAMESPACE}sheet")]


def further_sheets(part: "Part") -> list[str]:
    """Returns the names of the sheets with cells that come after the first one, which is read; charts have none."""
    try:
        with seekable(part) as file, zipfile.ZipFile(file) as archive:
            names = _read_xml(archive, SHEET_LIST, part.limits.row_bytes)
            files = _read_xml(archive, FILE_LIST, part.limits.row_bytes)
            if names is None or files is None:
                return []
            target = {str(file.get("Id")): _member(str(file.get("Target"))) for file in files.iter(TARGET)}
            sheets = [
                (str(sheet.get("name")), target.get(str(sheet.get(RELATION)), ""))
                for sheet in names.iter(f"{NAMESPACE}sheet")
            ]
            tables = [(name, member) for name, member in sheets if _is_table(member)]
            return [name for name, member in tables[1:] if _has_values(archive, member)]
    except UNREADABLE as error:
        raise_if_resource(error, part.origin)
        return []


def _read_xml(archive: zipfile.ZipFile, member: str, most: int) -> ElementTree.Element | None:
    """Returns a member of a workbook as a tree; None if it is larger than `most` bytes."""
    return None if archive.getinfo(member).file_size > most else ElementTree.fromstring(archive.read(member))


def _member(target: str) -> str:
    """Returns the member that a relation of the workbook names, absolute or relative to `xl`."""
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _is_table(member: str) -> bool:
    match = SHEET.fullmatch(member)
    return match is None or match[1].lower() == "worksheets"


def _has_values(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether the beginning of a sheet has a cell with a value; True for a sheet that is not found."""
    if member not in archive.NameToInfo:
        return True
    with archive.open(member) as xml:
        return _VALUE.search(xml.read(HEAD_BYTES)) is not None
