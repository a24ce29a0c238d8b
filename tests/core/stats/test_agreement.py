"""Krippendorff's alpha against the library; contradictions and cycles that were planted, and none besides."""

import krippendorff
import numpy as np
import pytest

from unipref.core.stats.agreement import find_contradictions, krippendorff_alpha

LEVELS = ("nominal", "ordinal", "interval")


def ratings(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = np.clip(rng.integers(1, 6, 60) + rng.integers(-1, 2, (4, 60)), 1, 5).astype(float)
    table[rng.random(table.shape) < 0.3] = np.nan
    return table


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_is_that_of_the_library(level: str) -> None:
    table = ratings()
    judge, unit = np.where(np.isfinite(table))
    result = krippendorff_alpha(unit, table[judge, unit], level)
    assert result.alpha == pytest.approx(krippendorff.alpha(reliability_data=table, level_of_measurement=level))
    assert result.low < result.alpha < result.high
    assert result.units == int((np.isfinite(table).sum(axis=0) >= 2).sum())


@pytest.mark.parametrize("level", LEVELS)
def test_a_resample_of_all_units_once_has_the_alpha_of_the_library(level: str, monkeypatch) -> None:
    class Once:
        def integers(self, low: int, high: int, size: int) -> np.ndarray:
            return np.arange(size)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Once())
    table = np.array([[1.0, 2, 3, 3, 2], [1, 2, 3, 4, 1], [2, 2, 3, 4, np.nan]])
    judge, unit = np.where(np.isfinite(table))
    result = krippendorff_alpha(unit, table[judge, unit], level)
    assert result.low == pytest.approx(result.alpha)
    assert result.high == pytest.approx(result.alpha)


def test_counts_are_several_judges() -> None:
    unit, value = np.array([0, 0, 1, 1, 2]), np.array([1.0, 2.0, 1.0, 1.0, 2.0])
    counts = np.array([2, 1, 1, 3, 2])
    long = krippendorff_alpha(np.repeat(unit, counts), np.repeat(value, counts), "nominal")
    assert krippendorff_alpha(unit, value, "nominal", counts=counts) == long


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], []])
def test_alpha_without_variation_is_not_defined(values: list[float]) -> None:
    result = krippendorff_alpha(np.array([0, 0, 1, 1][: len(values)], dtype=np.int64), np.array(values), "interval")
    assert result.alpha is None
    assert result.low is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit_of_values", [5e-324, 1e-200, 1e-160, 1.0, 1e160, 1e307])
@pytest.mark.parametrize("level", LEVELS)
def test_alpha_does_not_depend_on_the_unit_of_the_values(level: str, unit_of_values: float) -> None:
    unit, value = np.repeat(np.arange(6), 3), np.random.default_rng(0).integers(-9, 10, 18).astype(float)
    result = krippendorff_alpha(unit, value * unit_of_values, level)
    expected = krippendorff_alpha(unit, value, level)
    assert result.alpha == pytest.approx(expected.alpha)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.filterwarnings("error")
def test_alpha_of_values_whose_squared_distances_are_zero_is_not_defined() -> None:
    result = krippendorff_alpha(np.array([0, 0, 1, 1, 2]), np.array([0.0, 5e-324, 5e-324, 0.0, 1.0]), "interval")
    assert (result.alpha, result.low, result.high) == (None, None, None)


@pytest.mark.filterwarnings("error")
def test_alpha_of_more_values_than_are_kept_apart_has_no_overflow() -> None:
    unit, value = np.repeat(np.arange(100), 2), np.linspace(-1.7e308 / 2, 1.7e308 / 2, 200) * 2
    result = krippendorff_alpha(unit, value, "interval")
    assert result.alpha == pytest.approx(1.0, abs=0.01)


def test_planted_contradictions_and_cycles_are_found_and_no_others() -> None:
    rng = np.random.default_rng(0)
    first, second, sign, source, block = [], [], [], [], []
    for prompt in range(60):
        a, b, c = 3 * prompt, 3 * prompt + 1, 3 * prompt + 2
        order = [(a, b), (b, c), (a, c)]
        if prompt < 4:  # a cycle: a over b over c over a
            order[2] = (c, a)
        for one, two in order:
            for where in (0, 1):
                turn = rng.random() < 0.5
                first.append(two if turn else one)
                second.append(one if turn else two)
                sign.append(-1 if turn else 1)
                source.append(where)
                block.append(prompt)
        if 10 <= prompt < 15:  # source 0 contradicts itself and so source 1
            first.append(b), second.append(a), sign.append(1), source.append(0), block.append(prompt)
        if 20 <= prompt < 23:  # source 2 contradicts the others
            first.append(c), second.append(b), sign.append(1), source.append(2), block.append(prompt)
        if 30 <= prompt < 32:  # a tie contradicts nothing
            first.append(a), second.append(b), sign.append(0), source.append(2), block.append(prompt)
    found = find_contradictions(*(np.array(column) for column in (first, second, sign, source, block)))
    assert (found.pairs, found.judged_twice, found.ties) == (180, 180, 2)
    assert (found.opposite, found.opposite_within, found.opposite_across) == (8, 5, 8)
    assert (found.blocks, found.cyclic, found.triangles) == (60, 4, 4)
    assert found.cyclic_blocks.tolist() == [0, 1, 2, 3]


def test_a_cycle_of_four_is_found() -> None:
    first, second = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0])
    ones, zeros = np.ones(4, dtype=np.int64), np.zeros(4, dtype=np.int64)
    found = find_contradictions(first, second, ones, zeros, zeros)
    assert (found.cyclic, found.triangles, found.opposite) == (1, 0, 0)


def test_no_judgements_contradict_nothing() -> None:
    empty = np.zeros(0, dtype=np.int64)
    found = find_contradictions(empty, empty, empty, empty, empty)
    assert (found.pairs, found.opposite, found.cyclic) == (0, 0, 0)
