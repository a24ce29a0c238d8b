"""Arrow columns -> JSON values, also where Python or this machine lacks the value.

Such are dates beyond the year 9999, time zones without data, text that is not UTF-8 and UUIDs. They become text, so
that a column that nobody maps stops nothing; text that is not UTF-8 gets lone surrogates, which the mapping refuses.
"""

import datetime
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from unipref.core.errors import raise_if_resource
from unipref.core.records import Reject, Row
from unipref.sources.arrow_sizes import count_bytes
from unipref.sources.csv_rows import column_names
from unipref.sources.json_values import plain
from unipref.sources.limits import RowLimit

if TYPE_CHECKING:
    import pyarrow as pa

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
MISSING = object()
"""Stands for a value that cannot be converted: the row does not get the field."""


def bounded_rows(batch: "pa.RecordBatch", limit: RowLimit) -> Iterator[Row | Reject]:
    """Converts a batch as `batch_rows` does; a row with more bytes than the limit is a reject."""
    if count_bytes(batch) <= limit.size:
        yield from batch_rows(batch)
        return
    for row in (batch.slice(place, 1) for place in range(len(batch))):
        if count_bytes(row) > limit.size:
            yield limit.reject()
        else:
            yield from batch_rows(row)


def batch_rows(batch: "pa.RecordBatch") -> list[Row]:
    """Converts a batch to rows of JSON values. A repeated column name gets `_2`.

    A value that cannot be converted at all is left out of its row.
    """
    names = column_names(batch.schema.names)
    if names != batch.schema.names:
        batch = batch.rename_columns(names)
    try:
        rows = _cut_to_microseconds(batch).to_pylist()
        return rows if _only_json(batch.schema) else [plain(row) for row in rows]
    except Exception as error:
        # Arrow, Python's dates, time zones and text raise many kinds of errors; only the resources are not the data's.
        raise_if_resource(error)
    columns = [convert_array(batch.column(place)) for place in range(batch.num_columns)]
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not MISSING}
        for values in zip(*columns, strict=True)
    ]


def convert_array(array: "pa.Array") -> list[Any]:
    """Converts an array to JSON values, one by one where it must be; `MISSING` for those that cannot be converted."""
    import pyarrow as pa

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        values = convert_array(array.storage) if kind.extension_name != "arrow.uuid" else array.storage.to_pylist()
        is_uuid = kind.extension_name == "arrow.uuid"
        return [str(uuid.UUID(bytes=value)) if is_uuid and value is not None else value for value in values]
    if pa.types.is_dictionary(kind):
        return convert_array(array.dictionary_decode())
    try:
        return [plain(value) for value in array.to_pylist()]
    except Exception as error:
        raise_if_resource(error)
    if pa.types.is_struct(kind):
        return _convert_struct(array)
    if pa.types.is_map(kind):
        return [None if pairs is None else [[*pair.values()] for pair in pairs] for pairs in _convert_lists(array)]
    if _is_list(kind):
        return _convert_lists(array)
    return _convert_values(array, _fallback(kind))


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    views = (pa.types.is_list_view, pa.types.is_large_list_view)
    return any(test(kind) for test in (*lists, *views))


def _convert_lists(array: Any) -> list[Any]:
    """Converts lists; an item that cannot be converted is null, so that the others keep their places."""
    items = (convert_array(scalar.values) if scalar.is_valid else None for scalar in array)
    return [None if values is None else [None if v is MISSING else v for v in values] for values in items]


def _convert_struct(array: Any) -> list[Any]:
    names = column_names([field.name for field in array.type])
    columns = [convert_array(column) for column in array.flatten()]
    rows = [
        {name: value for name, value in zip(names, values, strict=True) if value is not MISSING}
        for values in (zip(*columns, strict=True) if columns else ((),) * len(array))
    ]
    return [row if is_valid else None for row, is_valid in zip(rows, array.is_valid().to_pylist(), strict=True)]


def _convert_values(array: Any, fallback: Callable[[Any], Any]) -> list[Any]:
    """Converts values one by one; the fallback gets the scalars that Python cannot hold."""
    return [_convert_scalar(scalar, fallback) for scalar in array]


def _convert_scalar(scalar: Any, fallback: Callable[[Any], Any]) -> Any:
    for convert in (_to_python, fallback):
        try:
            return convert(scalar)
        except Exception as error:
            raise_if_resource(error)
    return MISSING


def _to_python(scalar: Any) -> Any:
    return plain(scalar.as_py())


def _fallback(kind: Any) -> Callable[[Any], Any]:
    """Returns what converts a scalar that Python cannot hold."""
    import pyarrow as pa

    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return lambda scalar: scalar.as_buffer().to_pybytes().decode("utf-8", "surrogateescape")
    if pa.types.is_timestamp(kind):
        suffix = "" if kind.tz is None else "+00:00"
        return lambda scalar: f"{_format_time(scalar.value, kind.unit)}{suffix}"
    if pa.types.is_date32(kind):
        return lambda scalar: _format_time(scalar.value * 86400, "s").partition("T")[0]
    if pa.types.is_date64(kind):
        return lambda scalar: _format_time(scalar.value, "ms").partition("T")[0]
    if pa.types.is_duration(kind):
        return lambda scalar: scalar.value / PER_SECOND[kind.unit]
    return lambda scalar: str(scalar.cast(pa.string()).as_py())


def _format_time(value: int, unit: str) -> str:
    """Formats a time since 1970 as ISO 8601 in UTC, with more than four digits for the year where it has them."""
    import numpy as np

    try:
        start = datetime.datetime(1970, 1, 1)
        return (start + datetime.timedelta(microseconds=value * 10**6 // PER_SECOND[unit])).isoformat()
    except OverflowError:
        return str(np.array(value, f"datetime64[{unit}]"))


def _cut_to_microseconds(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Cuts nanoseconds to microseconds, the finest unit of Python's datetime."""
    import pyarrow as pa

    schema = batch.schema
    for place, field in enumerate(schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            schema = schema.set(place, field.with_type(pa.timestamp("us", field.type.tz)))
    return batch if schema is batch.schema else batch.cast(schema, safe=False)


def _only_json(schema: "pa.Schema") -> bool:
    """Whether every column holds nothing but text, numbers, booleans, lists and structs."""
    import pyarrow as pa

    def is_plain(kind: "pa.DataType") -> bool:
        if pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return all(is_plain(kind.field(i).type) for i in range(kind.num_fields))
        if pa.types.is_dictionary(kind):
            return is_plain(kind.value_type)
        plain_kinds = (
            pa.types.is_null,
            pa.types.is_boolean,
            pa.types.is_integer,
            pa.types.is_string,
            pa.types.is_large_string,
        )
        return any(test(kind) for test in plain_kinds) or pa.types.is_float32(kind) or pa.types.is_float64(kind)

    return all(is_plain(field.type) for field in schema)
