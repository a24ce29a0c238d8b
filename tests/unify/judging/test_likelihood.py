"""Every part of the likelihood: probabilities sum to 1, gradients are those of finite differences."""

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy.special import expit, ndtri

from unipref.unify.judging import rankings
from unipref.unify.judging.layout import group_places
from unipref.unify.judging.profiles import AT_ONCE, QUANTILES, SLOPES, interval, make_profiles
from unipref.unify.judging.scales import NODES, Scale, make_scale

STEP = 1e-6
SCALES = {
    "pairs": make_scale(0, 0, "pair", np.array([1.0, -1.0, 1.0]), np.ones(3)),
    "pairs with ties": make_scale(0, 0, "pair", np.array([1.0, -1.0, 0.0, 1.0]), np.ones(4)),
    "graded pairs": make_scale(0, 0, "pair", np.array([-3.0, -2, -1, 0, 1, 2, 3, 1]), np.ones(8)),
    "graded pairs without ties": make_scale(0, 0, "pair", np.array([-2.0, -1, 1, 2, 2]), np.ones(5)),
    "ratings": make_scale(0, 0, "rating", np.array([1.0, 2, 2, 3, 4, 5, 5]), np.ones(7)),
    "thumbs": make_scale(0, 0, "thumb", np.array([0.0, 1, 1]), np.ones(3)),
}
each_scale = pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)


@each_scale
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (1.5, 0.6), (-4.0, 2.6)])
def test_categories_are_all_that_can_happen(scale: Scale, shift: float, spread: float) -> None:
    total = sum(scale.table(category, shift, spread) for category in range(scale.size))
    assert total == pytest.approx(1.0, abs=1e-9)


@each_scale
def test_tables_of_many_categories_are_those_of_each(scale: Scale) -> None:
    category, shift, spread = (np.array([0, scale.size - 1, 0]), np.array([0.0, -4.0, 1.5]), np.array([1.0, 0.6, 2.6]))
    together = scale.tables(category, shift, spread)
    some = scale.tables(category, shift, spread, SLOPES[[2, 9]])
    for at, (c, s, w) in enumerate(zip(category.tolist(), shift.tolist(), spread.tolist(), strict=True)):
        assert together[at].tobytes() == scale.table(c, s, w).tobytes()
        assert some[at].tobytes() == scale.table(c, s, w)[[2, 9]].tobytes()


def test_the_places_of_each_code_are_ascending() -> None:
    places = group_places(np.array([3, 0, 3, 1, 0]), 5)
    assert [each.tolist() for each in places] == [[1, 4], [3], [], [0, 2], []]
    assert group_places(np.zeros(0, dtype=np.int64), 2)[1].tolist() == []


@each_scale
def test_the_gradient_of_a_scale_is_that_of_finite_differences(scale: Scale) -> None:
    rng = np.random.default_rng(0)
    keys = np.array([(c, s, w) for c in range(scale.size) for s in (4, 8, 11) for w in (1, 2)])
    counts = rng.random((len(keys), len(SLOPES), len(NODES)))
    x = scale.x + 0.1 * rng.normal(size=len(scale.x))
    _, gradient = scale.objective(x, keys, counts)
    for at in range(len(x)):
        ends = [scale.objective(x + sign * STEP * np.eye(len(x))[at], keys, counts)[0] for sign in (1, -1)]
        assert gradient[at] == pytest.approx((ends[0] - ends[1]) / (2 * STEP), rel=1e-5, abs=1e-3)


def test_pairs_without_ties_are_bradley_terry() -> None:
    scale = SCALES["pairs"]
    follow = SLOPES[:, None] * NODES * scale.slope
    assert scale.table(1, 0.0, 1.0) == pytest.approx(expit(follow), abs=1e-12)


def test_a_pair_that_is_turned_has_the_turned_probability() -> None:
    for scale in SCALES.values():
        if scale.is_symmetric:
            for category in range(scale.size):
                one, two = scale.table(category, 1.0, 1.0), scale.table(scale.size - 1 - category, -1.0, 1.0)
                assert one == pytest.approx(two[:, ::-1], abs=1e-9)


