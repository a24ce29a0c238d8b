from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unipref.core.values import value_key


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ([1, 1.0, "1", "1.0", " 1 ", Decimal("1"), Decimal("1.00"), np.int8(1), np.float32(1)], "1"),
        ([0, -0.0, "0", "-0", "0.0"], "0"),
        ([-3, -3.0, "-3", "-3.0"], "-3"),
        ([True, "True", "true", "TRUE", np.bool_(True)], "True"),
        ([False, "False", "false", "FALSE", np.bool_(False)], "False"),
        ([0.5, "0.5", Decimal("0.50"), np.float64(0.5)], "0.5"),
        ([2**60, str(2**60), np.int64(2**60)], str(2**60)),
        ([None, float("nan"), Decimal("NaN"), pd.NA, pd.NaT], None),
        (["train", " train\n"], "train"),
        ([[1, "a"], [1.0, "a"]], "[1, 'a']"),
        ([{"a": 1.0}, {"a": 1}], "{'a': 1}"),
    ],
)
def test_equal_values_have_one_key(values: list[Any], key: str | None) -> None:
    assert {value_key(value) for value in values} == {key}


def test_values_that_differ_have_different_keys() -> None:
    values = [1, 0, True, False, "010", 10, "1.50", 1.5, "yes", "Yes", "", None, "None ", "1e3", 1000, "+1", "1."]
    # "None" is a text, null is a missing value.
    assert len({value_key(value) for value in values}) == len(values)


def test_huge_and_infinite_numbers_have_a_key() -> None:
    assert value_key(Decimal("1e999999")) == "inf"
    assert value_key(float("-inf")) == "-inf"
    assert value_key(Decimal("Infinity")) == "inf"
