"""Files of a dataset repository on the Hugging Face hub -> parts, through the hub's own cache."""

import re
from collections.abc import Sequence
from pathlib import Path

from unipref.core.contracts import Settings
from unipref.core.errors import UserError
from unipref.core.hub import Address, fetch, is_address, match_files, parse_address, resolve
from unipref.sources.file_parts import CUT_BYTES, parts_of_file
from unipref.sources.limits import DEFAULT, Limits
from unipref.sources.part import Part
from unipref.sources.paths import ENDINGS, EXPLICIT, shape_and_packing
from unipref.sources.unread_files import UnreadFiles

TRAINED = re.compile(r"(?:^|[^a-z])train(?:ing)?(?:[^a-z]|$)", re.IGNORECASE)
HELD_OUT = re.compile(
    r"(?:^|[^a-z])(?:test(?:ing)?|valid(?:ation)?|val|dev|eval(?:uation)?)(?:[^a-z]|$)", re.IGNORECASE
)
"""Match the path of a file that belongs to such a split."""
MAGIC = re.compile(r"[*?\[]")


class Hub(Settings):
    """Where on the hub a dataset's files are."""

    name: str
    """Repository: owner and name."""
    files: tuple[str, ...]
    """Patterns of the files in it."""
    revision: str = "main"
    """Commit, branch or tag."""


def hub_parts(
    hub: Hub, where: str, cut_bytes: int | None = CUT_BYTES, limits: Limits = DEFAULT, revision: str | None = None
) -> list[Part]:
    """Splits the files of a known dataset into pieces of work; fetches those that are not in the hub's cache.

    Their origin is `hf://datasets/OWNER/NAME/FILE`, the same on every machine.

    Args:
        hub: where they are.
        where: the setting that names the dataset, for errors.
        cut_bytes: as for `parts`.
        limits: as for `parts`.
        revision: commit, branch or tag; None: that of `hub`.

    Raises:
        UserError: no network and nothing in the cache, no such repository or revision, or no file of these names.
    """
    address = Address("dataset", hub.name, revision or hub.revision)
    mend = f"Or fetch {', '.join(hub.files)} of {address.page} yourself and give 'path'."
    try:
        commit = resolve(address)
        files = [file for file in match_files(address, commit, hub.files, where) if shape_and_packing(file)[0]]
        return _split(address, commit, files, where, cut_bytes, limits, UnreadFiles())
    except UserError as error:
        what = error.what if error.where is None else f"{error.what} ({error.where})"
        raise UserError(what, where=where, mend=f"{error.mend or ''} {mend}".strip()) from error


def address_parts(
    text: str,
    where: str,
    cut_bytes: int | None,
    limits: Limits,
    unread: UnreadFiles,
    revision: str | None = None,
) -> list[Part]:
    """Splits the files that `hf://datasets/OWNER/NAME[@REVISION]/FILES` names into pieces of work, and fetches them.

    FILES is a file, a pattern or a folder; without it, all data files of the repository are meant.

    Args:
        text: the address.
        where: the setting that holds it, for errors.
        cut_bytes: as for `parts`.
        limits: as for `parts`.
        unread: as for `parts`.
        revision: the setting `revision` of the source.

    Raises:
        UserError: it is no such address, the files cannot be fetched, or a folder mixes training and held-out files.
    """
    address = parse_address(text, where, revision)
    commit = resolve(address)
    found = match_files(address, commit, [address.path], where)
    is_named = found == [address.path]
    data = [file for file in found if _is_data(file, is_named)]
    unread.endings += (
        [] if is_named else [address.origin(file) for file in found if file not in data and file[0] != "."]
    )
    if not data:
        what = f"'{found[0]}' has an unknown ending." if is_named else f"'{text}' names no data file."
        raise UserError(what, where=where, mend=f"Known endings: {ENDINGS}.")
    if not is_named and not MAGIC.search(address.path):
        _refuse_mixed_splits(address, data, where)
    return _split(address, commit, data, where, cut_bytes, limits, unread)


def describe_revision(path: str) -> dict[str, str]:
    """Returns the setting that pins an address on the hub to its present commit; nothing for other paths."""
    return {"revision": resolve(parse_address(path, "inspect"))} if is_address(path) else {}


def _is_data(file: str, is_named: bool) -> bool:
    shape = shape_and_packing(file)[0]
    return shape != "" and (is_named or (shape != EXPLICIT and not file.rpartition("/")[2].startswith(".")))


def _refuse_mixed_splits(address: Address, files: Sequence[str], where: str) -> None:
    """Refuses a folder with training and held-out files: to train on both would spoil what they measure."""
    below = {file: file.removeprefix(address.path) for file in files}
    held_out = [file for file, rest in below.items() if HELD_OUT.search(rest)]
    trained = [file for file, rest in below.items() if TRAINED.search(rest) and file not in held_out]
    if trained and held_out:
        raise UserError(
            f"{address.describe()} has files of several splits, such as {trained[0]} and {held_out[0]}.",
            where=where,
            mend=f"Name the files to read, such as {address.origin(trained[0])}; wildcards are allowed.",
        )


def _split(
    address: Address,
    commit: str,
    files: Sequence[str],
    where: str,
    cut_bytes: int | None,
    limits: Limits,
    unread: UnreadFiles,
) -> list[Part]:
    folder: Path = fetch(address, commit, files, verify=True)
    return [
        part
        for file in files
        for part in parts_of_file(folder / file, address.origin(file), where, cut_bytes, limits, unread)
    ]
