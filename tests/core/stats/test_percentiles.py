import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unipref.core.stats.percentiles import percentiles, percentiles_within

NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False, width=32))


def by_definition(values: np.ndarray) -> list[float]:
    """(smaller + half of the equal ones) / n, counted."""
    rounded = np.round(values, 9)
    return [(int((rounded < x).sum()) + int((rounded == x).sum()) / 2) / len(values) for x in rounded]


@given(st.lists(NUMBERS, min_size=1, max_size=80))
def test_percentiles_are_midranks_to_the_last_bit(numbers: list[float]) -> None:
    values = np.array(numbers, dtype=np.float64)
    assert percentiles(values).tolist() == by_definition(values)


def test_no_numbers_have_no_percentiles() -> None:
    assert percentiles(np.array([], dtype=np.float64)).tolist() == []


def test_values_that_agree_to_nine_digits_are_equal() -> None:
    assert percentiles(np.array([0.1 + 0.2, 0.3, 1.0])).tolist() == [1 / 3, 1 / 3, 2.5 / 3]


def test_groups_are_ranked_apart_and_nan_stays_nan() -> None:
    values = np.array([1.0, 5.0, np.nan, 2.0, 4.0])
    found = percentiles_within(values, np.array([0, 1, 0, 0, 1]))
    np.testing.assert_array_equal(found, [0.25, 0.75, np.nan, 0.75, 0.25])
