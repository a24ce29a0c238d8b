"""Statistics of units: ratios over clusters, differences of two models, McNemar's test by hand."""

import numpy as np
import pytest

from unipref.core.stats.bootstrap import paired_interval
from unipref.core.stats.differences import difference
from unipref.core.stats.statistic import Statistic, mean, pool_clusters


def test_a_pooled_ratio_has_clusters_for_units() -> None:
    found = pool_clusters("share", ["b", "a", "b", "b"], [1, 1, 0, 1], [1, 1, 1, 0], unit="templates")
    # a: 1 of 1; b: 1 + 0 + 1 = 2 of 1 + 1 + 0 = 2
    assert found.units == ["a", "b"]
    assert found.values.tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert found.score().value == pytest.approx(3 / 3)
    assert (found.score().n, found.score().unit) == (2, "templates")
    over_examples = pool_clusters("share", ["b", "a", "b", "b"], [1, 1, 0, 1], of_ratio=lambda share: 2 * share - 1)
    assert over_examples.score().value == pytest.approx(2 * 3 / 4 - 1)


def test_a_ratio_of_nothing_has_no_value_and_no_interval() -> None:
    score = pool_clusters("share", ["a", "b"], [0, 0], [0, 0]).score()
    assert np.isnan(score.value)
    assert (score.low, score.high, score.stderr) == (None, None, None)


def test_clusters_make_the_interval_wider_than_their_examples_alone_would() -> None:
    clusters = [str(i // 20) for i in range(400)]
    values = [float(i // 20 % 2) for i in range(400)]
    alone = mean("x", [str(i) for i in range(400)], values).score()
    grouped = pool_clusters("x", clusters, values).score()
    assert alone.value == grouped.value == 0.5
    assert alone.stderr is not None
    assert grouped.stderr is not None
    # 20 units of 0 or 1 in place of 400: sqrt(400 / 20) = 4.5 times the standard error.
    assert grouped.stderr / alone.stderr == pytest.approx(20**0.5, rel=0.1)


def test_the_standard_error_agrees_with_theory() -> None:
    score = mean("x", [str(i) for i in range(1000)], np.repeat([0.0, 1.0], [600, 400])).score()
    assert score.stderr == pytest.approx((0.4 * 0.6 / 1000) ** 0.5, rel=0.06)


def test_a_difference_is_taken_over_shared_units_in_any_order() -> None:
    one = mean("x", ["a", "b", "c"], [1, 0, 1])
    two = mean("x", ["c", "d", "a"], [0, 1, 1])
    found = difference(one, two)
    # a: 1 and 1, c: 1 and 0; b and d stand alone.
    assert (found.first, found.second, found.n, found.alone) == (1.0, 0.5, 2, 2)


def test_pairing_sees_what_separate_intervals_do_not() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(size=300)
    units = [str(i) for i in range(300)]
    one = mean("x", units, hard)
    two = mean("x", units, hard + 0.05 + 0.01 * rng.normal(size=300))
    assert one.score().high > two.score().low
    found = difference(one, two)
    assert found.low is not None
    assert found.low > 0.04
    assert found.verdict == "better"
    assert difference(two, one).verdict == "worse"
    assert difference(one, one).verdict == "unchanged"


@pytest.mark.parametrize(
    ("direction", "ideal", "verdict"),
    [("higher", 1.0, "better"), ("lower", 0.0, "worse"), ("ideal", 0.5, "worse"), ("ideal", 0.9, "better")],
)
def test_which_way_is_better_follows_from_the_direction(direction: str, ideal: float, verdict: str) -> None:
    units = [str(i) for i in range(100)]
    one, two = (
        Statistic("x", units, np.repeat([0.0, 1.0], [100 - ones, ones]), direction=direction, ideal=ideal)
        for ones in (50, 90)
    )
    assert difference(one, two).verdict == verdict


def test_the_gain_towards_an_ideal_crosses_it() -> None:
    units = [str(i) for i in range(200)]
    low, high = (
        mean("share", units, np.repeat([0.0, 1.0], [200 - n, n]), direction="ideal", ideal=0.5) for n in (60, 140)
    )
    found = difference(low, high)
    # 0.3 and 0.7 are equally far from 0.5.
    assert found.gain == pytest.approx(0.0)
    assert found.low is not None
    assert found.low > 0.3
    assert found.verdict == "different, which is nearer to the ideal is not known"


def test_the_p_of_shares_is_near_to_mcnemars() -> None:
    from scipy.stats import binomtest

    units = [str(i) for i in range(120)]
    one = mean("x", units, [1] * 20 + [0] * 40 + [1] * 60)
    two = mean("x", units, [0] * 20 + [1] * 40 + [1] * 60)
    # 40 gained and 20 lost of 60 that differ
    assert difference(one, two).p == pytest.approx(binomtest(20, 60).pvalue, abs=0.01)
    assert difference(one, one).p == 1.0


def test_the_p_is_that_of_the_interval_which_ends_at_0() -> None:
    units = [str(i) for i in range(60)]
    one, two = mean("x", units, [0] * 30 + [1] * 30), mean("x", units, [1] * 5 + [0] * 23 + [1] * 32)
    p = difference(one, two).p
    assert p is not None
    low = difference(one, two, level=1 - p).low
    assert low == pytest.approx(0.0, abs=1e-9)


def test_no_shared_unit_gives_no_interval() -> None:
    found = difference(mean("x", ["a"], [1]), mean("x", ["b"], [1]))
    assert (found.n, found.alone, found.low, found.verdict) == (0, 2, None, "no interval")


def test_the_interval_over_examples_of_one_seed_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(0.3, 1.0, size=(1, 2000))
    low, high = paired_interval(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.006)


def test_the_interval_holds_the_spread_between_seeds() -> None:
    # Examples agree within a seed, so all of the spread is between seeds: standard deviation (n - 1) of the five
    # means 0.1 * sqrt(2.5) = 0.158, of their mean 0.158 / sqrt 5 = 0.0707; a resample of five is near to normal.
    means = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    low, high = paired_interval(np.repeat(means[:, None], 50, axis=1))
    assert (low, high) == pytest.approx((-1.96 * 0.0707, 1.96 * 0.0707), abs=0.02)


def test_equal_models_differ_by_nothing() -> None:
    assert paired_interval(np.zeros((2, 10))) == (0.0, 0.0)


def test_few_seeds_are_allowed_for_by_students_t() -> None:
    # As above; t with 4 degrees of freedom is 2.776 where the normal quantile is 1.960.
    table = np.repeat(np.array([-0.2, -0.1, 0.0, 0.1, 0.2])[:, None], 50, axis=1)
    low, high = paired_interval(table, student=True)
    assert (low, high) == pytest.approx((-2.776 * 0.0707, 2.776 * 0.0707), abs=0.03)


def test_an_interval_over_seeds_takes_a_function_of_means() -> None:
    # |mean| of +1 and -1 examples in equal parts: each seed's value is |0| = 0, resamples lie above it.
    values = np.tile([1.0, -1.0], (3, 200))
    low, high = paired_interval(values, abs)
    assert low >= 0
    # A resample's mean of 400 signs has the standard deviation 1 / sqrt 400 = 0.05; 0.05 * 2.24 is its 97.5 % point.
    assert high == pytest.approx(0.05 * 2.24, abs=0.01)
    assert paired_interval(np.full((2, 4), np.nan)) == pytest.approx((np.nan, np.nan), nan_ok=True)
