"""How a selection is spread over the space of prompts: clusters, nearest neighbours, and a map in two dimensions.

All results are deterministic and independent of row order: samples are the rows with the lowest ids. Ids are hashes,
so such a sample is fair.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unipref.core.one_thread import limit_to_one_thread

if TYPE_CHECKING:
    import numpy.typing as npt

FIT_ROWS = 20_000
"""Rows for fitting the clusters and the axes of the map."""
CLUSTERS = 50
PER_CLUSTER = 20
"""Fewer than CLUSTERS clusters if each would have fewer rows than this."""
RESTARTS = 3
QUERIES = 300
"""Rows whose nearest neighbour is searched."""
BLOCK_ROWS = 8192
MAP_POINTS = 600
FEWEST_PROMPTS = 3
ALIKE = 1e-6
"""Largest difference between equal vectors, from rounding."""
MAP_SIDE = 1000
"""The map's coordinates are whole numbers from 0 to this."""


class Neighbours(NamedTuple):
    """Mean cosine distance of a prompt to its nearest other: of all candidates, the kept ones, and a random part.

    The random part is as large as the kept one. Compare those two: fewer points are farther apart in any case.
    """

    before: float | None
    after: float | None
    random: float | None


def assign_clusters(vectors: "npt.NDArray[np.float32]", ids: "npt.NDArray[np.str_]") -> "npt.NDArray[np.int64]":
    """Assigns each row to a cluster, (n,); k-means is fitted on the FIT_ROWS rows with the lowest ids.

    Args:
        vectors: (n, d) unit rows.
        ids: (n,) ids.
    """
    from sklearn.cluster import KMeans

    n = len(vectors)
    fitted = vectors[np.argsort(ids, kind="stable")[:FIT_ROWS]]
    count = min(CLUSTERS, n // PER_CLUSTER, len(np.unique(fitted, axis=0)))
    if count < 2:
        return np.zeros(n, dtype=np.int64)
    with limit_to_one_thread():
        means = KMeans(n_clusters=count, n_init=RESTARTS, random_state=0).fit(fitted)
        parts = [means.predict(vectors[start : start + BLOCK_ROWS]) for start in range(0, n, BLOCK_ROWS)]
    return np.concatenate(parts).astype(np.int64)


def compute_entropy(labels: "npt.NDArray[np.int64]") -> float | None:
    """Computes - sum p ln p in nats, with p the clusters' shares of the rows; None without rows."""
    if not len(labels):
        return None
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-np.sum(shares * np.log(shares))) + 0.0  # avoids minus zero


def measure_nearest(
    vectors: "npt.NDArray[np.float32]", order: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]"
) -> Neighbours:
    """Measures the three mean distances over some candidates.

    Args:
        vectors: (n, d) unit rows.
        order: positions of the candidates, by id.
        kept: (n,) mask.
    """
    mine = order[kept[order]]
    at_random = order[: len(mine)]
    return Neighbours(*(_mean_nearest_distance(vectors[rows]) for rows in (order, mine, at_random)))


def _mean_nearest_distance(vectors: "npt.NDArray[np.float32]") -> float | None:
    """Mean distance of the first QUERIES rows to the nearest other row; None for fewer than two rows.

    Rows of zeros, in which the embedder found nothing, are left out.
    """
    non_zero = vectors[np.any(vectors != 0, axis=1)]
    if len(non_zero) < 2:
        return None
    queries = non_zero[:QUERIES]
    best = np.full(len(queries), -1.0, dtype=np.float32)
    with limit_to_one_thread():
        for start in range(0, len(non_zero), BLOCK_ROWS):
            likeness = queries @ non_zero[start : start + BLOCK_ROWS].T
            own = np.arange(start, min(start + BLOCK_ROWS, len(queries)))
            likeness[own, own - start] = -1.0
            np.maximum(best, likeness.max(axis=1), out=best)
    return float(np.mean(1 - np.clip(best, -1, 1), dtype=np.float64))


def find_map_obstacle(vectors: "npt.NDArray[np.float32]", order: "npt.NDArray[np.int64]") -> str:
    """Returns why no map of the prompts can be made, in a few words; empty if one can.

    Args:
        vectors: (n, d) unit rows.
        order: (n,) positions by id.
    """
    if len(order) < FEWEST_PROMPTS:
        return f"there are fewer than {FEWEST_PROMPTS} prompts."
    fitted = vectors[order[:FIT_ROWS]]
    if fitted.shape[1] == 0 or float(np.ptp(fitted, axis=0).max()) <= ALIKE:
        return "all prompts have the same vector, so they would be one point."
    return ""


def project_to_map(
    vectors: "npt.NDArray[np.float32]", order: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]"
) -> dict[str, Any]:
    """Makes a map of the prompts from their first two principal components.

    Args:
        vectors: (n, d) unit rows.
        order: (n,) positions by id.
        kept: (n,) mask.

    Returns:
        `x` and `y`, whole numbers from 0 to MAP_SIDE of up to MAP_POINTS prompts; `kept`, a text with '1' for each kept
        prompt and '0' for each other; `of`, the number of all prompts; and `variance`, the share of the variance on
        each axis. Empty if `find_map_obstacle` names one.
    """
    if find_map_obstacle(vectors, order):
        return {}
    fitted = vectors[order[:FIT_ROWS]].astype(np.float64)
    centre = fitted.mean(axis=0)
    with limit_to_one_thread():
        values, axes = np.linalg.eigh(np.cov(fitted - centre, rowvar=False, bias=True).reshape(len(centre), -1))
    leading = axes[:, ::-1][:, :2]
    largest = leading[np.argmax(np.abs(leading), axis=0), np.arange(leading.shape[1])]
    points = order[:MAP_POINTS]
    projected = (vectors[points] - centre) @ (leading * np.where(largest < 0, -1.0, 1.0))
    if projected.shape[1] < 2:
        projected = np.column_stack([projected, np.zeros(len(projected))])
    low, high = projected.min(axis=0), projected.max(axis=0)
    scaled = np.round((projected - low) / np.where(high > low, high - low, 1.0) * MAP_SIDE).astype(int)
    whole = float(values.sum())
    variance = [round(float(max(v, 0.0)) / whole, 4) if whole > 0 else 0.0 for v in values[::-1][:2]]
    return {
        "x": scaled[:, 0].tolist(),
        "y": scaled[:, 1].tolist(),
        "kept": "".join("1" if mark else "0" for mark in kept[points]),
        "of": len(order),
        # One dimension gives one principal component; the map then is a line.
        "variance": [*variance, 0.0][:2],
    }
