"""Measures the values of Arrow columns, where several rows share a value: in dictionaries, views and lists of them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def count_bytes(batch: "pa.RecordBatch") -> int:
    """Returns the bytes that the values of a batch have if each row holds its own; copies none of the shared ones."""
    return sum(_count(column) if _is_shared(column.type) else column.nbytes for column in batch.columns)


def _is_shared(kind: "pa.DataType") -> bool:
    """Whether a slice of a column, or an array in it, can hold more or fewer bytes than its values have."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _is_shared(kind.storage_type)
    return _is_view(kind) or pa.types.is_dictionary(kind) or any(map(_is_shared, _inner_kinds(kind)))


def _is_view(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    tests = (pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_list_view, pa.types.is_large_list_view)
    return any(test(kind) for test in tests)


def _inner_kinds(kind: Any) -> "list[pa.DataType]":
    import pyarrow as pa

    return [kind.field(place).type for place in range(kind.num_fields)] if pa.types.is_nested(kind) else []


def _count(array: Any) -> int:
    import numpy as np
    import pyarrow as pa

    kind = array.type
    if not _is_shared(kind):
        return int(array.nbytes)
    if isinstance(kind, pa.BaseExtensionType):
        return _count(array.storage)
    if pa.types.is_dictionary(kind):
        places, uses = np.unique(array.indices.drop_null().to_numpy(zero_copy_only=False), return_counts=True)
        sizes = _sizes(array.dictionary.take(pa.array(places)))
        return sum(size * count for size, count in zip(sizes, uses.tolist(), strict=True))
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return sum(_count(scalar.values) for scalar in array if scalar.is_valid)
    if pa.types.is_struct(kind) or pa.types.is_fixed_size_list(kind):
        return sum(map(_count, array.flatten() if pa.types.is_struct(kind) else [array.flatten()]))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        inner = [array.keys, array.items] if pa.types.is_map(kind) else [array.values]
        return sum(_count(values.slice(start, end - start)) for values in inner)
    return sum(_sizes(array)) if _is_view(kind) else int(array.nbytes)


def _sizes(array: Any) -> list[int]:
    """Returns the bytes of each value."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # A view has 16 bytes, of which the first four are the length of the text (Arrow columnar format).
        lengths = np.frombuffer(array.buffers()[1], np.int32)[::4][array.offset : array.offset + len(array)]
        return [int(size) for size in lengths * array.is_valid().to_numpy(zero_copy_only=False)]
    if any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)):
        return [size or 0 for size in pc.binary_length(array).to_pylist()]
    return [_count(array.slice(place, 1)) for place in range(len(array))]
