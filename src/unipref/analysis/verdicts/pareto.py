"""Instruction following against bias: which models no other beats on both, and how much they gain together."""

from collections.abc import Sequence

Point = tuple[float, float]
"""Two values, both the higher the better."""


def pareto(points: Sequence[Point]) -> list[bool]:
    """Which points are not dominated: no other is at least as good on both and better on one. Equal points all stay."""
    return [
        not any(x >= mine[0] and y >= mine[1] and (x > mine[0] or y > mine[1]) for x, y in points) for mine in points
    ]


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that is dominated by some point and dominates the reference (Zitzler and Thiele 1999)."""
    area, height = 0.0, reference[1]
    for x, y in sorted(points, reverse=True):
        if x > reference[0] and y > height:
            area += (x - reference[0]) * (y - height)
            height = y
    return area


def contributions(points: Sequence[Point], reference: Point) -> list[float]:
    """How much of the hypervolume would go with each point."""
    whole = hypervolume(points, reference)
    return [whole - hypervolume([*points[:at], *points[at + 1 :]], reference) for at in range(len(points))]
