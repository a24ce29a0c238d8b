"""Parquet: row groups -> numbered rows of JSON values."""

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from unipref.core.errors import first_line, raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.sources.arrow_values import bounded_rows
from unipref.sources.compressed import Broken, seekable
from unipref.sources.json_rows import Numbered
from unipref.sources.limits import advise
from unipref.sources.parquet_pages import page_sizes

if TYPE_CHECKING:
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
                    first = after - table.metadata.row_group(group).num_rows
                    names = _unreadable_columns(table, group) if row == first else []
                    if names:
                        detail = f"{detail} They are used without the columns {', '.join(names)}."
                        yield row, Reject(Reason.UNREADABLE, detail)
                        yield from enumerate(_rows_of_group(table, group, part, BATCH_ROWS, names), row)
                    else:
                        yield row, Reject(Reason.UNREADABLE, f"{detail} Fetch or copy the file again.")
                row = after
    except UnicodeDecodeError as error:
        raise Broken("the name of a column is not UTF-8. Rename it and write the file again.") from error
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
                f"a page of the column '{column.path_in_schema}' has {size:,} bytes, more than {most:,}. "
                f"{advise('page_bytes')}"
            )
        row_bytes += max(dictionary, column.total_uncompressed_size // max(1, metadata.num_rows))
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, row_bytes)))


def _rows_of_group(
    table: "pq.ParquetFile", group: int, part: "Part", rows_at_once: int, without: Sequence[str] = ()
) -> Iterator[Row | Reject]:
    names = table.schema_arrow.names
    columns = [name for name in names if name not in without] if without else None
    for batch in table.iter_batches(batch_size=rows_at_once, row_groups=[group], columns=columns, use_threads=False):
        yield from bounded_rows(batch, part.row_limit)


def _unreadable_columns(table: "pq.ParquetFile", group: int) -> list[str]:
    """Returns the columns of a row group that Arrow cannot decode; none if that is all of them, or the file is damaged.

    Such is a dictionary whose text is not UTF-8.
    """
    import pyarrow as pa

    names = table.schema_arrow.names
    unreadable: list[str] = []
    for name in names if len(set(names)) == len(names) else ():
        try:
            for _ in table.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], columns=[name], use_threads=False):
                pass
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                return []
            unreadable.append(name)
        except (pa.ArrowException, OSError) as error:
            raise_if_resource(error)
            return []
    return unreadable if len(unreadable) < len(names) else []
