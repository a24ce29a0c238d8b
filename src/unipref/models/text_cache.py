"""Numbers computed from texts, cached on disk by the text's hash, so that a model scores each text only once.

Each BATCH_ITEMS new texts make one finished file, so a killed run resumes where it stopped. Files are written under
another name and then renamed; runs that share a folder may work at the same time.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from unipref.core.json_files import replace_file
from unipref.core.work_progress import Unit, report_work, show_items
from unipref.core.workers import Engine

if TYPE_CHECKING:
    import numpy.typing as npt

BATCH_ITEMS = 1024
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
    reader = _NewItems(batches, key_of, at_once, shown)
    reader.cached_keys.update(key for stored in _open_stored(folder) for key in stored["keys"].tolist())
    engine = None if elsewhere is None else _ENGINE.get()
    if engine is None or elsewhere is None:
        numbers: Iterator[npt.NDArray[Any]] = map(compute, reader.read_chunks())
    else:
        numbers = engine.stream(elsewhere, reader.read_chunks(), label=shown.label)
    for values in numbers:
        _store(reader.chunks.popleft(), values, folder)
        reader.report()
    reader.cached_keys.clear()
    all_keys = np.concatenate(reader.row_keys) if reader.row_keys else np.array([], dtype=KEY)
    return _gather(all_keys, folder, dtype, f"{shown.label}: reading the results" if shown.label else "")


class _NewItems(Generic[T]):
    """Reads items, and gives those without numbers in chunks.

    Args:
        batches: the items, streamed.
        key_of: hash of an item.
        at_once: fewest items of a chunk, but for the last.
        shown: what to report the progress as.

    Attributes:
        cached_keys: of the items that have numbers, or are in a chunk.
        row_keys: the keys of all items that were read.
        chunks: key -> item, of each chunk that was given and has no numbers yet; the engine decides how many.
    """

    def __init__(self, batches: Iterable[list[T]], key_of: Callable[[T], str], at_once: int, shown: Shown) -> None:
        self._batches, self._key_of, self._at_once, self._shown = batches, key_of, at_once, shown
        self.cached_keys: set[bytes] = set()
        self.row_keys: list[npt.NDArray[np.bytes_]] = []
        self.chunks: deque[dict[bytes, T]] = deque()
        self._fresh: dict[bytes, T] = {}
        self._n_read = 0

    def read_chunks(self) -> Iterator[list[T]]:
        """Yields the items of each chunk."""
        self.report()
        for batch in self._batches:
            keys = [self._key_of(item).encode() for item in batch]
            self.row_keys.append(np.array(keys, dtype=KEY))
            self._n_read += len(batch)
            new = ((key, item) for key, item in zip(keys, batch, strict=True) if key not in self.cached_keys)
            self._fresh.update(new)
            self.report()
            if len(self._fresh) >= self._at_once:
                yield self._take()
        if self._fresh:
            yield self._take()

    def _take(self) -> list[T]:
        fresh, self._fresh = self._fresh, {}
        self.chunks.append(fresh)
        self.cached_keys.update(fresh)
        return list(fresh.values())

    def report(self) -> None:
        """Reports how many items have numbers, of those that were read."""
        waiting = len(self._fresh) + sum(map(len, self.chunks))
        report_work(self._shown.label, max(0, self._n_read - waiting), self._shown.total, self._shown.unit)


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
