"""Latent semantic analysis of a stream of prompts: hashed words, TF-IDF, truncated SVD, unit rows.

weight(word, text) = (1 + ln tf) * (ln((1 + n) / (1 + df)) + 1), rows normalised, projected on the leading directions.
Source: Deerwester et al. 1990; the weighting is scikit-learn's smoothed IDF with sublinear TF.

FIT_ROWS, KEPT_BYTES and the returned vectors bound the memory: the texts are read twice, once for document frequencies
and the rows that the directions are fitted on, once to project. What KEPT_BYTES hold is counted only once.
"""

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core.one_thread import limit_to_one_thread
from unipref.core.work_progress import RowCount, show_phase
from unipref.models.text_cache import Texts

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.feature_extraction.text import HashingVectorizer

BUCKETS = 2**16
DIMENSIONS = 64
FIT_ROWS = 20_000
KEPT_BYTES = 256 << 20
"""Most bytes of counted words that are kept for the second reading."""
SMALLEST_NORM = 1e-6
"""Shorter projections are rounding errors: normalising them would make noise look like a topic."""

# Scripts written without spaces give one word per character, as otherwise a whole clause would be one word.
UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")


def split_words(text: str) -> list[str]:
    """Splits a text into its lower-cased words; a text of symbols alone is one word."""
    return WORD.findall(text.lower()) or [text.strip()]


def compute_tfidf_vectors(texts: Texts, ids: "npt.NDArray[np.str_]") -> "npt.NDArray[np.float32]":
    """Computes the vectors of n texts, deterministically and independent of their order.

    Args:
        texts: the stream of the n texts.
        ids: (n,) ids; the directions are fitted on the FIT_ROWS texts with the lowest ids. Ids are hashes, so that is
            a fair sample that does not depend on row order.

    Returns:
        (n, d) float32 with d <= DIMENSIONS; unit rows, zero if a text has no part in the leading directions.
    """
    n = len(ids)
    if n == 0:
        return np.zeros((0, 1), dtype=np.float32)
    shown = RowCount("counting words", n)  # before the import, which takes long
    from sklearn.feature_extraction.text import HashingVectorizer

    counter = HashingVectorizer(analyzer=split_words, n_features=BUCKETS, norm=None, alternate_sign=False)
    # Sums over several threads differ in their last bits from run to run, and clusters would differ with them.
    with limit_to_one_thread():
        kept = _KeptCounts(counter, texts)
        idf, fit_rows = _count_frequencies(kept, ids, shown)
        with show_phase("finding directions"):
            directions = _fit_directions(_apply_weights(fit_rows, idf))
        out = np.zeros((n, directions.shape[1]), dtype=np.float32)
        start, shown = 0, RowCount("projecting prompts", n)
        for counts in kept.count_again():
            projected = _apply_weights(counts, idf) @ directions
            norms = np.linalg.norm(projected, axis=1, keepdims=True)
            out[start : start + counts.shape[0]] = np.where(
                norms > SMALLEST_NORM, projected / np.maximum(norms, SMALLEST_NORM), 0.0
            )
            start += counts.shape[0]
            shown.add(counts.shape[0])
    return out


class _KeptCounts:
    """Counts the words of a stream of texts twice, as sparse rows, and keeps as many as KEPT_BYTES hold."""

    def __init__(self, counter: "HashingVectorizer", texts: Texts) -> None:
        self._counter, self._texts = counter, texts
        self._kept: list[Any] = []
        self._n_batches = self._size = 0

    def count(self) -> Iterator[Any]:
        """Yields the counts of each batch of texts."""
        for batch in self._texts():
            counts = self._counter.transform(batch)
            if self._n_batches == len(self._kept) and self._size < KEPT_BYTES:
                self._kept.append(counts.astype(np.float32))  # whole numbers, so nothing is lost
                self._size += counts.nnz * 8
            self._n_batches += 1
            yield counts

    def count_again(self) -> Iterator[Any]:
        """Yields the same again; the texts are read again only if not all counts are kept."""
        batches = self._texts() if len(self._kept) < self._n_batches else itertools.repeat([], self._n_batches)
        for number, batch in enumerate(batches):
            is_kept = number < len(self._kept)
            yield self._kept[number].astype(np.float64) if is_kept else self._counter.transform(batch)


def _count_frequencies(
    kept: _KeptCounts, ids: "npt.NDArray[np.str_]", shown: RowCount
) -> tuple["npt.NDArray[np.float64]", Any]:
    """Counts inverse document frequencies over all texts (BUCKETS,), and the words of the texts to fit on, by id."""
    from scipy.sparse import vstack

    n = len(ids)
    order = np.argsort(ids, kind="stable")[:FIT_ROWS]
    fitted = np.zeros(n, dtype=bool)
    fitted[order] = True
    containing = np.zeros(BUCKETS)
    fit_rows, start = [], 0
    for counts in kept.count():
        containing += np.bincount(counts.indices, minlength=BUCKETS)
        fit_rows.append(counts[fitted[start : start + counts.shape[0]]])
        start += counts.shape[0]
        shown.add(counts.shape[0])
    # The rows are in file order; put them in the order of their ids.
    by_id = np.argsort(np.argsort(order))
    idf = np.log((1 + n) / (1 + containing)) + 1
    return idf, vstack(fit_rows).tocsr()[by_id]


def _apply_weights(counts: Any, idf: "npt.NDArray[np.float64]") -> Any:
    from sklearn.preprocessing import normalize

    weighted = counts.copy()
    weighted.data = (1 + np.log(weighted.data)) * idf[weighted.indices]
    return normalize(weighted, copy=False)


def _fit_directions(rows: Any) -> "npt.NDArray[np.float64]":
    """Fits the leading right singular vectors, (BUCKETS, d), each with its largest entry positive."""
    from sklearn.utils.extmath import randomized_svd

    used = np.unique(rows.indices)
    if min(rows.shape[0], len(used)) <= DIMENSIONS:
        # Small enough for the exact solution, on the columns that occur.
        _, values, right = np.linalg.svd(rows[:, used].toarray(), full_matrices=False)
        rank = max(1, int(np.sum(values > SMALLEST_NORM)))
        directions = np.zeros((BUCKETS, rank))
        directions[used] = right[:rank].T
    else:
        _, _, right = randomized_svd(rows, DIMENSIONS, random_state=0)
        directions = right.T
    largest = directions[np.argmax(np.abs(directions), axis=0), np.arange(directions.shape[1])]
    return np.ascontiguousarray(directions * np.where(largest < 0, -1.0, 1.0))
