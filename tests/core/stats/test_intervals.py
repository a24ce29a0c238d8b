"""Intervals over clusters by hand: Wilson with a design effect, correlations by Fisher, crossed groups, seeds."""

import math

import numpy as np
import pytest

from unipref.core.stats.clusters import Grouping
from unipref.core.stats.differences import classify, difference
from unipref.core.stats.multiplicity import holm
from unipref.core.stats.seeds import SeedVariance, combine
from unipref.core.stats.statistic import mean, pool_clusters, sum_clusters
from unipref.core.stats.wilson import wilson

UNITS = [str(i) for i in range(100)]


@pytest.mark.parametrize("hits", [0, 1, 50, 99, 100])
def test_a_share_of_independent_answers_has_wilsons_interval(hits: int) -> None:
    score = mean("right", UNITS, np.arange(100) < hits).score()
    assert (score.low, score.high) == pytest.approx(wilson(hits, 100), abs=1e-6)
    assert score.low < score.high
    assert (score.interval, score.n_clusters) == ("Wilson", 100)


def test_clusters_that_answer_alike_count_as_one_answer_each() -> None:
    clusters = [str(i // 10) for i in range(100)]
    score = mean("right", UNITS, np.arange(100) < 50, clusters=clusters).score()
    # Ten answers, 5 right: the variance of a mean of ten is 0.25 / 9, so n = 9, with t of 9 degrees of freedom.
    assert score.stderr == pytest.approx(math.sqrt(0.25 / 9))
    t = 2.2622
    half = t * math.sqrt(0.25 / 9 + t**2 / (4 * 81)) / (1 + t**2 / 9)
    assert (score.low, score.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-3)
    assert score.n_clusters == 10


def test_no_interval_leaves_the_possible_range() -> None:
    rng = np.random.default_rng(0)
    for bounds, values in (((-1.0, 1.0), 2 * rng.beta(0.2, 0.05, 12) - 1), ((0.0, 100.0), 100 * rng.beta(0.1, 2, 9))):
        score = mean("x", UNITS[: len(values)], values, bounds=bounds).score()
        assert bounds[0] <= score.low < score.value < score.high <= bounds[1]
    positive = mean("x", UNITS[:5], rng.exponential(size=5) ** 3, bounds=(0.0, math.inf)).score()
    assert 0 < positive.low < positive.value < positive.high
    assert positive.interval == "Student of the logarithm"


def test_a_mean_without_limits_has_students_interval() -> None:
    score = mean("x", list("abcd"), [1.0, 2.0, 3.0, 6.0]).score()
    # Standard deviation of 1, 2, 3, 6 is 2.1602; t with 3 degrees of freedom is 3.1824.
    assert (score.low, score.high) == pytest.approx((3 - 3.1824 * 1.0801, 3 + 3.1824 * 1.0801), abs=1e-3)


def test_a_ratio_has_the_variance_of_its_linear_terms() -> None:
    rng = np.random.default_rng(1)
    parts, wholes = rng.normal(3, 1, 200), rng.uniform(1, 3, 200)
    score = pool_clusters("x", [str(i) for i in range(200)], parts, wholes).score()
    ratio = parts.sum() / wholes.sum()
    linear = (parts - ratio * wholes) / wholes.mean()
    assert score.stderr == pytest.approx(linear.std(ddof=1) / math.sqrt(200), rel=0.02)


def test_crossed_clusters_add_up_and_shared_names_are_one_cluster() -> None:
    rng = np.random.default_rng(2)
    first, second = (rng.integers(0, 6, 60) for _ in range(2))
    terms = rng.normal(size=60)
    terms -= terms.mean()
    names = [f"u{i}" for i in range(60)]
    apart = Grouping.of(names, [f"a{c}" for c in first], [f"b{c}" for c in second])
    # Cameron, Gelbach and Miller: sums over pairs of units that share either cluster.
    share = (first[:, None] == first) | (second[:, None] == second)
    sums = float((np.outer(terms, terms) * share).sum())
    alone = [float(((np.bincount(c, terms)) ** 2).sum()) for c in (first, second)]
    assert apart.variance(terms) == pytest.approx(max(sums, *alone) * 6 / 5)
    dyadic = Grouping.of(names, [f"o{c}" for c in first], [f"o{c}" for c in second])
    both = np.zeros((60, 60), dtype=bool)
    for i in range(60):
        for j in range(60):
            both[i, j] = bool({first[i], second[i]} & {first[j], second[j]})
    assert dyadic.count == 6
    assert dyadic.variance(terms) == pytest.approx(max(float((np.outer(terms, terms) * both).sum()), *alone) * 6 / 5)


def test_a_unit_in_two_clusters_is_refused() -> None:
    with pytest.raises(ValueError, match="two clusters"):
        sum_clusters("x", ["a", "a"], [[1.0], [2.0]], lambda m: m[:, 0], clusters=["x", "y"])


def test_equal_answers_do_not_show_equality_to_the_last_digit() -> None:
    one = mean("right", UNITS, np.arange(100) < 50)
    same = difference(one, one)
    # Two more units, one for each model: variance 2 / 102^2.
    assert (same.low, same.high) == pytest.approx((-1.98 * 0.01387, 1.98 * 0.01387), abs=2e-4)
    assert (same.verdict, same.p) == ("unchanged", 1.0)


@pytest.mark.parametrize(
    ("low", "high", "effect", "verdict"),
    [
        (0.01, 0.2, 0.05, "better"),
        (-0.2, -0.01, 0.05, "worse"),
        (-0.01, 0.04, 0.05, "equivalent"),
        (0.01, 0.04, 0.05, "equivalent"),
        (0.01, 0.04, None, "better"),
        (-0.01, 0.06, 0.05, "inconclusive"),
    ],
)
def test_an_interval_says_one_of_four_words(low: float, high: float, effect: float | None, verdict: str) -> None:
    assert classify(low, high, effect) == verdict


def test_holm_by_hand() -> None:
    # Sorted: .01 x 4, .02 x 3, .03 x 2, .2 x 1; each at least the one before.
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx([0.06, 0.04, 0.2, 0.06])
    assert holm([]) == []


def test_seeds_and_clusters_are_crossed() -> None:
    """A seed effect of 0.1 and -0.1, cluster effects of 0.2 and -0.2, no interaction: V = 0.01 + 0.04."""
    grouping = Grouping.of(list("abcd"), list("xxyy"))
    terms = np.tile(np.array([0.2, 0.2, -0.2, -0.2]) / 4, (2, 1))
    figures = np.array([0.6, 0.4])
    found = combine(figures, terms, grouping, SeedVariance(0.02, math.inf, 10.0))
    # Over two clusters: G / (G - 1) = 2 times the sum of squares 2 x 0.1^2.
    assert found.over_units == pytest.approx(0.04)
    assert found.over_seeds == pytest.approx(0.01)
    assert (found.value, found.variance) == (pytest.approx(0.5), pytest.approx(0.05))
    assert found.freedom == pytest.approx(0.05**2 / (0.04**2 / 1 + 0.01**2 / 10))
    alone = combine(figures[:1], terms[:1], grouping, SeedVariance.fit([], []))
    assert not alone.has_seed_variance


def test_equal_variances_are_pooled_and_unequal_ones_keep_their_own() -> None:
    rng = np.random.default_rng(3)
    equal = 0.04 * rng.chisquare(2, 40) / 2
    pool = SeedVariance.fit(equal.tolist(), [2.0] * 40)
    assert math.isinf(pool.weight)
    assert pool.of(0.5, 2.0) == (pytest.approx(float(equal.mean())), 80.0)
    apart = np.where(np.arange(40) < 20, 0.0001, 1.0) * rng.chisquare(4, 40) / 4
    pool = SeedVariance.fit(apart.tolist(), [4.0] * 40)
    variance, freedom = pool.of(1.0, 4.0)
    assert variance > 0.5
    assert 4 < freedom < 8
    # With fewer than four figures, their mean.
    assert SeedVariance.fit([0.1, 0.3], [1.0, 1.0]).of(0.1, 1.0) == (pytest.approx(0.2), 2.0)
