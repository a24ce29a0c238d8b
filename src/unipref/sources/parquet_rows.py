"""Parquet: row groups -> numbered rows of JSON values."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from unipref.core.errors import first_line
from unipref.core.records import Reason, Reject, Row
from unipref.sources.arrow_values import batch_rows
from unipref.sources.compressed import Broken, seekable
from unipref.sources.json_rows import Numbered

if TYPE_CHECKING:
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
                    detail = f"rows {row} to {after - 1}, in row group {group}, cannot be read ({first_line(error)})."
                    names = _unreadable_columns(table, group)
                    if not names or row > after - table.metadata.row_group(group).num_rows:
                        yield row, Reject(Reason.UNREADABLE, f"{detail} Fetch or copy the file again.")
                    else:
                        detail = f"{detail} They are used without the columns {', '.join(names)}."
                        yield row, Reject(Reason.UNREADABLE, detail)
                        yield from enumerate(_rows_of_group(table, group, names), row)
                row = after
    except UnicodeDecodeError as error:
        raise Broken("the name of a column is not UTF-8. Rename it and write the file again.") from error
    except (pa.ArrowException, OSError) as error:
        raise Broken(f"Parquet's index cannot be read ({first_line(error)}). Fetch or copy the file again.") from error


def _rows_of_group(table: "pq.ParquetFile", group: int, without: Sequence[str] = ()) -> Iterator[Row]:
    columns = [name for name in table.schema_arrow.names if name not in without] if without else None
    for batch in table.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
        yield from batch_rows(batch)


def _unreadable_columns(table: "pq.ParquetFile", group: int) -> list[str]:
    """Returns the columns of a row group that Arrow cannot decode; none if that is all of them, or the file is damaged.

    Such is a dictionary whose text is not UTF-8.
    """
    import pyarrow as pa

    names = table.schema_arrow.names
    unreadable: list[str] = []
    for name in names if len(set(names)) == len(names) else ():
        try:
            table.read_row_group(group, columns=[name], use_threads=False)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                return []
            unreadable.append(name)
        except (pa.ArrowException, OSError):
            return []
    return unreadable if len(unreadable) < len(names) else []
