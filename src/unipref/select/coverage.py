"""Coverage of a set by some of its members: a sparse neighbour graph, and the lazy greedy choice on it.

Members are compared with their nearest neighbours only, so that memory is proportional to n * neighbours.
"""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unipref.core.one_thread import limit_to_one_thread

if TYPE_CHECKING:
    import numpy.typing as npt

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Graph:
    """The neighbours of each member, in both directions; each member is nearest to itself.

    Attributes:
        starts: (n + 1,) member i's neighbours are `near[starts[i]:starts[i + 1]]`.
        near: (e,) neighbours.
        similarities: (e,) cosines, not negative; 1 of a member with itself.
    """

    starts: "npt.NDArray[np.int64]"
    near: "npt.NDArray[np.int64]"
    similarities: "npt.NDArray[np.float64]"


def build_graph(vectors: "npt.NDArray[np.float32]", neighbours: int) -> Graph:
    """Builds the graph in which two members are joined if one is among the other's nearest.

    Args:
        vectors: (n, d) unit rows, or zero.
        neighbours: number of nearest members that a member is joined with, not counting itself.
    """
    from scipy.sparse import csr_array

    n = len(vectors)
    count = min(neighbours + 1, n)
    near = np.empty((n, count), dtype=np.int64)
    similarities = np.empty((n, count))
    # One thread: with several, the last bits of sums differ from run to run.
    with limit_to_one_thread():
        for start in range(0, n, ROWS_AT_ONCE):
            block = vectors[start : start + ROWS_AT_ONCE] @ vectors.T
            mine = np.arange(len(block))
            block[mine, start + mine] = np.inf
            best = np.argpartition(-block, count - 1, axis=1)[:, :count]
            near[start : start + len(block)] = best
            similarities[start : start + len(block)] = np.take_along_axis(block, best, axis=1)
    # Rounded, so that the two directions of a pair agree; infinity stands for the member itself.
    similarities = np.where(np.isinf(similarities), 1.0, np.round(np.clip(similarities, 0.0, 1.0), 6))
    rows = np.repeat(np.arange(n), count)
    one_way = csr_array((similarities.ravel(), (rows, near.ravel())), shape=(n, n))
    both = one_way.maximum(one_way.T).tocsr()
    both.sort_indices()
    return Graph(both.indptr.astype(np.int64), both.indices.astype(np.int64), both.data)


def compute_greedy_order(graph: Graph, first: "npt.NDArray[np.int64]", enough: int) -> "npt.NDArray[np.int64]":
    """Orders the members so that each adds most to the coverage of all by those before it.

    Coverage of a set S is the sum over all members of their similarity to the nearest in S. A member's gain can only
    fall as S grows, so an old gain is an upper bound, and only members at the top of the heap are computed again
    (Minoux 1978). Ties in gain go to the lower position.

    Args:
        graph: the graph of n members.
        first: members that are in S from the start.
        enough: number of members to order exactly; the rest follow in the order of their last computed gain.

    Returns:
        (n - len(first),) positions.
    """
    n = len(graph.starts) - 1
    covered = np.zeros(n)
    is_covering = np.zeros(n, dtype=bool)
    is_covering[first] = True
    for member in first:
        _cover(graph, member, covered)
    heap = [(-_compute_gain(graph, member, covered), member) for member in range(n) if not is_covering[member]]
    heapq.heapify(heap)
    order: list[int] = []
    while heap and len(order) < enough:
        _, member = heapq.heappop(heap)
        now = (-_compute_gain(graph, member, covered), member)
        if heap and now > heap[0]:
            heapq.heappush(heap, now)
            continue
        order.append(member)
        _cover(graph, member, covered)
    return np.array([*order, *(member for _, member in sorted(heap))], dtype=np.int64)


def _compute_gain(graph: Graph, member: int, covered: "npt.NDArray[np.float64]") -> float:
    mine = slice(graph.starts[member], graph.starts[member + 1])
    gain = np.maximum(graph.similarities[mine] - covered[graph.near[mine]], 0.0).sum()
    # Rounded, so that sums of the same similarities in another order are equal.
    return round(float(gain), 9)


def _cover(graph: Graph, member: int, covered: "npt.NDArray[np.float64]") -> None:
    mine = slice(graph.starts[member], graph.starts[member + 1])
    near = graph.near[mine]
    covered[near] = np.maximum(covered[near], graph.similarities[mine])
