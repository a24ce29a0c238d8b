"""The search for steps and rate: it ends at a point whose neighbours are all tried."""

import math

import pytest

from unipref.demo.tuning import LIMITS, Point, find_best, list_next

START = Point(160, 1e-3)


def search(best: Point) -> dict[Point, float]:
    """Searches a score that falls with the distance from the best point."""
    scores: dict[Point, float] = {}
    while new := list_next(scores, START):
        for point in new:
            scores[point] = -abs(math.log2(point.steps / best.steps)) - abs(math.log2(point.rate / best.rate))
    return scores


@pytest.mark.parametrize("best", [START, Point(640, 2.5e-4), Point(40, 4e-3), Point(320, 1e-3)])
def test_the_search_ends_at_the_best_point_off_the_edge(best: Point) -> None:
    scores = search(best)
    assert find_best(scores) == best
    assert all(point in scores for point in best.neighbours())
    assert not best.is_at_limit()


def test_a_best_point_at_a_limit_is_named_as_such() -> None:
    scores = search(Point(10_000, 1e-3))
    best = find_best(scores)
    assert (best.steps, best.is_at_limit()) == (LIMITS.steps[1], True)


def test_of_equal_points_the_cheapest_is_chosen() -> None:
    assert find_best({Point(600, 1e-3): 0.5, Point(300, 2e-3): 0.5, Point(300, 1e-3): 0.5}) == Point(300, 1e-3)


def test_neighbours_stay_inside_the_limits() -> None:
    steps, rate = LIMITS.steps[0], LIMITS.rates[0]
    assert Point(steps, rate).neighbours() == [Point(2 * steps, rate), Point(steps, 2 * rate)]
