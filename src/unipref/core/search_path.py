"""Keeps the folder one stands in off Python's search path: a file there must not be taken for a package.

Python puts that folder first for `python -m` and `python -c`, and for an empty entry of PYTHONPATH. This module imports
only what Python has loaded before it looks at the search path.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_is_left_out = False


def is_own_command() -> bool:
    """Whether this process is the command `unipref` or `python -m unipref`, not a program that imports unipref."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":
        return "unipref" in sys.orig_argv
    return os.path.splitext(os.path.basename(program))[0] == "unipref"


def leave_out_working_folder() -> None:
    """Takes the working folder off the search path of this process and, for good, of those that it starts.

    Entries of PYTHONPATH that name the folder stay: the user wrote them. A second call does nothing.
    """
    global _is_left_out
    if _is_left_out:
        return
    _is_left_out = True
    here, python_path = os.getcwd(), os.environ.get("PYTHONPATH", "")
    if not sys.flags.safe_path and _starts_with_working_folder() and sys.path[:1] in ([""], [here]):
        del sys.path[0]
    named = {os.path.abspath(entry) for entry in _list_entries(python_path)}
    has_empty_entry = bool(python_path) and "" in python_path.split(os.pathsep)
    unwanted = {"", here} if has_empty_entry and here not in named else {""}
    sys.path[:] = [entry for entry in sys.path if entry not in unwanted]
    os.environ.update(make_safe_environment(os.environ))


def make_safe_environment(environment: "Mapping[str, str]") -> dict[str, str]:
    """Returns environment variables for a Python process that does not look for modules in its working folder.

    PYTHONPATH keeps the entries that are not empty, as absolute paths: the process may start in another folder.
    """
    entries = [os.path.abspath(entry) for entry in _list_entries(environment.get("PYTHONPATH", ""))]
    others = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    paths = {"PYTHONPATH": os.pathsep.join(entries)} if "PYTHONPATH" in environment else {}
    return {**others, **paths, "PYTHONSAFEPATH": "1"}


class SafeChildren:
    """A context: processes that start in it do not look for modules in the working folder."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
        os.environ.update(make_safe_environment(os.environ))

    def __exit__(self, *error: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _list_entries(python_path: str) -> list[str]:
    return [entry for entry in python_path.split(os.pathsep) if entry]


def _starts_with_working_folder() -> bool:
    """Whether Python put the working folder first on the search path: with `-m` and `-c`, and without a program."""
    return any(option in sys.orig_argv[1:] for option in ("-m", "-c")) or len(sys.orig_argv) == 1