@pytest.mark.parametrize("slope", [2.0, -0.7])
@pytest.mark.parametrize("bucket", [[0, 1, 2, 3], [0, 0, 2, 3], [0, 1, 1, 3], [0, 1, 2, 2]])
def test_gradient_and_hessian_of_a_ranking_are_those_of_finite_differences(slope: float, bucket: list[int]) -> None:
    utility, buckets = np.random.default_rng(0).normal(size=(1, 4)), np.array([bucket])
    gradient, hessian = rankings.derivatives(utility, buckets, slope)
    for at in range(4):
        step = 1e-5 * np.eye(4)[at]
        ends = [rankings.log_likelihood(utility + sign * step, buckets, slope)[0] for sign in (1, -1)]
        assert gradient[0, at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)
        slopes = [rankings.derivatives(utility + sign * step, buckets, slope)[0][0] for sign in (1, -1)]
        assert -hessian[0, at] == pytest.approx((slopes[0] - slopes[1]) / 2e-5, abs=1e-6)


def test_all_rankings_together_are_certain() -> None:
    utility = np.array([0.3, -1.0, 2.0])
    orders = np.array(list(itertools.permutations(range(3))))
    logs = rankings.log_likelihood(utility[orders], np.tile(np.arange(3), (6, 1)), 1.5)
    assert np.exp(logs).sum() == pytest.approx(1.0)


def test_a_ranking_of_two_is_a_pair() -> None:
    log = rankings.log_likelihood(np.array([[0.7, -0.2]]), np.array([[0, 1]]), 2.0)
    assert np.exp(log[0]) == pytest.approx(expit(2.0 * 0.9))


def test_profiles_are_symmetric_in_reliability_and_sum_to_one() -> None:
    profiles = make_profiles()
    assert profiles.prior.sum() == pytest.approx(1.0)
    reliability = profiles.reliability(2.0)
    assert sorted(reliability) == pytest.approx(sorted(-reliability))
    assert np.abs(reliability).max() < 1.0
    assert profiles.reliability(np.array([2.0, 3.0]))[0] == pytest.approx(reliability)


def test_the_reliability_is_that_of_each_slope_alone() -> None:
    profiles = make_profiles()
    slopes = np.concatenate([[-3.0, 0.0, 3.0], np.random.default_rng(0).uniform(0, 20, AT_ONCE + 50)])
    gaps = np.sqrt(2.0) * ndtri(0.5 + (np.arange(QUANTILES) + 0.5) / (2 * QUANTILES))
    together = profiles.reliability(slopes)
    for at in (0, 1, 2, 3, AT_ONCE - 1, AT_ONCE, len(slopes) - 1):
        right = np.mean(2 * expit(np.abs(slopes[at] * profiles.slope)[:, None] * gaps) - 1, axis=1)
        expected = np.sign(profiles.slope) * (1 - profiles.lapse) * right
        assert together[at] == pytest.approx(expected, abs=1e-12)
        assert profiles.reliability(float(slopes[at])) == pytest.approx(expected, abs=1e-12)


def test_the_reliability_of_many_annotators_takes_little_memory() -> None:
    profiles = make_profiles()
    slopes = np.random.default_rng(0).uniform(0, 20, 15_000)
    tracemalloc.start()
    try:
        profiles.reliability(slopes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000 * len(slopes)


def test_the_interval_of_one_profile_lies_around_it() -> None:
    low, high = interval(np.array([-0.5, 0.5]), np.array([0.0, 1.0]))
    assert 0.3 < low < 0.5 < high < 0.7


def test_many_values_are_cut_into_ranges_and_few_are_not() -> None:
    many = make_scale(0, 0, "rating", np.arange(1000.0), np.ones(1000))
    assert many.size == 12
    assert np.bincount(many.categories(np.arange(1000.0))).min() > 70
    few = make_scale(0, 0, "rating", np.array([1.0, 5.0, 5.0]), np.ones(3))
    assert few.categories(np.array([1.0, 5.0])).tolist() == [0, 1]
    assert make_scale(0, 0, "rating", np.array([3.0, 3.0]), np.ones(2)).size == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[1e308, 1.5e308, 1.7e308], [0.0, 5e-324, 1e-323], [-1.7e308, 0.0, 1.7e308]])
def test_extreme_values_have_categories_of_their_own(values: list[float]) -> None:
    scale = make_scale(0, 0, "rating", np.array(values), np.ones(3))
    assert scale.categories(np.array(values)).tolist() == [0, 1, 2]
