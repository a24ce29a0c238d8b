"""Numbers computed from texts, cached on disk by the text's hash, so that a model scores each text only once.

Each BATCH_ITEMS new texts make one finished file, so a killed run resumes where it stopped. Files are written under
another name and then renamed; runs that share a folder may work at the same time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from unipref.core.json_files import replace_file
from unipref.core.work_progress import Unit, report_work, show_items
from unipref.core.workers import Engine

if TYPE_CHECKING:
    import numpy.typing as npt

BATCH_ITEMS = 1024
MOST_CHUNKS = 64
"""Chunks of items that are handed to an engine together; their texts are in memory meanwhile."""
KEY = np.dtype("S32")

T = TypeVar("T")
Texts = Callable[[], Iterator[list[str]]]
"""Gives the same batches of texts each time it is called: a stream that can be read more than once."""

_ENGINE: ContextVar[Engine | None] = ContextVar("_ENGINE", default=None)


class Shown(NamedTuple):
    """What runs, the number of items and what they are, to report the progress; without a label nothing is."""

    label: str = ""
    total: int = 0
    unit: Unit = "texts"


NOT_SHOWN = Shown()


@contextmanager
def use_engine(engine: Engine | None) -> Iterator[None]:
    """Lets an engine compute the numbers within the context; None: this process computes them."""
    token = _ENGINE.set(engine)
    try:
        yield
    finally:
        _ENGINE.reset(token)


def compute_cached(
    batches: Iterable[list[T]],
    key_of: Callable[[T], str],
    compute: "Callable[[list[T]], npt.NDArray[Any]]",
    folder: Path,
    at_once: int = BATCH_ITEMS,
    shown: Shown = NOT_SHOWN,
    elsewhere: "Callable[[list[T]], npt.NDArray[Any]] | None" = None,
    dtype: "npt.DTypeLike | None" = None,
) -> "npt.NDArray[Any]":
    """Returns what `compute` returns for each item, computed once per key.

    Args:
        batches: the items, streamed.
        key_of: hash of an item, 32 hexadecimal digits.
        compute: k items -> (k, d) numbers; called only with items whose keys the folder lacks.
        folder: where the numbers are cached; one folder per way of computing them. Made if it is missing.
        at_once: fewest new items that are computed and stored together.
        shown: what to report the progress as.
        elsewhere: as `compute`, but picklable: what an engine runs in another process. None: it cannot.
        dtype: type of the numbers that are returned; None: that of the stored ones.

    Returns:
        (n, d) numbers; (0, 1) for no items.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cached_keys = {key for stored in _open_stored(folder) for key in stored["keys"].tolist()}
    row_keys: list[npt.NDArray[np.bytes_]] = []
    fresh: dict[bytes, T] = {}
    chunks: list[dict[bytes, T]] = []
    engine = None if elsewhere is None else _ENGINE.get()
    most = 1 if engine is None else MOST_CHUNKS
    n_read = 0
    report_work(shown.label, 0, shown.total, shown.unit)

    def report(waiting: int) -> None:
        """Reports all items as finished that are read, besides those that wait to be computed."""
        report_work(shown.label, max(0, n_read - waiting), shown.total, shown.unit)

    def store() -> None:
        items = [list(chunk.values()) for chunk in chunks]
        waiting = sum(map(len, items))
        report(waiting + len(fresh))
        if engine is None or elsewhere is None:
            numbers: Iterable[npt.NDArray[Any]] = map(compute, items)
        else:
            numbers = engine.map(elsewhere, items, label=shown.label)
        for chunk, values in zip(chunks, numbers, strict=True):
            _store(chunk, values, folder)
            waiting -= len(chunk)
            report(waiting + len(fresh))
        chunks.clear()

    for batch in batches:
        keys = [key_of(item).encode() for item in batch]
        row_keys.append(np.array(keys, dtype=KEY))
        n_read += len(batch)
        fresh.update((key, item) for key, item in zip(keys, batch, strict=True) if key not in cached_keys)
        if len(fresh) >= at_once:
            chunks.append(fresh)
            cached_keys.update(fresh)
            fresh = {}
            if len(chunks) == most:
                store()
        report(sum(map(len, chunks)) + len(fresh))
    if fresh:
        chunks.append(fresh)
        fresh = {}
    if chunks:
        store()
    del cached_keys
    all_keys = np.concatenate(row_keys) if row_keys else np.array([], dtype=KEY)
    return _gather(all_keys, folder, dtype, f"{shown.label}: reading the results" if shown.label else "")


def make_folder_name(name: str, identity: str) -> str:
    """Makes a readable folder name that differs if the identity differs."""
    import xxhash

    readable = "".join(c if c.isalnum() or c in "-._" else "-" for c in name)
    return f"{readable}-{xxhash.xxh3_64_hexdigest(identity.encode())}"


def _store(fresh: dict[bytes, T], values: "npt.NDArray[Any]", folder: Path) -> None:
    """Stores the numbers of new items in one file, named by a hash of its keys."""
    import xxhash

    name = xxhash.xxh3_128_hexdigest(b"".join(fresh))
    with replace_file(folder / f"{name}.npz") as file:
        np.savez(file, keys=np.array(list(fresh), dtype=KEY), values=values)


def _gather(
    row_keys: "npt.NDArray[np.bytes_]", folder: Path, dtype: "npt.DTypeLike | None" = None, label: str = ""
) -> "npt.NDArray[Any]":
    """Gathers the stored numbers of the rows; `label` is what to report the progress as."""
    out: npt.NDArray[Any] | None = None
    order = np.argsort(row_keys, kind="stable")
    ascending = row_keys[order]
    for stored_file in _open_stored(folder, label):
        keys, values = stored_file["keys"], stored_file["values"]
        if out is None:
            out = np.zeros((len(row_keys), values.shape[1]), dtype=dtype or values.dtype)
        first = np.searchsorted(ascending, keys, side="left")
        counts = np.searchsorted(ascending, keys, side="right") - first
        stored = np.repeat(np.arange(len(keys)), counts)
        within = np.arange(len(stored)) - np.repeat(np.cumsum(counts) - counts, counts)
        out[order[first[stored] + within]] = values[stored]
    return np.zeros((len(row_keys), 1), dtype=dtype) if out is None else out


def _open_stored(folder: Path, label: str = "") -> "Iterator[Mapping[str, npt.NDArray[Any]]]":
    """Opens every finished file, in order of file name: `keys` and `values`, which are read when they are asked for."""
    for path in show_items(sorted(folder.glob("*.npz")), label, "files"):
        with np.load(path) as stored:
            yield stored
