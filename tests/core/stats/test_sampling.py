import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unipref.core.stats.sampling import sample_evenly


def test_a_limit_keeps_the_first_the_last_and_what_is_evenly_between() -> None:
    assert sample_evenly(9, 3) == [0, 4, 8]
    assert sample_evenly(9, 1) == [0]
    assert sample_evenly(9, 0) == []


def test_no_limit_or_a_high_one_keeps_all() -> None:
    assert sample_evenly(3, None) == sample_evenly(3, 3) == sample_evenly(3, 5) == [0, 1, 2]
    assert sample_evenly(0, 5) == []


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000))
def test_positions_are_different_and_ascending(n: int, most: int) -> None:
    kept = sample_evenly(n, most)
    assert len(kept) == min(n, most)
    assert kept == np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int)).tolist()
