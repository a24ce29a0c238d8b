"""Reliability diagrams: bins, their edges, the expected calibration error, and what chance alone gives."""

import math

import numpy as np
import pytest

from unipref.core.stats.calibration import FEWEST, mean_deviation, measure_calibration
from unipref.core.stats.wilson import wilson


def test_the_bins_and_the_error_are_those_by_hand() -> None:
    # Two bins: 4 of 5 right with a confidence of .72, and 1 of 3 right with .96.
    confidence = [0.70, 0.71, 0.72, 0.73, 0.74, 0.95, 0.96, 0.97]
    result = measure_calibration(confidence, [True, True, True, True, False, True, False, False])
    low, high = result.bins
    assert (low.start, low.end, low.count, low.right, low.confidence) == (0.7, 0.75, 5, 4, pytest.approx(0.72))
    assert (high.start, high.end, high.count, high.right, high.confidence) == (0.95, 1.0, 3, 1, pytest.approx(0.96))
    assert (low.low, low.high) == wilson(4, 5)
    assert (result.count, result.right, result.confidence) == (8, 5, pytest.approx(0.81))
    assert result.error == pytest.approx((5 * abs(0.8 - 0.72) + 3 * abs(1 / 3 - 0.96)) / 8)
    assert result.by_chance == pytest.approx((5 * mean_deviation(5, 0.72) + 3 * mean_deviation(3, 0.96)) / 8)
    assert not result.has_enough


def test_a_value_on_an_edge_is_in_the_bin_above_whatever_its_precision() -> None:
    edges = [place / 20 for place in range(21)]
    for values in (edges, np.float32(edges).astype(float).tolist()):
        bins = measure_calibration(values, [True] * 21).bins
        assert [(one.start, one.count) for one in bins] == [(place / 20, 1) for place in range(19)] + [(0.95, 2)]


def test_ten_bins_from_a_half_on_and_more_below_where_labels_are_kept() -> None:
    values = np.linspace(0.5, 1, 501).tolist()
    assert [one.start for one in measure_calibration(values, [True] * 501).bins] == [k / 20 for k in range(10, 20)]
    result = measure_calibration([0.31, 0.32, 0.9], [False, False, True])
    assert [(one.start, one.count, one.right) for one in result.bins] == [(0.3, 2, 0), (0.9, 1, 1)]


def test_nothing_is_measured_without_confidences() -> None:
    result = measure_calibration([], [])
    assert (result.bins, result.count, result.error, result.by_chance, result.confidence) == ([], 0, None, None, None)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.8, 0.975, 1.0])
def test_the_mean_deviation_is_that_of_the_binomial(count: int, share: float) -> None:
    expected = sum(
        math.comb(count, k) * share**k * (1 - share) ** (count - k) * abs(k / count - share) for k in range(count + 1)
    )
    assert mean_deviation(count, share) == pytest.approx(expected, abs=1e-12)


def test_right_confidences_have_about_the_error_that_chance_gives() -> None:
    rng = np.random.default_rng(5)
    errors, by_chance = [], []
    for _ in range(40):
        confidence = rng.uniform(0.5, 1, 200)
        result = measure_calibration(confidence.tolist(), (rng.random(200) < confidence).tolist())
        assert result.error is not None
        assert result.by_chance is not None
        errors.append(result.error)
        by_chance.append(result.by_chance)
    assert np.mean(errors) == pytest.approx(np.mean(by_chance), abs=0.004)
    assert measure_calibration([0.9] * FEWEST, [True] * FEWEST).has_enough
