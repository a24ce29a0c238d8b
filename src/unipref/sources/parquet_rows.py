"""Parquet: row groups -> numbered rows of JSON values."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unipref.core.errors import first_line, raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken, seekable
from unipref.sources.json_rows import Numbered
from unipref.sources.json_values import plain

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unipref.sources.part import Part

BATCH_ROWS = 1024


def read_parquet(part: "Part") -> Iterator[Numbered]:
    """Yields the rows of a part's row groups as JSON values. An unreadable row group is one reject.

    Raises:
        Broken: the index at the end of the file cannot be read, so nothing in the file can.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = part.first_row
    try:
        with seekable(part) as file:
            table = pq.ParquetFile(file)
            for group in range(part.start, table.num_row_groups if part.end is None else part.end):
                after = row + table.metadata.row_group(group).num_rows
                try:
                    for values in _rows_of_group(table, group):
                        yield row, values
                        row += 1
                except (pa.ArrowException, OSError) as error:
                    raise_if_resource(error, part.origin)
                    detail = f"rows {row} to {after - 1}, in row group {group}, cannot be read ({first_line(error)})."
                    yield row, Reject(Reason.UNREADABLE, f"{detail} Fetch or copy the file again.")
                row = after
    except (pa.ArrowException, OSError) as error:
        raise_if_resource(error, part.origin)
        raise Broken(f"Parquet's index cannot be read ({first_line(error)}). Fetch or copy the file again.") from error


def _rows_of_group(table: "pq.ParquetFile", group: int) -> Iterator[Row]:
    for batch in table.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], use_threads=False):
        rows = _cut_to_microseconds(batch).to_pylist()
        yield from rows if _only_json(batch.schema) else (plain(row) for row in rows)


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
