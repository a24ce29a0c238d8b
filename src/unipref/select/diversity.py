"""How a selection is spread over the space of prompts: clusters, neighbours, and a map in two dimensions.

Everything is computed on vectors, deterministic and independent of row order: samples are the rows of lowest id, and
ids are hashes, so that such a sample is a fair one.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

FIT_ROWS = 20_000
"""Rows that the clusters and the axes of the map are fitted on."""
CLUSTERS = 50
PER_CLUSTER = 20
"""Fewer than CLUSTERS clusters where there would be fewer rows than this in each."""
RESTARTS = 3
QUERIES = 300
"""Rows whose nearest neighbour is looked for."""
AT_ONCE = 8192
MAP_POINTS = 600
MAP_SIDE = 1000
"""The map's coordinates are whole numbers from 0 to this."""


class Neighbours(NamedTuple):
    """Mean cosine distance of a prompt to its nearest other: of all candidates, of the kept ones, of a random part.

    That part is as large as the kept one, which is to be compared with it: fewer points lie farther apart in any case.
    """

    before: float | None
    after: float | None
    random: float | None


def clusters_of(vectors: "npt.NDArray[np.float32]", ids: "npt.NDArray[np.str_]") -> "npt.NDArray[np.int64]":
    """(n,) the cluster of each row, k-means fitted on the FIT_ROWS rows of lowest id.

    Args:
        vectors: (n, d) unit rows.
        ids: (n,) ids.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n = len(vectors)
    fitted = vectors[np.argsort(ids, kind="stable")[:FIT_ROWS]]
    count = min(CLUSTERS, n // PER_CLUSTER, len(np.unique(fitted, axis=0)))
    if count < 2:
        return np.zeros(n, dtype=np.int64)
    with threadpool_limits(limits=1):
        means = KMeans(n_clusters=count, n_init=RESTARTS, random_state=0).fit(fitted)
        parts = [means.predict(vectors[start : start + AT_ONCE]) for start in range(0, n, AT_ONCE)]
    return np.concatenate(parts).astype(np.int64)


def entropy(labels: "npt.NDArray[np.int64]") -> float | None:
    """- sum p ln p in nats, p the clusters' shares of the rows; None for no rows."""
    if not len(labels):
        return None
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-np.sum(shares * np.log(shares))) + 0.0  # no minus zero


def neighbours(
    vectors: "npt.NDArray[np.float32]", order: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]"
) -> Neighbours:
    """The three mean distances over some candidates.

    Args:
        vectors: (n, d) unit rows.
        order: positions of the candidates looked at, by id.
        kept: (n,) mask.
    """
    mine = order[kept[order]]
    at_random = order[: len(mine)]
    return Neighbours(*(_nearest(vectors[rows]) for rows in (order, mine, at_random)))


def _nearest(vectors: "npt.NDArray[np.float32]") -> float | None:
    """Mean distance of the first QUERIES rows to the nearest other row; None for fewer than two rows.

    Rows of zeros, in which the embedder saw nothing, are left out.
    """
    from threadpoolctl import threadpool_limits

    seen = vectors[np.any(vectors != 0, axis=1)]
    if len(seen) < 2:
        return None
    queries = seen[:QUERIES]
    best = np.full(len(queries), -1.0, dtype=np.float32)
    with threadpool_limits(limits=1):
        for start in range(0, len(seen), AT_ONCE):
            likeness = queries @ seen[start : start + AT_ONCE].T
            own = np.arange(start, min(start + AT_ONCE, len(queries)))
            likeness[own, own - start] = -1.0
            np.maximum(best, likeness.max(axis=1), out=best)
    return float(np.mean(1 - np.clip(best, -1, 1), dtype=np.float64))


def two_dimensions(
    vectors: "npt.NDArray[np.float32]", order: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]"
) -> dict[str, Any]:
    """A map of the prompts: their first two principal components.

    Args:
        vectors: (n, d) unit rows.
        order: (n,) positions by id.
        kept: (n,) mask.

    Returns:
        `x` and `y`, whole numbers from 0 to MAP_SIDE of up to MAP_POINTS prompts; `kept`, a text with '1' for each
        that is kept and '0' for each that is not; `of`, how many prompts there are; and `variance`, the part of the
        variance on each axis. Empty where there are fewer than three prompts.
    """
    from threadpoolctl import threadpool_limits

    if len(order) < 3:
        return {}
    fitted = vectors[order[:FIT_ROWS]].astype(np.float64)
    centre = fitted.mean(axis=0)
    with threadpool_limits(limits=1):
        values, axes = np.linalg.eigh(np.cov(fitted - centre, rowvar=False, bias=True).reshape(len(centre), -1))
    leading = axes[:, ::-1][:, :2]
    largest = leading[np.argmax(np.abs(leading), axis=0), np.arange(leading.shape[1])]
    shown = order[:MAP_POINTS]
    places = (vectors[shown] - centre) @ (leading * np.where(largest < 0, -1.0, 1.0))
    if places.shape[1] < 2:
        places = np.column_stack([places, np.zeros(len(places))])
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = np.round((places - low) / np.where(high > low, high - low, 1.0) * MAP_SIDE).astype(int)
    whole = float(values.sum())
    return {
        "x": scaled[:, 0].tolist(),
        "y": scaled[:, 1].tolist(),
        "kept": "".join("1" if mark else "0" for mark in kept[shown]),
        "of": len(order),
        "variance": [round(float(max(v, 0.0)) / whole, 4) if whole > 0 else 0.0 for v in values[::-1][:2]],
    }
