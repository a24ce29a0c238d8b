"""Resolves the paths, globs and folders that a user gives for data files, with environment variables and `~`."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from unipref.core.errors import UserError, near_name, raise_if_resource

SHAPES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
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


def expand(path: str, data_root: Path, where: str) -> Iterator[tuple[Path, str]]:
    """Returns the data files that a path stands for, in order, each with its origin.

    Raises:
        UserError: the path does not exist or holds no readable file, or an environment variable is not set.
    """
    if "\0" in path:
        raise UserError(f"the path {path!r} contains a NUL character.", where=where, mend="Remove it.")
    expanded = os.path.expanduser(os.path.expandvars(path))
    root = Path(os.path.abspath(data_root))
    if os.path.lexists(root / expanded):
        files = _data_files(root, expanded, where)
    elif unset := re.search(r"\$(\w+|\{[^}]*\})", expanded):
        name = unset[0].strip("${}")
        raise UserError(
            f"'{path}' names the environment variable {name}, which is not set.", where=where, mend=f"Set {name}."
        )
    elif glob.has_magic(expanded):
        matches = sorted(glob.glob(expanded, root_dir=root, recursive=True))
        files = [file for match in matches for file in _matched(root, match, expanded)]
        if not files:
            ignored = f", only {', '.join(matches[:3])}" if matches else ""
            raise UserError(f"'{path}' matches no data file{ignored}.", where=where, mend=_nearby(root, expanded))
    else:
        raise UserError(f"the file or folder '{path}' does not exist.", where=where, mend=_nearby(root, expanded))
    return ((Path(os.path.normpath(root / file)), _origin(root, file)) for file in files)


def _data_files(root: Path, given: str, where: str) -> list[str]:
    """A file that exists, or the data files of a folder that exists; paths as in `given`."""
    if (root / given).is_dir():
        files = _in_folder(root, given)
        if not files:
            raise UserError(
                f"the folder '{given}' holds no data file.", where=where, mend=f"Data files end in {ENDINGS}."
            )
        return files
    if not (root / given).exists():
        raise UserError(f"'{given}' is a link to a missing file.", where=where, mend="Restore the file it points to.")
    if not shape_and_packing(given)[0]:
        raise UserError(f"'{given}' has an unknown ending.", where=where, mend=f"Known endings: {ENDINGS}.")
    return [given]


def _matched(root: Path, match: str, pattern: str) -> Iterable[str]:
    if (root / match).is_dir():
        return _in_folder(root, match)
    shape = shape_and_packing(match)[0]
    if shape == EXPLICIT and shape_and_packing(pattern)[0] != EXPLICIT:
        return []
    return [match] if shape and (root / match).exists() else []


def _in_folder(root: Path, folder: str) -> list[str]:
    """Every data file in a folder and below, sorted by its path within it."""
    files = []
    for place, below, names in os.walk(root / folder, onerror=raise_if_resource):
        below[:] = [name for name in below if not name.startswith(".")]
        inner = os.path.relpath(place, root / folder)
        for name in names:
            shape = shape_and_packing(name)[0]
            hidden = name.startswith(".") or shape in ("", EXPLICIT)
            if not hidden and os.path.exists(os.path.join(place, name)):
                files.append(Path(inner, name).as_posix())
    return [os.path.join(folder, inside) for inside in sorted(files)]


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
