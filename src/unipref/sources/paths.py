"""Resolves the paths, globs and folders that a user gives for data files, with environment variables and `~`."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from unipref.core.errors import UserError, near_name
from unipref.sources.file_tree import DataFile, FileTree, allowed_folders, describe_kind
from unipref.sources.saved_datasets import without_descriptions
from unipref.sources.unread_files import UnreadFiles

SHAPES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xlsx": "xlsx",
    ".lst": "lines",
    ".txt": "lines",
    ".zip": "zip",
}
"""Ending -> how the bytes are read."""

EXPLICIT = "lines"
"""The shape that is read only if its file is named: a .txt in a folder may as well be a licence."""

PACKINGS = {".gz": "gz", ".zst": "zst"}

ENDINGS = f"{', '.join(e for e in SHAPES if e != '.zip')}, each also with {' or '.join(PACKINGS)}, or inside a .zip"

SHEET = re.compile(r"(?i)^(.+\.xlsx(?:\.gz|\.zst)?)#(.+)$")
"""A workbook and the name of one of its sheets."""


def shape_and_packing(name: str) -> tuple[str, str]:
    """How a file of this name is read: ('jsonl', 'gz'); the shape is '' for an unknown ending."""
    stem, ending = os.path.splitext(name.lower())
    packing = PACKINGS.get(ending, "")
    if packing:
        stem, ending = os.path.splitext(stem)
    shape = SHAPES.get(ending, "")
    return ("", "") if packing and shape == "zip" else (shape, packing)


def workbook_and_sheet(path: str, data_root: Path) -> tuple[str, str]:
    """`book.xlsx#Sheet` as the file and the sheet; the sheet is '' if none is named or a file has that name."""
    match = SHEET.match(path)
    if match is None or os.path.lexists(Path(os.path.abspath(data_root)) / os.path.expanduser(path)):
        return path, ""
    return match[1], match[2]


class PlacedFile(NamedTuple):
    """A data file, its origin, and why it is not read; '' for one that is."""

    path: Path
    origin: str
    fault: str


def expand(
    path: str, data_root: Path, where: str, follow_links: bool = False, unread: UnreadFiles | None = None
) -> Iterator[PlacedFile]:
    """Returns the data files that a path stands for, in order.

    A file that the path names itself may be a link to anywhere. `unread` gets the names of the other files.

    Raises:
        UserError: the path does not exist or holds no readable file, or an environment variable is not set.
    """
    if "\0" in path:
        raise UserError(f"the path {path!r} contains a NUL character.", where=where, mend="Remove it.")
    expanded = os.path.expanduser(os.path.expandvars(path))
    root = Path(os.path.abspath(data_root))
    if os.path.lexists(root / expanded):
        # Brackets in the name of a folder are not a pattern, and the folder itself may be a link.
        inside = [*allowed_folders(str(root), "."), *allowed_folders(os.path.realpath(root / expanded), ".")]
        files = _data_files(FileTree(str(root), None if follow_links else inside, unread), expanded, where)
    elif unset := re.search(r"\$(\w+|\{[^}]*\})", expanded):
        name = unset[0].strip("${}")
        raise UserError(
            f"'{path}' names the environment variable {name}, which is not set.", where=where, mend=f"Set {name}."
        )
    elif glob.has_magic(expanded):
        tree = FileTree(str(root), None if follow_links else allowed_folders(str(root), expanded), unread)
        matches = tree.matches(expanded)
        files = [file for match in matches for file in _match(tree, match, expanded)]
        files = without_descriptions(tree.root, files)
        if not any(not file.fault for file in files):
            ignored = f", only {', '.join(matches[:3])}" if matches else ""
            mend = files[0].fault if files else _nearby(root, expanded)
            raise UserError(f"'{path}' matches no data file{ignored}.", where=where, mend=mend)
    else:
        raise UserError(f"the file or folder '{path}' does not exist.", where=where, mend=_nearby(root, expanded))
    return (PlacedFile(Path(os.path.normpath(root / file)), _origin(root, file), fault) for file, fault in files)


def _data_files(tree: FileTree, given: str, where: str) -> list[DataFile]:
    """A file that exists, or the data files of a folder that exists; paths as in `given`."""
    full = os.path.join(tree.root, given)
    if os.path.isdir(full):
        files = without_descriptions(tree.root, tree.files_below(given, _is_data))
        if not any(not file.fault for file in files):
            mend = files[0].fault if files else f"Data files end in {ENDINGS}."
            raise UserError(f"the folder '{given}' holds no data file.", where=where, mend=mend)
        return files
    if not os.path.exists(full):
        raise UserError(f"'{given}' is a link to a missing file.", where=where, mend="Restore the file it points to.")
    if kind := describe_kind(full):
        raise UserError(f"'{given}' is {kind}.", where=where, mend="Save the data as a file first.")
    if not shape_and_packing(given)[0]:
        raise UserError(f"'{given}' has an unknown ending.", where=where, mend=f"Known endings: {ENDINGS}.")
    return [DataFile(given)]


def _is_data(name: str) -> bool:
    """Whether a file of this name in a folder is data."""
    return shape_and_packing(name)[0] not in ("", EXPLICIT)


def _match(tree: FileTree, match: str, pattern: str) -> Iterable[DataFile]:
    if os.path.isdir(os.path.join(tree.root, match)):
        checked = tree.check_folder(match)
        return [checked] if checked.fault else tree.files_below(match, _is_data)
    shape = shape_and_packing(match)[0]
    if not shape or (shape == EXPLICIT and shape_and_packing(pattern)[0] != EXPLICIT):
        tree.unread.endings.append(match)
        return []
    return [tree.check(match)]


def _origin(root: Path, file: str) -> str:
    """Relative to the root with `/`, or as given when the file lies elsewhere."""
    relative = Path(os.path.relpath(root / file, root))
    return Path(file).as_posix() if relative.parts[0] == ".." else relative.as_posix()


def _nearby(root: Path, given: str) -> str:
    """Suggests a near name in the deepest existing folder of a path that does not exist."""
    missing = root / given
    while not missing.parent.is_dir():
        missing = missing.parent
    names = sorted(name for name in os.listdir(missing.parent) if not name.startswith("."))
    hint = near_name(missing.name, names)
    if hint.startswith("Known names") and len(names) > 10:
        hint = f"It holds {len(names)} others, such as {', '.join(names[:5])}."
    return f"Looked in '{missing.parent}'. {hint}" if names else f"'{missing.parent}' is empty."
