"""Arrow files: the stream format, as `datasets` saves it, and the file format, also called Feather -> numbered rows."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from unipref.core.errors import first_line, raise_if_resource
from unipref.sources.arrow_values import bounded_rows
from unipref.sources.compressed import Broken, seekable
from unipref.sources.json_rows import Numbered

if TYPE_CHECKING:
    import pyarrow as pa

    from unipref.sources.part import Part

BATCH_ROWS = 64
FILE_FORMAT, FEATHER_1 = b"ARROW1", b"FEA1"
"""The first bytes of a file; those of the stream format have no such mark."""


def read_arrow(part: "Part") -> Iterator[Numbered]:
    """Yields the rows of all record batches as JSON values, numbered from 1.

    Raises:
        Broken: not an Arrow file, or a truncated or damaged one, after every batch before that place.
    """
    import pyarrow as pa

    row = 1
    try:
        with seekable(part) as file:
            for batch in _batches(file):
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    for values in bounded_rows(batch.slice(start, BATCH_ROWS), part.row_limit):
                        yield row, values
                        row += 1
    except UnicodeDecodeError as error:
        raise Broken("the name of a column is not UTF-8. Rename it and write the file again.") from error
    except (pa.ArrowException, OSError) as error:
        raise_if_resource(error, part.origin)
        raise Broken(f"Arrow data cannot be read ({first_line(error)}). Fetch or copy the file again.") from error


def _batches(file: IO[bytes]) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    mark = file.read(len(FILE_FORMAT))
    file.seek(0)
    if mark.startswith(FEATHER_1):
        raise Broken("this is Feather version 1. Save it as Parquet, or with version=2.")
    if not mark:
        raise Broken("the file is empty. Fetch or copy the file again.")
    if mark == FILE_FORMAT:
        reader: Any = pa.ipc.open_file(file)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        batches = iter(pa.ipc.open_stream(file))
    yield from map(_check, batches)


def _check(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Checks that the values lie where the batch says; reading others could crash the process.

    Text that is not UTF-8 costs its row alone, but inside lists and the like its column, which is left out.

    Raises:
        pa.ArrowInvalid: the batch is damaged.
    """
    import pyarrow as pa

    sound: list[int] = []
    for place, column in enumerate(batch.columns):
        try:
            column.validate(full=True)
            sound.append(place)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                binary = pa.binary() if pa.types.is_string(column.type) else pa.large_binary()
                pa.Array.from_buffers(binary, len(column), column.buffers(), offset=column.offset).validate(full=True)
                sound.append(place)
    return batch if len(sound) == batch.num_columns else batch.select(sound)
