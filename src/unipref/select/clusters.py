"""Clusters prompts with k-means on unit vectors; the result does not depend on row order or number of threads."""

from typing import TYPE_CHECKING

import numpy as np

from unipref.core.one_thread import limit_to_one_thread

if TYPE_CHECKING:
    import numpy.typing as npt


def cluster(
    vectors: "npt.NDArray[np.float32]", ids: "npt.NDArray[np.str_]", clusters: int, restarts: int, seed: int
) -> "npt.NDArray[np.int64]":
    """Assigns each row to a cluster.

    Args:
        vectors: (n, d) rows.
        ids: (n,) ids; the rows are clustered in the order of their ids.
        clusters: number of clusters; fewer if there are fewer distinct rows.
        restarts: k-means runs from different starts; the one with the lowest inertia counts.
        seed: of the starts.

    Returns:
        (n,) labels from 0.
    """
    from sklearn.cluster import KMeans

    labels = np.zeros(len(vectors), dtype=np.int64)
    count = _count_distinct(vectors, clusters)
    if count < 2:
        return labels
    order = np.argsort(ids, kind="stable")
    means = KMeans(n_clusters=count, n_init=restarts, random_state=seed, copy_x=False)
    # With several threads, the centres would be summed in the order in which the threads finish.
    with limit_to_one_thread():
        labels[order] = means.fit(vectors[order]).labels_
    return labels


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
        means = KMeans(n_clusters=count, n_init=1, random_state=seed).fit(vectors[order])
        for start in range(0, len(vectors), 2**14):
            labels[start : start + 2**14] = means.predict(vectors[start : start + 2**14])
    return labels


def _count_distinct(vectors: "npt.NDArray[np.float32]", enough: int) -> int:
    """Counts distinct rows, up to `enough`."""
    seen: set[bytes] = set()
    for row in vectors:
        seen.add(row.tobytes())
        if len(seen) >= enough:
            break
    return len(seen)
