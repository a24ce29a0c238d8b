"""`UserError`, the one error that users should see.

It says what is wrong, where, and how to fix it. The command line prints it without a traceback. Any other exception is
a bug in unipref.
"""

import contextlib
import difflib
import errno
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from unipref.core.secrets import hide_secrets


class UserError(Exception):
    """An error that the user can fix: a setting, a file, a missing package.

    Args:
        what: what was found and what was expected, as one sentence.
        where: the file, row, field or setting it concerns.
        mend: how to fix it.
    """

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Returns the lines of the message, without secrets: place and error first, then how to fix it."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return [hide_secrets(line) for line in ([head, f"  {self.mend}"] if self.mend else [head])]


class ResourceError(UserError):
    """Memory, disk space, open files or a permission is missing on this machine.

    It says nothing about the data: no row becomes a reject because of it, and no stage that raises it is cached.
    """


_DISK = "Make room on that disk, or put the folder on another one (-o for the run folder, TMPDIR for temporary files)."
_MENDS = {
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    errno.EFBIG: "Raise the limit of file sizes (ulimit -f), or put the folder on another disk.",
    errno.EROFS: "Give a folder that can be written.",
    errno.EACCES: "Change its permissions, or give another path.",
    errno.EPERM: "Change its permissions, or give another path.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), or use fewer workers.",
    errno.ENFILE: "Close other programs, or raise this machine's limit of open files.",
    errno.EIO: "Check the disk.",
}
_MEMORY = "Use fewer workers, a smaller batch, or a machine with more memory."

_NO_MEMORY = re.compile(
    r"(?i)out of memory|(can't|cannot|unable to|failed to|could not) allocate|allocation error|not enough memory"
    r"|malloc of size|bad_alloc|^error -4 while|can't start new thread"
)
_NO_ROOM = re.compile(r"PytorchStreamWriter failed|iostream error|database or disk is full|disk I/O error")
_ERROR_NUMBER = re.compile(r"\[?(?:os error|[Ee]rrno) (\d+)\]?")
_TEXT_PACKAGES = frozenset(
    ("lxml", "pyexpat", "safetensors", "safetensors_rust", "sqlite3", "torch", "xml", "zlib", "zstandard", "zstd")
)
"""Packages that report a missing resource only in the text of an exception. The texts of all other packages are not
read: they may quote the data."""


def resource_error(error: BaseException, where: str | None = None) -> ResourceError | None:
    """Returns the error to raise if a resource of this machine is missing; None if the data or the code is at fault.

    Args:
        error: any exception. `MemoryError` (Arrow's too) and `OSError` can be about a resource, and so can errors of
            torch, safetensors and SQLite, by their text.
        where: the file, row or stage that needed the resource; default: the file that an `OSError` names.
    """
    if isinstance(error, ResourceError):
        # A worker process does not know for what it works.
        return ResourceError(error.what, where=where, mend=error.mend) if error.where is None and where else error
    if isinstance(error, UserError):
        return None
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or _is_torch_memory(error):
        return ResourceError("there is too little memory.", where=where, mend=_MEMORY)
    if isinstance(error, OSError) and error.errno in _MENDS:
        place = where or (str(error.filename) if error.filename is not None else None)
        return ResourceError(f"{error.strerror or error}.", where=place, mend=_MENDS[error.errno])
    return _read_resource_text(str(error), where) if _speaks_in_text(error) else None


def _is_torch_memory(error: BaseException) -> bool:
    """Whether it is `torch.OutOfMemoryError`, which an accelerator raises."""
    return (type(error).__module__, type(error).__name__) == ("torch", "OutOfMemoryError")


def _speaks_in_text(error: BaseException) -> bool:
    """Whether only the text can say that a resource is missing; Arrow's `OSError` has its number there."""
    if isinstance(error, OSError):
        return error.errno is None
    return type(error) is RuntimeError or type(error).__module__.partition(".")[0] in _TEXT_PACKAGES


def _read_resource_text(text: str, where: str | None) -> ResourceError | None:
    """Returns the error for a library's text; None if it is not about a resource."""
    if _NO_MEMORY.search(text):
        return ResourceError("there is too little memory.", where=where, mend=_MEMORY)
    if _NO_ROOM.search(text):
        return ResourceError("a file cannot be written, most likely because the disk is full.", where=where, mend=_DISK)
    number = int(match[1]) if (match := _ERROR_NUMBER.search(text)) else None
    if number in _MENDS:
        return ResourceError(f"{os.strerror(number)}.", where=where, mend=_MENDS[number])
    return None


@contextlib.contextmanager
def report_missing_resources(where: str | None = None) -> Iterator[None]:
    """Raises a `ResourceError` in place of an exception that is about a resource of this machine.

    Args:
        where: what needed the resource, if the exception does not name a file.
    """
    try:
        yield
    except Exception as error:
        named = isinstance(error, OSError) and error.filename is not None
        raise_if_resource(error, None if named else where)
        raise


def file_error(error: OSError) -> UserError:
    """Returns an error of the operating system as a message that names the file: it is not a bug of unipref."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = error.strerror or first_line(error)
    return UserError(f"{what}.", where=" -> ".join(names) or None)


def raise_if_resource(error: BaseException, where: str | None = None) -> None:
    """Raises the `ResourceError` of an error if a resource of this machine is missing; arguments as `resource_error`.

    For handlers that turn any other error into a message about the data.
    """
    missing = resource_error(error, where)
    if missing is error:
        raise error
    if missing is not None:
        raise missing from error


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that control a terminal or reverse text (UAX 9), and lone surrogates, which cannot be encoded."""


def legible(text: str) -> str:
    """Replaces characters that control a terminal by their codes; keeps line ends and tabs."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message without its full stop; without a message, the name of its class."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def describe(error: BaseException, with_place: bool = False) -> str:
    """Returns any error in one line without a full stop, legibly.

    Args:
        error: a `UserError` gives its whole message. Others give their first line, and the second after a colon; the
            class too, unless it is an `OSError` or `ValueError` whose message has several words.
        with_place: whether to name the line of unipref that raised it, unless it is a `UserError`.
    """
    if isinstance(error, UserError):
        return legible(" ".join(line.strip() for line in error.lines()).rstrip("."))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]).rstrip(".") if lines and lines[0].endswith(":") else first_line(error)
    name = type(error).__name__
    if text != name and not (isinstance(error, OSError | ValueError) and " " in text):
        text = f"{name}: {text}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "unipref" in Path(frame.filename).parts]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if with_place and frames else ""
    return legible(hide_secrets(text)) + place


def near_name(name: str, known: Iterable[str]) -> str:
    """Returns 'Did you mean X?' for a similar known name, or else a sentence with all known names."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known names: {', '.join(names)}." if names else ""


def needs_extra(package: str, extra: str, used_for: str) -> UserError:
    """Returns the error for an optional package that is not installed."""
    return UserError(
        f"{used_for} needs the package '{package}', which is not installed.",
        mend=f"Install it with: pip install 'unipref[{extra}]'",
    )
