"""Arrow arrays from and to numpy arrays and Python values, without pandas.

pyarrow's own conversions import pandas, if it is installed, to see whether a value is one of its own. That takes as
long as to convert some ten thousand rows. Here, the buffers of the arrays are made and read.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

MANY_ROWS = 1000
"""Rows from which on pyarrow's conversion is quicker, even if it has to import pandas first."""
Flags = npt.NDArray[np.bool_]


def read_numbers(array: "pa.Array") -> npt.NDArray[Any]:
    """Returns the values of an array of numbers. A null is NaN among floats, and any number among integers."""
    kind = _find_dtype(array.type)
    values = np.frombuffer(array.buffers()[1] or b"", dtype=kind)[array.offset : array.offset + len(array)]
    return np.where(read_flags(array.is_null()), np.nan, values) if array.null_count and kind.kind == "f" else values


def read_flags(array: "pa.BooleanArray") -> Flags:
    """Returns the values of an array of booleans without nulls."""
    bits = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    return np.unpackbits(bits, bitorder="little")[array.offset : array.offset + len(array)].astype(bool)


def from_numbers(values: npt.NDArray[Any], is_null: Flags | None = None) -> "pa.Array":
    """Returns numbers as an array of their own type.

    Args:
        values: (n,) numbers.
        is_null: (n,) which of them are null.
    """
    import pyarrow as pa

    kind = getattr(pa, values.dtype.name)()
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [None if is_null is None else _pack(~is_null), data])


def from_flags(values: Flags) -> "pa.BooleanArray":
    """Returns booleans as an array."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _pack(values)])


def from_texts(texts: Sequence[str | None]) -> "pa.StringArray":
    """Returns texts of less than 2 GiB together as an array."""
    return join_texts([None if text is None else text.encode() for text in texts])


def join_texts(texts: Sequence[bytes | None]) -> "pa.StringArray":
    """Returns texts in UTF-8, of less than 2 GiB together, as an array."""
    import pyarrow as pa

    ends = np.fromiter(accumulate((len(text or b"") for text in texts), initial=0), dtype=np.int32)
    data = pa.py_buffer(b"".join(text for text in texts if text is not None))
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), data, _pack_nulls(texts))


def take_texts(names: Sequence[str], codes: npt.NDArray[Any]) -> "pa.StringArray":
    """Returns the texts with some codes: their places among the names."""
    import pyarrow as pa

    places = from_numbers(codes.astype(np.int32))
    return pa.DictionaryArray.from_arrays(places, from_texts(names)).dictionary_decode()


def repeat_text(text: str, count: int) -> "pa.StringArray":
    """Returns a text so many times."""
    return take_texts([text], np.zeros(count, dtype=np.int32))


def make_lists(values: "pa.Array", ends: npt.NDArray[Any]) -> "pa.ListArray":
    """Returns lists of values.

    Args:
        values: the values of all lists.
        ends: (n + 1,) where each list begins, and the last one ends.
    """
    import pyarrow as pa

    return pa.ListArray.from_arrays(from_numbers(ends.astype(np.int32)), values)


def from_rows(rows: Sequence[Mapping[str, Any]], schema: "pa.Schema") -> "pa.Table":
    """Returns rows as a table; a field that a row lacks is null."""
    import pyarrow as pa

    if len(rows) >= MANY_ROWS:
        return pa.Table.from_pylist(list(rows), schema)
    return pa.Table.from_arrays(
        [from_values([row.get(one.name) for row in rows], one.type) for one in schema], schema=schema
    )


def from_values(values: Sequence[Any], kind: "pa.DataType") -> "pa.Array":
    """Returns Python values as an array of texts, numbers, and lists and structs of these."""
    import pyarrow as pa

    if pa.types.is_string(kind):
        return from_texts(values)
    if pa.types.is_list(kind):
        ends = np.fromiter(accumulate((len(value or ()) for value in values), initial=0), dtype=np.int32)
        inner = from_values(list(chain.from_iterable(value or () for value in values)), kind.value_type)
        buffers = [_pack_nulls(values), pa.py_buffer(ends)]
        return pa.Array.from_buffers(kind, len(values), buffers, children=[inner])
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        children = [
            from_values([None if value is None else value.get(one.name) for value in values], one.type)
            for one in fields
        ]
        return pa.Array.from_buffers(kind, len(values), [_pack_nulls(values)], children=children)
    numbers = np.array([0 if value is None else value for value in values], dtype=_find_dtype(kind))
    return from_numbers(numbers, np.array([value is None for value in values], dtype=bool))


def _find_dtype(kind: "pa.DataType") -> np.dtype[Any]:
    """Returns numpy's type of numbers of an Arrow type; only floats have other names there."""
    return np.dtype({"float": "float32", "double": "float64"}.get(str(kind), str(kind)))


def _pack_nulls(values: Sequence[Any]) -> "pa.Buffer | None":
    """Returns the bits that say which values are not null; None if all are not."""
    return _pack(np.array([value is not None for value in values], dtype=bool)) if None in values else None


def _pack(flags: Flags) -> "pa.Buffer":
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags, bitorder="little"))
