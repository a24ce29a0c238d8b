"""Prompts -> vectors: which embedder a name stands for.

`tfidf` works everywhere and looks at the words; `minilm` (the paper's, A.3) and any other sentence-transformers model
look at the meaning. They are not the same thing: of MiniLM's ten nearest prompts, `tfidf` finds about a quarter.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from unipref.core.errors import near_name
from unipref.select.text_cache import Texts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HUB_NAMES = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}
KNOWN = ("tfidf", *HUB_NAMES)


def known_embedder(name: str) -> str:
    """The name, when it can be an embedder's: for checking settings before any work starts.

    Raises:
        ValueError: neither a known name nor a folder nor of the form of a hub name.
    """
    if name in KNOWN or "/" in name or Path(name).expanduser().is_dir():
        return name
    raise ValueError(
        f"there is no embedder '{name}' and no such folder; a hub name is org/name. {near_name(name, KNOWN)}"
    )


Embedder = Annotated[str, AfterValidator(known_embedder)]
"""A setting that names an embedder."""


def embed(name: str, texts: Texts, ids: "npt.NDArray[np.str_]", cache: Path) -> "npt.NDArray[np.float32]":
    """The vectors of n texts.

    Args:
        name: 'tfidf', 'minilm', or a folder or hub name of a sentence-transformers model.
        texts: the stream of the n texts.
        ids: (n,) ids of the texts' rows: they fix the order of the work, so that row order does not matter.
        cache: folder in which a model's vectors are kept between runs.

    Returns:
        (n, d) unit rows; a row is zero where the embedder sees nothing in the text.

    Raises:
        UserError: the model cannot be had, or sentence-transformers is not installed.
    """
    if name == "tfidf":
        from unipref.select.embedding.tfidf import tfidf_vectors

        return tfidf_vectors(texts, ids)
    from unipref.select.embedding.sentence_model import sentence_vectors

    return sentence_vectors(HUB_NAMES.get(name, name), texts, cache)
