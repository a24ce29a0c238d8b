"""Coverage of a set by some of its members: a sparse neighbour graph, and the lazy greedy choice on it.

The members are compared with their nearest neighbours only, so that memory is proportional to n * neighbours.
"""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Graph:
    """Who is near whom, in both directions, each member nearest to itself.

    Attributes:
        starts: (n + 1,) member i's neighbours are `near[starts[i]:starts[i + 1]]`.
        near: (e,) neighbours.
        similarities: (e,) cosines, not negative; 1 of a member with itself.
    """

    starts: "npt.NDArray[np.int64]"
    near: "npt.NDArray[np.int64]"
    similarities: "npt.NDArray[np.float64]"


def graph(vectors: "npt.NDArray[np.float32]", neighbours: int) -> Graph:
    """The graph in which two members are joined when one is among the other's nearest.

    Args:
        vectors: (n, d) unit rows, or zero.
        neighbours: how many nearest ones a member is joined with, itself not counted.
    """
    from scipy.sparse import csr_array
    from threadpoolctl import threadpool_limits

    n = len(vectors)
    count = min(neighbours + 1, n)
    near = np.empty((n, count), dtype=np.int64)
    similarities = np.empty((n, count))
    # One thread: with several, sums differ in their last bits from run to run.
    with threadpool_limits(limits=1):
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


def greedy_order(joined: Graph, first: "npt.NDArray[np.int64]", enough: int) -> "npt.NDArray[np.int64]":
    """Members in the order in which each adds most to the coverage of all by those before it.

    Coverage of a set S is the sum over all members of their similarity to the nearest in S. What a member adds can only
    fall as S grows, so an old value is an upper bound, and only members at the top of the heap are looked at again
    (Minoux 1978). Equal gains are decided by the lower position.

    Args:
        joined: the graph of n members.
        first: members that are in S from the start.
        enough: how many are wanted; the rest follow in the order of their last known gain.

    Returns:
        (n - len(first),) positions.
    """
    n = len(joined.starts) - 1
    covered = np.zeros(n)
    taken = np.zeros(n, dtype=bool)
    taken[first] = True
    for member in first:
        _cover(joined, member, covered)
    heap = [(-_gain(joined, member, covered), member) for member in range(n) if not taken[member]]
    heapq.heapify(heap)
    order: list[int] = []
    while heap and len(order) < enough:
        _, member = heapq.heappop(heap)
        now = (-_gain(joined, member, covered), member)
        if heap and now > heap[0]:
            heapq.heappush(heap, now)
            continue
        order.append(member)
        _cover(joined, member, covered)
    return np.array([*order, *(member for _, member in sorted(heap))], dtype=np.int64)


def _gain(joined: Graph, member: int, covered: "npt.NDArray[np.float64]") -> float:
    mine = slice(joined.starts[member], joined.starts[member + 1])
    gain = np.maximum(joined.similarities[mine] - covered[joined.near[mine]], 0.0).sum()
    # Rounded, so that sums of the same similarities in another order are equal.
    return round(float(gain), 9)


def _cover(joined: Graph, member: int, covered: "npt.NDArray[np.float64]") -> None:
    mine = slice(joined.starts[member], joined.starts[member + 1])
    near = joined.near[mine]
    covered[near] = np.maximum(covered[near], joined.similarities[mine])
