"""Walks folders and globs for data files: only regular files are read, and links only where they stay inside.

FIFOs, devices and sockets could block or never end, and a link can lead to private files. Such a file gets a text that
says why it is not read.
"""

import errno
import fnmatch
import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from unipref.core.errors import raise_if_resource
from unipref.sources.unread_files import UnreadFiles

TOOL_FOLDERS = (".git", ".cache", ".ipynb_checkpoints", ".huggingface", ".venv")
"""Hidden folders of other programs, which are not named."""
KINDS = {
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class DataFile(NamedTuple):
    """A data file as the user's path names it, and why it is not read; '' for one that is."""

    path: str
    fault: str = ""


class FileTree:
    """Finds files below a folder.

    Args:
        root: absolute path that relative paths start from.
        inside: real paths of the folders that links may lead into; None: links may lead anywhere.
        unread: gets the names of what is passed by.
    """

    def __init__(self, root: str, inside: Sequence[str] | None, unread: UnreadFiles | None = None) -> None:
        self.root, self.inside, self.unread = root, inside, UnreadFiles() if unread is None else unread

    def check(self, path: str) -> DataFile:
        """Returns a file, with the reason why it is not read if it is not a regular file or lies outside."""
        full = os.path.join(self.root, path)
        fault = describe_kind(full) or self.describe_target(full)
        return DataFile(path, f"'{path}' is not read: it is {fault}." if fault else "")

    def check_folder(self, path: str) -> DataFile:
        """Returns a folder, with the reason why it is not walked if it is a link to outside or to where it lies."""
        full = os.path.join(self.root, path)
        fault = self.describe_target(full)
        if is_inside(os.path.realpath(os.path.dirname(full)), [os.path.realpath(full)]):
            fault = "a link back to a folder that it lies in"
        return DataFile(path, f"'{path}' is not followed: it is {fault}." if fault else "")

    def files_below(self, folder: str, is_wanted: Callable[[str], bool]) -> list[DataFile]:
        """Returns the wanted files in a folder and below, sorted by their path within it; without hidden ones.

        A linked folder is walked once, under the first of its names.

        Args:
            folder: as the user names it.
            is_wanted: whether a file of this name is one.
        """
        start = os.path.join(self.root, folder)
        seen = {os.path.realpath(start)}
        files: list[DataFile] = []
        places = [start]
        while places:
            for place, below, names in os.walk(places.pop(), onerror=raise_if_resource):
                seen.add(os.path.realpath(place))
                inner = os.path.relpath(place, start)
                self._note_unread(os.path.join(folder, inner), below, names, is_wanted)
                below[:] = sorted(name for name in below if not name.startswith("."))
                links = [os.path.join(place, name) for name in below if os.path.islink(os.path.join(place, name))]
                for link in links:
                    target = os.path.realpath(link)
                    if target in seen or _is_walked(target, os.path.realpath(start)):
                        continue
                    checked = self.check_folder(os.path.join(folder, os.path.relpath(link, start)))
                    if checked.fault:
                        files.append(checked)
                    else:
                        places.append(link)
                wanted = [name for name in names if not name.startswith(".") and is_wanted(name)]
                files += [self.check(os.path.normpath(os.path.join(folder, inner, name))) for name in wanted]
        prefix = os.path.normpath(folder)
        return sorted(files, key=lambda file: os.path.relpath(file.path, prefix))

    def _note_unread(
        self, folder: str, below: Sequence[str], names: Sequence[str], is_wanted: Callable[[str], bool]
    ) -> None:
        """Notes the hidden folders, the hidden data files and the files with other endings in a folder."""
        for name in names:
            if not is_wanted(name) and not name.startswith("."):
                self.unread.endings.append(os.path.normpath(os.path.join(folder, name)))
        hidden = [name for name in below if name.startswith(".") and name not in TOOL_FOLDERS]
        hidden += [name for name in names if name.startswith(".") and not name.startswith("._") and is_wanted(name)]
        self.unread.hidden += [os.path.normpath(os.path.join(folder, name)) for name in hidden]

    def matches(self, pattern: str) -> list[str]:
        """Returns the files and folders that a glob matches, sorted; `**` passes each folder once."""
        if "**" not in pattern.split("/"):
            return sorted(glob.glob(pattern, root_dir=self.root))
        first, *steps = [step for step in pattern.split("/") if step]
        start = "/" if pattern.startswith("/") else ""
        return sorted(set(self._expand(start, [first, *steps])))

    def _expand(self, place: str, steps: list[str]) -> Iterator[str]:
        if not steps:
            yield place
            return
        step, *rest = steps
        if step == "**":
            for folder in self._folders_below(place):
                if rest:
                    yield from self._expand(folder, rest)
                else:
                    yield from (os.path.join(folder, name) for name in self._names(folder) if not name.startswith("."))
        elif not glob.has_magic(step):
            path = os.path.join(place, step)
            if os.path.lexists(os.path.join(self.root, path)):
                yield from self._expand(path, rest)
        else:
            for name in fnmatch.filter(self._names(place), step):
                if step.startswith(".") or not name.startswith("."):
                    yield from self._expand(os.path.join(place, name), rest)

    def _folders_below(self, place: str) -> Iterator[str]:
        """Yields a folder and those below it, linked ones after the others."""
        seen: set[str] = set()
        places, links = [place], list[str]()
        while places or links:
            place = (places or links).pop()
            full = os.path.join(self.root, place)
            real = os.path.realpath(full)
            if real in seen:
                continue
            if os.path.islink(full) and self.check_folder(place).fault:
                if self.describe_target(full):
                    self.unread.links.append(place)
                continue
            seen.add(real)
            yield place
            for name in self._names(place):
                inner = os.path.join(place, name)
                if not name.startswith(".") and os.path.isdir(os.path.join(self.root, inner)):
                    (links if os.path.islink(os.path.join(self.root, inner)) else places).append(inner)

    def _names(self, place: str) -> list[str]:
        try:
            return sorted(os.listdir(os.path.join(self.root, place) or "."))
        except OSError as error:
            raise_if_resource(error)
            return []  # not a folder

    def describe_target(self, full: str) -> str:
        """Describes where a path leads if that is outside; otherwise ''."""
        target = os.path.realpath(full)
        if self.inside is None or is_inside(target, self.inside):
            return ""
        return f"a link that leads out of the folder, to '{target}'. To follow such links, set 'follow_links: true'"


def describe_kind(path: str) -> str:
    """Describes what a path leads to if that is not a regular file; otherwise ''."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads back to itself"
        return "a link to a missing file" if error.errno == errno.ENOENT and os.path.islink(path) else ""
    if stat.S_ISREG(mode):
        return ""
    return f"{KINDS.get(stat.S_IFMT(mode), 'of an unknown kind')}, not a regular file"


def is_inside(path: str, folders: Iterable[str]) -> bool:
    """Whether a real path is one of some real folders or lies below it."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _is_walked(target: str, start: str) -> bool:
    """Whether a walk from a real folder comes to another real one without links: no folder on the way is hidden."""
    steps = os.path.relpath(target, start).split("/")
    return target == start or (is_inside(target, [start]) and not any(step.startswith(".") for step in steps))


def allowed_folders(root: str, given: str) -> list[str]:
    """Returns the real paths of the folders that links may lead into: `root`, the folder that is given (of a glob, the
    part before the first wildcard), and the whole repository of a folder in the cache of the Hugging Face hub.
    """
    steps = given.split("/")
    magic = next((place for place, step in enumerate(steps) if glob.has_magic(step)), len(steps))
    folder = os.path.join(root, "/".join(steps[:magic]) or ("/" if given.startswith("/") else "."))
    own = os.path.realpath(folder)
    folders = [os.path.realpath(root), own]
    place = own
    while place != os.path.dirname(place):
        parent = os.path.dirname(place)
        if os.path.basename(place) == "snapshots" and os.path.isdir(os.path.join(parent, "blobs")):
            folders.append(parent)
        place = parent
    return folders
