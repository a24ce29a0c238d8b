"""Runs a command line: errors, signals and bugs become messages and exit statuses."""

import contextlib
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from unipref.core import search_path, stop_signals, terminal
from unipref.core.errors import UserError, file_error, resource_error

INTERRUPTED = 130
"""Exit status after Ctrl-C."""
STOPPED, RESUMES = "Stopped.", "Run the same command again to resume; finished {} are kept."
STOPPING, KEPT = "Stopping ...", "finished {} are kept. A second signal ends it at once."
_state = {"kept": ""}


def keep_stages(what: str = "stages") -> None:
    """Says that the command that runs keeps finished stages: if it is stopped, the last line tells how to resume.

    Args:
        what: the word for what is kept, in the plural.
    """
    _state["kept"] = what


def run_app(app: Callable[[], int | None]) -> NoReturn:
    """Runs a command line and exits.

    An error that the user can mend is printed without a traceback; the status is 2. A signal that ends the run stops
    it as Ctrl-C does, with the status that shells give it.

    Args:
        app: parses the arguments and runs the command; may return an exit status.
    """
    search_path.leave_out_working_folder()
    terminal.guard_libraries()
    try:
        with stop_signals.raise_on_stop_signals(_say_stopping):
            status = app()
    except stop_signals.Stopped as stop:
        _exit_stopped(stop.status)
    except KeyboardInterrupt:
        _exit_stopped(INTERRUPTED)
    except Exception as error:
        status = print_error(error)
    if status == INTERRUPTED:
        # typer turns an interrupt inside a command into this exit status.
        _exit_stopped(INTERRUPTED)
    stop_signals.exit_on_stop_signals(status or 0)
    sys.exit(status or 0)


def print_error(error: Exception) -> int:
    """Prints an error: of the user, of the command line's words, or a bug. Returns the exit status."""
    show, status = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(status, int):
        # An error in the words of the command, which click formats. typer's words come from pydantic.
        if isinstance(message := getattr(error, "message", None), str):
            error.message = message.removeprefix("Value error, ")  # type: ignore[attr-defined]
        show(terminal.LegibleStderr())
        return status
    if isinstance(error, typer.Abort):
        terminal.echo("Aborted.", err=True)
        return 1
    fault = error if isinstance(error, UserError) else resource_error(error)
    if fault is None and isinstance(error, OSError):
        fault = file_error(error)
    if fault is None:
        terminal.echo_exception(error)
        return 1
    for line in fault.lines():
        terminal.echo(line, err=True)
    return 2


def _say_stopping() -> None:
    """Says at once what is kept: to end may take seconds, and a second signal leaves no time for a message."""
    terminal.echo_at_once(f"{STOPPING} {KEPT.format(_state['kept'])}" if _state["kept"] else STOPPING)


def _exit_stopped(status: int) -> NoReturn:
    stop_signals.exit_on_stop_signals(status)
    with contextlib.suppress(OSError):  # the terminal may be gone
        terminal.echo(f"{STOPPED} {RESUMES.format(_state['kept'])}" if _state["kept"] else STOPPED, err=True)
    sys.exit(status)
