"""Clusters prompts with k-means on unit vectors; the result does not depend on row order or number of threads."""

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from unipref.core.one_thread import limit_to_one_thread
from unipref.core.work_progress import show_phase, show_starts

if TYPE_CHECKING:
    import numpy.typing as npt


FAISS_ROWS = 50_000
"""From so many rows on, faiss clusters them where it is installed. Fewer give the same clusters with and without it."""
FAISS_FIT_ROWS, FAISS_FIT_ROWS_PER_CLUSTER = 50_000, 64
"""On how many rows faiss fits the centres: as many, or as many for each cluster, whichever is more."""
ROWS_AT_ONCE = 2**14


def cluster(
    vectors: "npt.NDArray[np.float32]", ids: "npt.NDArray[np.str_]", clusters: int, restarts: int, seed: int
) -> "npt.NDArray[np.int64]":
    """Assigns each row to a cluster: with faiss, if that is installed and there are `FAISS_ROWS` rows or more.

    Args:
        vectors: (n, d) rows.
        ids: (n,) ids; the rows are clustered in the order of their ids.
        clusters: number of clusters; fewer if there are fewer distinct rows.
        restarts: k-means runs from different starts; the one with the lowest inertia counts.
        seed: of the starts.

    Returns:
        (n,) labels from 0.
    """
    labels = np.zeros(len(vectors), dtype=np.int64)
    count = _count_distinct(vectors, clusters)
    if count < 2:
        return labels
    order = np.argsort(ids, kind="stable")
    if len(vectors) >= FAISS_ROWS and importlib.util.find_spec("faiss") is not None:
        labels[order] = _cluster_by_faiss(vectors, order, count, restarts, seed)
        return labels
    with show_phase("clustering"):
        from sklearn.cluster import KMeans

        vectors = vectors[order]  # frees those that were given, if the caller does not hold them
        means = KMeans(n_clusters=count, n_init=restarts, random_state=seed, copy_x=False)
        # With several threads, the centres would be summed in the order in which the threads finish.
        with limit_to_one_thread():
            labels[order] = means.fit(vectors).labels_
    return labels


def _cluster_by_faiss(
    vectors: "npt.NDArray[np.float32]", order: "npt.NDArray[np.int64]", count: int, restarts: int, seed: int
) -> "npt.NDArray[np.int64]":
    """Returns (n,) labels of the rows in an order. The centres are fitted on the first of them."""
    import faiss

    n_fit = max(FAISS_FIT_ROWS, FAISS_FIT_ROWS_PER_CLUSTER * count)
    # faiss takes seeds below 2**31, and would leave out rows beyond so many for each centre.
    settings = {"seed": seed % 2**31, "nredo": restarts, "max_points_per_centroid": -(-n_fit // count)}
    with limit_to_one_thread():
        means = faiss.Kmeans(vectors.shape[1], count, **settings)
        with show_phase("clustering"):
            means.train(vectors[order[:n_fit]])
        parts = [
            means.index.search(vectors[order[start : start + ROWS_AT_ONCE]], 1)[1][:, 0]
            for start in show_starts(len(order), ROWS_AT_ONCE, "assigning to clusters")
        ]
    return np.concatenate(parts)


FIT_ROWS_PER_CLUSTER = 256


def partition(
    vectors: "npt.NDArray[np.float32]", ids: "npt.NDArray[np.str_]", size: int, seed: int
) -> "npt.NDArray[np.int64]":
    """Splits many rows into clusters of about `size` rows, fitted on FIT_ROWS_PER_CLUSTER rows for each.

    Args:
        vectors: (n, d) rows.
        ids: (n,) ids; the centres are fitted on the rows with the lowest ids. Ids are hashes, so that is a fair sample.
        size: rows of a cluster, on average.
        seed: of the starts.

    Returns:
        (n,) labels from 0; all 0 if there are few enough rows.
    """
    from sklearn.cluster import KMeans

    labels = np.zeros(len(vectors), dtype=np.int64)
    count = _count_distinct(vectors, -(-len(vectors) // size))
    if count < 2:
        return labels
    order = np.argsort(ids, kind="stable")[: count * FIT_ROWS_PER_CLUSTER]
    with limit_to_one_thread():
        with show_phase("partitioning"):
            means = KMeans(n_clusters=count, n_init=1, random_state=seed).fit(vectors[order])
        for start in show_starts(len(vectors), ROWS_AT_ONCE, "assigning to partitions"):
            labels[start : start + ROWS_AT_ONCE] = means.predict(vectors[start : start + ROWS_AT_ONCE])
    return labels


def _count_distinct(vectors: "npt.NDArray[np.float32]", enough: int) -> int:
    """Counts distinct rows, up to `enough`."""
    seen: set[bytes] = set()
    for row in vectors:
        seen.add(row.tobytes())
        if len(seen) >= enough:
            break
    return len(seen)
