"""The one place that writes to the terminal: control characters in texts are escaped, and secrets are replaced.

No other module prints, and a test checks it. Texts from data thus cannot move the cursor, change colours, reverse the
line or fake one of the program's own.
"""

import contextlib
import io
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from unipref.core.errors import legible
from unipref.core.secrets import hide_secrets, hide_secrets_in

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SHOW_CURSOR = "\x1b[?25h"
"""The sequence that lets a terminal show its cursor."""


def show_text(text: str) -> str:
    """Returns a text as it may be shown or logged: without control characters and secrets."""
    return legible(hide_secrets(text))


def show_name(text: str) -> str:
    """Returns a name from data, such as that of a file, as it may be shown within a line: line ends escaped too."""
    return show_text(text).replace("\n", "\\u000a").replace("\t", "\\u0009")


def find_error_stream() -> TextIO:
    """Returns the stream on which notes and errors appear now."""
    return sys.stderr


def echo(text: str = "", *, err: bool = False, end: str = "\n") -> None:
    """Writes a text to standard output, or to standard error."""
    stream = sys.stderr if err else sys.stdout
    stream.write(_encodable(show_text(text) + end, stream))
    stream.flush()


def echo_at_once(text: str) -> None:
    """Writes a line to the file of standard error, from a signal handler: within a write, its stream cannot be used.

    On a terminal the line is below a bar, and the cursor, which a bar hides, is shown again.
    """
    with contextlib.suppress(OSError, ValueError):  # closed, or replaced by a stream without a file
        file = sys.stderr.fileno()
        before = f"{SHOW_CURSOR}\n" if os.isatty(file) else ""
        os.write(file, f"{before}{show_text(text)}\n".encode(errors="backslashreplace"))


def say_first(text: str) -> None:
    """Prints a line before slow imports, if a person watches; nothing if standard error is a file or a pipe."""
    if sys.stderr.isatty():
        echo(text, err=True)


def echo_json(value: Any) -> None:
    """Writes a JSON value to standard output; control characters in its texts become escapes of JSON."""
    echo(json.dumps(hide_secrets_in(value), ensure_ascii=False, indent=1))


def echo_json_line(value: Any) -> None:
    """Writes a JSON value as one line of ASCII to standard error, for a program that reads it line by line."""
    echo(json.dumps(hide_secrets_in(value)), err=True)


def show(content: "str | RenderableType") -> None:
    """Writes a text or a rich renderable to standard output."""
    if isinstance(content, str):
        echo(content)
    else:
        make_console().print(content)


def make_console(*, err: bool = False, **options: Any) -> "Console":
    """Makes a rich console that escapes control characters, replaces secrets, and reads no markup in texts.

    Args:
        err: whether it writes to standard error.
        options: of `rich.console.Console`.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

    class LegibleConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            # Before the layout, so that the codes are wrapped like other text.
            if isinstance(renderable, str):
                renderable = show_text(renderable)
            elif isinstance(renderable, Text) and show_text(renderable.plain) != renderable.plain:
                renderable = Text(show_text(renderable.plain), style=renderable.style)
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(show_text(segment.text), segment.style)

        def on_broken_pipe(self) -> None:
            if err:
                super().on_broken_pipe()
            raise

    options = {"markup": False, "emoji": False, "highlight": False, **options}
    with contextlib.suppress(AttributeError, ValueError):
        (sys.stderr if err else sys.stdout).reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    return LegibleConsole(stderr=err, **options)


class _LegibleRecord(logging.LogRecord):
    """A log message whose texts pass through `show_text`."""

    def getMessage(self) -> str:
        return show_text(super().getMessage())


def guard_libraries() -> None:
    """Makes the warnings and log messages of all libraries, with their tracebacks, pass through `show_text`.

    Also where a library, such as Ray, makes the records of all log messages by a function of its own.
    """
    make_record, format_warning = logging.getLogRecordFactory(), warnings.formatwarning

    def make_legible(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        if type(record) is logging.LogRecord:
            record.__class__ = _LegibleRecord
            # A formatter writes these texts as they are; it makes the first one only if it is missing.
            if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
                record.exc_text = show_text("".join(traceback.format_exception(*record.exc_info)).rstrip())
            if record.stack_info:
                record.stack_info = show_text(record.stack_info)
        return record

    if type(make_record("", logging.INFO, "", 0, "", (), None)) is logging.LogRecord:
        logging.setLogRecordFactory(make_legible)
        warnings.formatwarning = lambda *args, **kwargs: show_text(format_warning(*args, **kwargs))


@contextlib.contextmanager
def allow_closed_pipe() -> Iterator[None]:
    """Goes on if the program that reads standard output has ended, as in `unipref run ... | head`.

    The rest of the output is dropped.
    """
    try:
        yield
    except BrokenPipeError:
        # Otherwise Python fails when it writes the rest at its exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def echo_exception(error: BaseException) -> None:
    """Writes the traceback of a bug to standard error."""
    echo("".join(traceback.format_exception(error)), err=True, end="")


def _encodable(text: str, stream: TextIO) -> str:
    """Escapes characters that the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with contextlib.suppress(LookupError):
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


class LegibleStderr(io.TextIOBase):
    """A stream for libraries that print by themselves: it echoes to standard error."""

    def write(self, text: str) -> int:
        """Echoes a text."""
        echo(text, err=True, end="")
        return len(text)

    def writable(self) -> bool:
        """Returns True."""
        return True
