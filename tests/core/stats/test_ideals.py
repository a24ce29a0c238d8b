"""Gains towards an ideal: which model is nearer, and how often the interval holds the true gain."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unipref.core.stats.differences import Difference, difference
from unipref.core.stats.ideals import Linear, find_gain_interval, find_gain_p, make_table
from unipref.core.stats.statistic import mean
from unipref.evaluate.readers.labour_statistics import correlation

Comparing = Callable[..., list[Difference]]
APART = "different, which is nearer to the ideal is not known"
OCCUPATIONS = [f"{at:02}" for at in range(20)]


def compare_correlations(first: float, second: float, n: int, seed: int) -> list[Difference]:
    """Compares n pairs of models whose true correlations with the share of women are given, on 20 occupations."""
    rng = np.random.default_rng(seed)
    found = []
    for y, one, two in rng.normal(size=(n, 3, 20)):
        sides = (r * y + np.sqrt(1 - r * r) * noise for r, noise in ((first, one), (second, two)))
        found.append(difference(*(correlation("r", OCCUPATIONS, x, y) for x in sides)))
    return found


def compare_shares(first: float, second: float, n: int, seed: int) -> list[Difference]:
    """Compares n pairs of models by shares of 200 answers with the ideal of a half."""
    rng = np.random.default_rng(seed)
    units = [str(at) for at in range(200)]
    shares: dict[str, Any] = {"direction": "ideal", "ideal": 0.5}
    return [
        difference(
            *(
                mean("share", units, values < share, **shares)
                for values, share in zip(both, (first, second), strict=True)
            )
        )
        for both in rng.random((n, 2, 200))
    ]


def count_covered(found: list[Difference], gain: float) -> float:
    return float(np.mean([(one.gain_low or 0.0) - 1e-9 <= gain <= (one.gain_high or 0.0) + 1e-9 for one in found]))


@pytest.mark.parametrize(
    ("compared", "first", "second", "gain", "better"),
    [
        (compare_correlations, 1.0, 0.0, 1.0, 0.9),
        (compare_correlations, 0.9, -0.1, 0.8, 0.8),
        (compare_correlations, 0.5, 0.0, 0.5, 0.05),
        (compare_shares, 0.55, 0.52, 0.03, 0.0),
        (compare_shares, 0.5, 0.5, 0.0, 0.0),
    ],
)
def test_the_interval_of_a_gain_holds_the_true_one(
    compared: Comparing, first: float, second: float, gain: float, better: float
) -> None:
    found = compared(first, second, 150, seed=0)
    verdicts = Counter(one.verdict for one in found)
    # 150 draws: the standard error of a coverage of .95 is .018.
    assert count_covered(found, gain) >= 0.9
    assert verdicts["better"] / 150 >= better
    assert verdicts["worse"] / 150 <= 0.05


def test_models_on_opposite_sides_are_seldom_told_apart() -> None:
    found = Counter(one.verdict for one in compare_correlations(0.5, -0.5, 150, seed=1))
    assert found["better"] + found["worse"] <= 0.08 * 150
    assert found[APART] >= 0.5 * 150


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.2), (0.5, -0.2), (-0.5, 0.2), (-0.2, 0.5), (0.2, -0.5), (0.3, 0.3)])
def test_the_gain_is_the_decrease_of_the_distance(x: float, y: float) -> None:
    exact = make_table(Linear(x - y, 0.0, 9.0), Linear(x + y, 0.0, 9.0))
    assert find_gain_interval(exact) == pytest.approx((abs(x) - abs(y),) * 2)
    sums = make_table(Linear(x - y, 0.01, 9.0), Linear(x + y, 0.02, 9.0))
    p = find_gain_p(sums)
    assert p == pytest.approx(max(sums[0][0].p, sums[0][1].p))
    ends = find_gain_interval(sums, level=1 - p)
    assert min(abs(end) for end in ends) == pytest.approx(0.0, abs=1e-9)


def test_a_gain_is_no_larger_than_the_difference() -> None:
    rng = np.random.default_rng(0)
    units = [str(at) for at in range(60)]
    values = rng.random(60) < 0.5
    shares: dict[str, Any] = {"direction": "ideal", "ideal": 0.5, "trials": None, "bounds": (0.0, 1.0)}
    found = difference(*(mean("share", units, values + shift, **shares) for shift in (0.0, 1e-4 * rng.random(60))))
    assert found.low is not None
    assert found.high is not None
    most = max(abs(found.low), abs(found.high))
    assert most < 1e-3
    assert (found.gain_low, found.gain_high) == pytest.approx((-most, most))
    assert found.verdict == "equivalent"


def test_the_interval_holds_the_gains_that_agree_with_both_sums_and_no_others() -> None:
    rng = np.random.default_rng(0)
    for values, variances in zip(rng.normal(size=(200, 2)), rng.random((200, 2)) ** 3, strict=True):
        one, two = (Linear(value, variance, 9.0) for value, variance in zip(values, variances, strict=True))
        apart, total = (np.linspace(*linear.interval(), 101) for linear in (one, two))
        grid = np.abs(apart[:, None] + total) / 2 - np.abs(total - apart[:, None]) / 2
        low, high = find_gain_interval(make_table(one, two))
        step = max(np.ptp(apart), np.ptp(total)) / 100
        assert low - 1e-9 <= grid.min() <= low + step
        assert high - step <= grid.max() <= high + 1e-9
        assert find_gain_interval(make_table(Linear(-one.value, one.variance, 9.0), two)) == pytest.approx(
            (-high, -low)
        )


def test_equal_answers_at_the_end_of_the_range_leave_a_doubt() -> None:
    low, high = Linear(2.0, 0.0, 4.0, 2.0, 5.0).interval()
    assert (low < 1.5, high) == (True, 2.0)
    assert Linear(2.0, 0.0, 4.0, 2.0, 5.0).p > 0.01
