"""Parquet: row groups -> numbered rows of JSON values."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from unipref.core.errors import first_line, raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken, seekable
from unipref.sources.json_rows import Numbered
from unipref.sources.json_values import plain
from unipref.sources.parquet_pages import page_sizes

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unipref.sources.part import Part

BUFFER_BYTES = 1 << 20
"""Packed bytes of a column that are read at once."""
BATCH_ROWS, BATCH_BYTES = 64, 64 << 20
"""Most rows that are decoded at once, and about how many bytes, because a dictionary's value can be in each row."""


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
            table = pq.ParquetFile(file, buffer_size=BUFFER_BYTES)
            for group in range(part.start, table.num_row_groups if part.end is None else part.end):
                after = row + table.metadata.row_group(group).num_rows
                try:
                    for values in _rows_of_group(table, group, part, _rows_at_once(file, table, group, part)):
                        yield row, values
                        row += 1
                except PageTooLong as error:
                    detail = f"rows {row} to {after - 1}, in row group {group}, are not read: {error}"
                    yield row, Reject(Reason.OVER_LIMIT, detail)
                except (pa.ArrowException, OSError) as error:
                    raise_if_resource(error, part.origin)
                    detail = f"rows {row} to {after - 1}, in row group {group}, cannot be read ({first_line(error)})."
                    yield row, Reject(Reason.UNREADABLE, f"{detail} Fetch or copy the file again.")
                row = after
    except (pa.ArrowException, OSError) as error:
        raise_if_resource(error, part.origin)
        raise Broken(f"Parquet's index cannot be read ({first_line(error)}). Fetch or copy the file again.") from error


class PageTooLong(Exception):
    """A page is larger than the limits allow. The message names the column and the setting."""


def _rows_at_once(file: IO[bytes], table: "pq.ParquetFile", group: int, part: "Part") -> int:
    """Returns how many rows of a row group can be decoded at once.

    Raises:
        PageTooLong: a page is too large to unpack.
    """
    row_bytes = 0
    metadata = table.metadata.row_group(group)
    for column in map(metadata.column, range(metadata.num_columns)):
        most = part.limits.page_bytes
        dictionary, page = page_sizes(file, column, None if column.total_uncompressed_size > most else 1)
        if (size := max(dictionary, page)) > most:
            raise PageTooLong(
                f"a page of the column '{column.path_in_schema}' has {size:,} bytes, more than {most:,}."
                " If you trust the file, raise 'limits.page_bytes'."
            )
        row_bytes += max(dictionary, column.total_uncompressed_size // max(1, metadata.num_rows))
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, row_bytes)))


def _rows_of_group(table: "pq.ParquetFile", group: int, part: "Part", rows_at_once: int) -> Iterator[Row | Reject]:
    for batch in table.iter_batches(batch_size=rows_at_once, row_groups=[group], use_threads=False):
        if batch.nbytes <= part.row_limit.size:
            yield from _to_rows(batch)
            continue
        for row in (batch.slice(place, 1) for place in range(len(batch))):
            if row.nbytes > part.row_limit.size:
                yield part.row_limit.reject()
            else:
                yield from _to_rows(row)


def _to_rows(batch: "pa.RecordBatch") -> Iterator[Row]:
    rows = _cut_to_microseconds(batch).to_pylist()
    return iter(rows) if _only_json(batch.schema) else (plain(row) for row in rows)


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
