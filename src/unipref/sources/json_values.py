"""Python, numpy, pandas and Arrow values -> JSON values, as a `Row` holds them."""

import base64
import datetime
import decimal
import enum
import math
import uuid
from collections.abc import Mapping, Set
from typing import Any


def plain(value: Any) -> Any:
    """Converts a value to JSON's own types.

    Dates and times become ISO 8601 text, decimals numbers, UUIDs text, bytes text (base64 where they are not UTF-8),
    tuples, sets and arrays lists; pandas' missing values None. NaN stays: the caller decides if it means "missing".

    Raises:
        TypeError: JSON cannot hold the value.
    """
    if value is None or isinstance(value, enum.Enum | str | bool | int | float):
        return value.value if isinstance(value, enum.Enum) else _number(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Set):
        return sorted((plain(inner) for inner in value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        # pandas' NaT is a datetime that is not equal to itself.
        return value.isoformat() if value == value else None
    if isinstance(value, datetime.timedelta):
        return value.total_seconds() if value == value else None
    return _other(value)


def _number(value: Any) -> Any:
    """Numpy's float64 and str_ are subclasses of Python's; JSON encoders want the originals."""
    for kind in (str, float):
        if isinstance(value, kind) and type(value) is not kind:
            return kind(value)
    return value


def _other(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value))
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, uuid.UUID):
        return str(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return plain(_datetimes(value).tolist())
    if hasattr(value, "to_list"):
        return plain(value.to_list())
    raise TypeError(f"JSON cannot hold a value of type {type(value).__name__}")


def _datetimes(value: Any) -> Any:
    """Numpy's nanosecond times come out of `tolist` as integers, microseconds as datetimes."""
    unit = "datetime64[us]" if value.dtype.kind == "M" else "timedelta64[us]" if value.dtype.kind == "m" else None
    return value.astype(unit) if unit else value


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def without_nan(value: Any) -> Any:
    """Replaces NaN, pandas' mark for "missing", by None at any depth."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    return [without_nan(inner) for inner in value] if isinstance(value, list) else value
