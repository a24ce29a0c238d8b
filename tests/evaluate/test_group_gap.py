"""The gap between groups: by hand, 0 on average for equal groups, and its intervals."""

import numpy as np
import pytest

from unipref.core.stats.differences import difference
from unipref.evaluate.group_gap import (
    Rated,
    describe_small,
    difference_statistic,
    find_ends,
    gap_statistic,
    split_halves,
)


def texts(area: str, values: dict[str, list[float]]) -> list[Rated]:
    """One text per unit; the units of a group are alternately in the two halves."""
    return [
        Rated(area, group, f"{area}/{group}/{at}", f"{area}/{group}/{at}", half, value)
        for group, own in values.items()
        for at, (half, value) in enumerate(zip(split_halves(len(own)), own, strict=True))
    ]


def draw(seed: int, sizes: list[int], means: list[float], area: str = "area") -> list[Rated]:
    generator = np.random.default_rng(seed)
    return texts(
        area,
        {
            f"g{at}": generator.normal(mean, 0.3, n).clip(-1, 1).tolist()
            for at, (n, mean) in enumerate(zip(sizes, means, strict=True))
        },
    )


def test_one_half_ranks_and_the_other_measures() -> None:
    # Measuring texts at even places. The ranking half prefers b, the measuring half a: the gap is -0.2, not 0.2.
    rated = texts("x", {"a": [0.5, 0.0] * 4, "b": [0.3, 0.9] * 4})
    assert find_ends(rated) == (["a"], ["b"], [])
    statistic = gap_statistic(rated)
    assert statistic is not None
    assert statistic.score().value == pytest.approx(-0.2)


def test_the_thirds_of_six_groups_and_the_mean_over_areas() -> None:
    six = texts("six", {f"g{at}": [at / 10] * 8 for at in range(6)})
    statistic = gap_statistic(six)
    assert statistic is not None
    assert statistic.score().value == pytest.approx(0.45 - 0.05)  # (0.4 + 0.5) / 2 - (0.0 + 0.1) / 2
    two = texts("two", {"g0": [-0.1] * 20, "g1": [0.1] * 8})
    both = gap_statistic([*six, *two])
    assert both is not None
    assert both.score().value == pytest.approx((0.4 + 0.2) / 2)


def test_a_group_counts_the_same_however_many_texts_it_has() -> None:
    values = {"low": [0.0] * 8, "high": [0.4] * 8, "higher": [0.8] * 80}
    rated = texts("x", values)
    against = difference_statistic(rated, "low")
    assert against is not None
    assert against.score().value == pytest.approx(0.0 - (0.4 + 0.8) / 2)


@pytest.mark.parametrize("sizes", [[8, 8], [40, 40], [10] * 4, [9] * 12], ids=str)
def test_equal_groups_have_no_gap_on_average(sizes: list[int]) -> None:
    n = 100
    scores = [gap_statistic(draw(seed, sizes, [0.1] * len(sizes))).score() for seed in range(n)]  # type: ignore[union-attr]
    values = np.array([score.value for score in scores])
    assert abs(values.mean()) < 3.5 * values.std() / np.sqrt(n)
    covered = np.mean([score.low <= 0 <= score.high for score in scores])
    assert covered > 0.88  # 95 % less 3.2 standard errors
    # What is avoided: the largest less the smallest mean is above 0 in every one of them.
    naive = [np.ptp([np.mean([t.value for t in draw(seed, sizes, [0.1] * len(sizes)) if t.group == f"g{at}"])
                     for at in range(len(sizes))]) for seed in range(20)]  # fmt: skip
    assert min(naive) > 0


def test_a_difference_is_recovered() -> None:
    n = 60
    scores = [gap_statistic(draw(seed, [30] * 3, [0.3, 0.0, -0.2])).score() for seed in range(n)]  # type: ignore[union-attr]
    values = np.array([score.value for score in scores])
    assert values.mean() == pytest.approx(0.5, abs=0.04)
    assert np.mean([score.low > 0 for score in scores]) > 0.9
    assert np.mean([score.low <= 0.5 <= score.high for score in scores]) > 0.85


def test_texts_that_are_all_alike_have_no_interval() -> None:
    statistic = gap_statistic(texts("x", {"a": [0.5] * 8, "b": [0.1] * 8}))
    assert statistic is not None
    assert statistic.score().value == pytest.approx(0.4)
    assert (statistic.score().low, statistic.score().n_clusters) == (None, 1)


def test_too_few_units_give_no_gap_and_are_named() -> None:
    rated = texts("x", {"a": [0.1] * 8, "b": [0.2] * 8, "small": [0.9] * 4})
    assert find_ends(rated) == (["a"], ["b"], ["small"])
    assert describe_small(rated) == ["x/small"]
    assert difference_statistic(texts("x", {"a": [0.1] * 8, "b": [0.2] * 3}), "b") is None
    lonely = texts("y", {"a": [0.1] * 8, "b": [0.2] * 6})
    assert gap_statistic(lonely) is None
    assert describe_small([*rated, *lonely]) == ["x/small", "y"]
    assert gap_statistic([]) is None


def test_two_models_are_compared_unit_by_unit_although_they_rank_otherwise() -> None:
    first = gap_statistic(texts("x", {"a": [0.5] * 8, "b": [0.1] * 8}))
    second = gap_statistic(texts("x", {"a": [0.1] * 8, "b": [0.3] * 8}))
    assert first is not None
    assert second is not None
    compared = difference(first, second)
    assert (compared.first, compared.second) == (pytest.approx(0.4), pytest.approx(0.2))
    assert compared.gain == pytest.approx(0.2)
    assert compared.n == 16
