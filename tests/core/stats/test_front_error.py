"""The front with error: equal models share the luck, clearly different ones keep their places."""

import numpy as np
import pytest

from unipref.core.stats.front_error import find_efficient, measure_hypervolumes, simulate_front
from unipref.core.stats.pareto import find_efficient_points, hypervolume


def test_areas_and_fronts_of_many_runs_are_those_of_each() -> None:
    points = np.random.default_rng(0).normal(0.3, 0.4, size=(20, 9, 2))
    for run, area, efficient in zip(points, measure_hypervolumes(points), find_efficient(points), strict=True):
        places = [(float(x), float(y)) for x, y in run]
        assert area == pytest.approx(hypervolume(places, (0.0, 0.0)))
        assert efficient.tolist() == find_efficient_points(places)


def test_of_equal_models_each_is_rarely_on_the_front_and_the_area_is_that_of_one() -> None:
    rng = np.random.default_rng(1)
    ratios, supports = [], []
    for _ in range(4):
        points = 0.7 + 0.03 * rng.normal(size=(38, 2))
        found = simulate_front(points, np.full((38, 2), 0.03**2), np.zeros(2), np.zeros((1, 2)))
        ratios.append(found.hypervolume / 0.49)
        supports.append(float(np.mean(found.support)))
        assert measure_hypervolumes(points[None])[0] > 1.1 * 0.49
        assert found.low < 0.49 < found.high
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)
    # 4.2 of 38 are on the front by luck.
    assert np.mean(supports) == pytest.approx(4.2 / 38, abs=0.03)


def test_clearly_different_models_keep_their_places() -> None:
    points = np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8], [0.3, 0.3]])
    found = simulate_front(points, np.full((4, 2), 0.005**2), np.full(2, 0.005**2), np.zeros((1, 2)))
    assert found.support == [1.0, 1.0, 1.0, 0.0]
    assert found.hypervolume == pytest.approx(hypervolume([(0.8, 0.2), (0.5, 0.5), (0.2, 0.8)], (0.0, 0.0)), abs=0.002)
