"""Embeds prompts with the embedder that a setting names.

`tfidf` works everywhere and compares words; `minilm` (the paper's, A.3) and any other sentence-transformers model
compare meaning. They differ: of MiniLM's ten nearest prompts, `tfidf` finds about a quarter.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from unipref.core.contracts import Settings
from unipref.core.errors import near_name
from unipref.models.sentence_model import HUB_NAMES
from unipref.models.text_cache import Texts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EMBEDDER_NAMES = ("tfidf", *HUB_NAMES)


def check_embedder(name: str) -> str:
    """Returns the name if it can be an embedder's; settings are checked with this before any work starts.

    Raises:
        ValueError: the name is neither an embedder, nor a folder, nor of the form of a hub name.
    """
    if name in EMBEDDER_NAMES or "/" in name or Path(name).expanduser().is_dir():
        return name
    raise ValueError(
        f"'{name}' is neither an embedder nor a folder; a hub name is org/name. {near_name(name, EMBEDDER_NAMES)}"
    )


class EmbedsPrompts(Settings):
    """The settings of a strategy that embeds prompts; inherit from it before the strategy's other base class."""

    embedder: Annotated[str, AfterValidator(check_embedder)] = "tfidf"
    """`tfidf`, `minilm` (sentence-transformers/all-MiniLM-L6-v2), or a folder or hub name of another
    sentence-transformers model."""

    @property
    def embedding_model(self) -> str:
        """The embedder, whose files the selection depends on."""
        return self.embedder


def embed(name: str, texts: Texts, ids: "npt.NDArray[np.str_]", cache: Path) -> "npt.NDArray[np.float32]":
    """Computes the vectors of n texts.

    Args:
        name: 'tfidf', 'minilm', or a folder or hub name of a sentence-transformers model.
        texts: the stream of the n texts.
        ids: (n,) ids of the texts' rows: they fix the order of the work, so that row order does not matter.
        cache: folder that keeps a model's vectors between runs.

    Returns:
        (n, d) unit rows; a row is zero if the embedder finds nothing in the text.

    Raises:
        UserError: the model cannot be loaded, or sentence-transformers is not installed.
    """
    if name == "tfidf":
        from unipref.select.embedding.tfidf import compute_tfidf_vectors

        return compute_tfidf_vectors(texts, ids)
    from unipref.models.sentence_model import compute_sentence_vectors

    return compute_sentence_vectors(HUB_NAMES.get(name, name), texts, cache, len(ids))
