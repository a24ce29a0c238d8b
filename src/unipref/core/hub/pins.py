"""The commits to which a run's names on the hub are pinned, in `hub.json` of the run folder.

All processes of a run read this file, so that a name means one commit in the whole run, and in later runs of the
folder. Outside a run, a process resolves a name once.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from unipref.core import json_files
from unipref.core.errors import UserError

PINS = "hub.json"
"""File in a run folder: name on the hub -> its commit."""
VARIABLE = "UNIPREF_HUB_PINS"
"""Environment variable with the path of that file, for the processes that a run starts."""
_resolved: dict[str, str] = {}
"""Name -> commit, as this process resolved it."""


def read_pins(path: Path) -> dict[str, str]:
    """Reads name -> commit; empty if the file is missing.

    Raises:
        UserError: it is corrupt.
    """
    if not path.is_file():
        return {}
    try:
        pins = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(pins, dict) or not all(isinstance(commit, str) for commit in pins.values()):
            raise ValueError("it is not a mapping of names to commits")
    except ValueError as error:
        mend = "Restore it, or remove it: the names are then resolved anew."
        raise UserError(f"the file is corrupt: {error}.", where=str(path), mend=mend) from error
    return pins


def find_pin(key: str) -> str | None:
    """Returns the commit to which a name is pinned; None if it is not."""
    path = os.environ.get(VARIABLE)
    if path and key not in _resolved:
        _resolved.update(read_pins(Path(path)))
    return _resolved.get(key)


def add_pin(key: str, commit: str) -> None:
    """Pins a name to a commit, for this process and, once the run folder exists, for the run."""
    _resolved[key] = commit
    save_pins()


@contextlib.contextmanager
def pin_in(folder: Path, save: bool = True) -> Iterator[None]:
    """Pins names in a run folder, also for the processes that this one starts; the folder need not exist yet.

    Args:
        folder: the run folder.
        save: whether names that it does not pin are pinned there; False: it is read only, and they are resolved for
            this process until the end of the context.

    Raises:
        UserError: the file of pins is corrupt.
    """
    path = folder.resolve() / PINS
    before, known = os.environ.get(VARIABLE), dict(_resolved)
    _resolved.clear()
    _resolved.update(read_pins(path))
    if save:
        os.environ[VARIABLE] = str(path)
    else:
        os.environ.pop(VARIABLE, None)
    try:
        yield
    finally:
        save_pins()
        _resolved.clear()
        _resolved.update(known)
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def save_pins() -> None:
    """Writes the pins of this process to the run folder, once it exists; a folder that cannot be written stays."""
    path = os.environ.get(VARIABLE)
    if path and Path(path).parent.is_dir() and _resolved:
        with contextlib.suppress(OSError):
            _save(Path(path))


def _save(path: Path) -> None:
    """Adds the pins of this process to the file; a pin that another process wrote first stays."""
    from filelock import FileLock

    locks = path.parent / ".locks"
    locks.mkdir(exist_ok=True)
    with FileLock(locks / f"{PINS}.lock"):
        merged = _resolved | read_pins(path)
        _resolved.update(merged)
        json_files.write_json(path, dict(sorted(merged.items())))
