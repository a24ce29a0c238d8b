"""Decides when two values are one: the files of a source often store a value with different types.

One missing value makes a pandas column float, and a CSV cell is always text. So 1, 1.0 and "1" are one value, and true
and "true" are one. True and 1 stay two values: data sets differ in what 1 means, and a guess would swap labels.
"""

import decimal
import enum
import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

_WHOLE = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.0+)?")
_BOOLEANS = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}
_MISSING = ("NAType", "NaTType")
MAX_DIGITS = 400
"""Longest whole number of a decimal that is written out; a double has at most 309 digits."""


def value_key(value: Any) -> str | None:
    """Returns a text that is equal for equal values of any type; None for null, NaN and the like.

    A whole number has no fraction ("1" for 1, 1.0, "1.0"). A boolean is "True" or "False" (also for "true" and "TRUE").
    Other text has no outer white space. "010" is not 10, and "1.50" is not 1.5: they can be ids and versions.
    """
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        text = value.strip()
        if match := _WHOLE.fullmatch(text):
            return match[2] if match[2] == "0" else f"{match[1]}{match[2]}"
        return _BOOLEANS.get(text, text)
    value = _drop_type(value)
    return None if value is None else str(value).strip()


def is_missing(value: Any) -> bool:
    """Whether a value says nothing: null, NaN and the like, or a text without characters other than white space."""
    if isinstance(value, str):
        return not value.strip()
    return not isinstance(value, list | Mapping) and value_key(value) is None


def _drop_type(value: Any) -> Any:
    """Converts the numbers in a value to Python's, whole ones to int; missing values to None, at any depth."""
    if value is None or (isinstance(value, bool | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return _drop_type(value.value)
    if type(value).__name__ in ("bool", "bool_"):  # numpy's, which is not Python's
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, decimal.Decimal):
        if value.is_nan():
            return None
        is_whole = value.is_finite() and value.adjusted() < MAX_DIGITS and value == value.to_integral_value()
        return int(value) if is_whole else float(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return None if math.isnan(number) else int(number) if number.is_integer() else number
    if isinstance(value, Mapping):
        return {key: _drop_type(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_drop_type(inner) for inner in value]
    return None if type(value).__name__ in _MISSING else value
