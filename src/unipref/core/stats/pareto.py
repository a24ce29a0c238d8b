"""The Pareto front: the points that no other dominates, and the hypervolume of two metrics."""

from collections.abc import Sequence

Point = tuple[float, float]
"""Two values; higher is better for both."""


def find_efficient_points(points: Sequence[Sequence[float]]) -> list[bool]:
    """Returns which points are not dominated: no other is at least as good on every metric and better on one.

    Args:
        points: (n, k) values, higher is better; equal points do not dominate each other.
    """
    return [not any(_dominates(other, point) for other in points) for point in points]


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Computes the area that is dominated by some point and dominates the reference (Zitzler and Thiele 1999)."""
    area, height = 0.0, reference[1]
    for x, y in sorted(points, reverse=True):
        if x > reference[0] and y > height:
            area += (x - reference[0]) * (y - height)
            height = y
    return area


def contributions(points: Sequence[Point], reference: Point) -> list[float]:
    """Computes by how much the hypervolume shrinks without each point."""
    whole = hypervolume(points, reference)
    return [whole - hypervolume([*points[:at], *points[at + 1 :]], reference) for at in range(len(points))]
