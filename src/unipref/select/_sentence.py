"""Prompts -> vectors by a sentence-transformers model, kept on disk by text and model.

A new vector is computed once per distinct text; a killed run goes on where it stopped, since every TEXTS_AT_ONCE new
vectors are one finished file. Vectors are kept in half precision: it halves the disk and takes away the last bits,
which depend on how texts were batched.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unipref.errors import UserError, needs_extra
from unipref.select._texts import Texts

if TYPE_CHECKING:
    import numpy.typing as npt
    from sentence_transformers import SentenceTransformer

TEXTS_AT_ONCE = 1024
KEY = np.dtype("S32")


def sentence_vectors(model: str, texts: Texts, n: int, cache: Path) -> "npt.NDArray[np.float32]":
    """Vectors of n texts.

    Args:
        model: folder or hub name of a sentence-transformers model; loaded only when the cache lacks a text.
        texts: the stream of the n texts.
        n: how many they are.
        cache: folder in which vectors are kept; a model's are in a folder of their own.

    Returns:
        (n, d) float32 unit rows.

    Raises:
        UserError: sentence-transformers is not installed, or the model cannot be loaded.
    """
    folder = cache / "embeddings" / _model_key(model)
    folder.mkdir(parents=True, exist_ok=True)
    known = {key for keys, _ in _stored(folder) for key in keys.tolist()}
    row_keys: list[npt.NDArray[np.bytes_]] = []
    encoder: SentenceTransformer | None = None
    fresh: dict[bytes, str] = {}
    for batch in texts():
        keys = [_text_key(text) for text in batch]
        row_keys.append(np.array(keys, dtype=KEY))
        fresh.update((key, text) for key, text in zip(keys, batch, strict=True) if key not in known)
        if len(fresh) >= TEXTS_AT_ONCE:
            encoder = encoder or _load(model)
            _encode(encoder, fresh, folder)
            known.update(fresh)
            fresh = {}
    if fresh:
        _encode(encoder or _load(model), fresh, folder)
    return _gather(np.concatenate(row_keys) if row_keys else np.array([], dtype=KEY), n, folder)


def _encode(encoder: "SentenceTransformer", fresh: dict[bytes, str], folder: Path) -> None:
    """Computes and stores the vectors of new texts in one file, named by what is in it."""
    import xxhash

    vectors = encoder.encode(list(fresh.values()), normalize_embeddings=True, show_progress_bar=False)
    name = xxhash.xxh3_128_hexdigest(b"".join(fresh))
    aside = folder / f"{name}.{os.getpid()}.part"
    with aside.open("wb") as file:
        np.savez(file, keys=np.array(list(fresh), dtype=KEY), vectors=np.asarray(vectors, dtype=np.float16))
    aside.replace(folder / f"{name}.npz")


def _gather(row_keys: "npt.NDArray[np.bytes_]", n: int, folder: Path) -> "npt.NDArray[np.float32]":
    """The stored vectors of the rows, (n, d) float32."""
    out = np.zeros((n, 1), dtype=np.float32)
    order = np.argsort(row_keys, kind="stable")
    ascending = row_keys[order]
    for keys, vectors in _stored(folder):
        if out.shape[1] != vectors.shape[1]:
            out = np.zeros((n, vectors.shape[1]), dtype=np.float32)
        first = np.searchsorted(ascending, keys, side="left")
        counts = np.searchsorted(ascending, keys, side="right") - first
        stored = np.repeat(np.arange(len(keys)), counts)
        within = np.arange(len(stored)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = vectors[stored].astype(np.float32)
        out[order[first[stored] + within]] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return out


def _stored(folder: Path) -> "Iterator[tuple[npt.NDArray[np.bytes_], npt.NDArray[np.float16]]]":
    """Every finished file's keys and vectors, in order of file name."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            yield stored["keys"], stored["vectors"]


def _text_key(text: str) -> bytes:
    import xxhash

    return xxhash.xxh3_128_hexdigest(text.encode()).encode()


def _model_key(model: str) -> str:
    """A folder name for a model: its own name, and for a folder on disk also the state of its files."""
    import xxhash

    path, identity = Path(model).expanduser(), model
    if path.is_dir():
        files = [(p.relative_to(path).as_posix(), p.stat()) for p in sorted(path.rglob("*")) if p.is_file()]
        identity = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in files])
    name = "".join(c if c.isalnum() or c in "-._" else "-" for c in (path.name or "model"))
    return f"{name}-{xxhash.xxh3_64_hexdigest(identity.encode())}"


def _load(model: str) -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise needs_extra("sentence-transformers", "embed", f"the embedder '{model}'") from None
    path = Path(model).expanduser()
    try:
        return _from_disk_or_hub(SentenceTransformer, str(path) if path.is_dir() else model)
    # The hub's client raises errors of several libraries: no network, no such name, a broken folder.
    except Exception as error:
        raise UserError(
            f"the embedder cannot be loaded: {(str(error).splitlines() or [type(error).__name__])[0]}",
            where=model,
            mend="Give the folder of a sentence-transformers model, or use 'tfidf', which needs no model.",
        ) from error


def _from_disk_or_hub(loader: "type[SentenceTransformer]", model: str) -> "SentenceTransformer":
    """The model without a question to the hub where it is on this machine: no network, no waiting, no surprise."""
    try:
        return loader(model, local_files_only=True)
    except (OSError, ValueError):
        if Path(model).is_dir():
            raise
        return loader(model)
