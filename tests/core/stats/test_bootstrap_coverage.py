"""Bootstrap intervals: exact cases, theory for a proportion, and repeatability."""

import numpy as np
import pytest

from unipref.core.stats import bootstrap
from unipref.core.stats.bootstrap import bootstrap_interval
from unipref.core.stats.statistic import mean


def test_equal_units_leave_no_doubt() -> None:
    assert bootstrap_interval([0.25] * 40) == (0.25, 0.25, 0.0)


@pytest.mark.parametrize("units", [[], [0.7]])
def test_fewer_than_two_units_have_no_interval(units: list[float]) -> None:
    assert bootstrap_interval(units) == (None, None, None)


def test_a_proportion_agrees_with_the_normal_approximation() -> None:
    units = np.repeat([0.0, 1.0], [600, 400])
    low, high, _ = bootstrap_interval(units)
    # 0.4 -+ 1.96 * sqrt(0.4 * 0.6 / 1000) = 0.4 -+ 0.03036
    assert low == pytest.approx(0.4 - 0.03036, abs=0.003)
    assert high == pytest.approx(0.4 + 0.03036, abs=0.003)


def test_same_seed_same_interval() -> None:
    units = np.random.default_rng(5).normal(size=200)
    assert bootstrap_interval(units, seed=1) == bootstrap_interval(units, seed=1) != bootstrap_interval(units, seed=2)


def test_columns_are_resampled_together() -> None:
    a = np.random.default_rng(0).normal(size=100)
    # The two columns differ by 1 in each unit, so the difference of their means is 1 in every resample.
    low, high, _ = bootstrap_interval(np.stack([a + 1, a], axis=1), lambda means: means[:, 0] - means[:, 1])
    assert low == pytest.approx(1.0)
    assert high == pytest.approx(1.0)


def test_drawing_in_parts_keeps_the_number_of_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 300 * 10)
    bootstrap_interval(np.arange(10.0), lambda means: sizes.append(len(means)) or means)
    assert sizes == [2000]


def test_a_mean_fills_in_value_interval_and_n() -> None:
    score = mean("similarity", "abcd", [0, 0, 0, 1], of_means=lambda m: 1 - m, mode="paper", bounds=(0.0, 1.0)).score()
    assert (score.metric, score.value, score.n, score.mode) == ("similarity", 0.75, 4, "paper")
    assert score.low is not None
    assert score.high is not None
    assert 0.0 < score.low < score.value < score.high < 1.0
    assert (score.n_clusters, score.interval) == (4, "Wilson")
