"""Arrow files: the stream format, as `datasets` saves it, and the file format, also called Feather -> numbered rows."""

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from unipref.core.errors import first_line, raise_if_resource
from unipref.core.records import Reason, Reject
from unipref.sources.arrow_messages import (
    BATCH,
    DICTIONARY,
    FILE_FORMAT,
    ArrowMessage,
    WithoutMessages,
    read_messages,
)
from unipref.sources.arrow_values import bounded_rows
from unipref.sources.compressed import Broken, seekable
from unipref.sources.json_rows import Numbered
from unipref.sources.limits import advise

if TYPE_CHECKING:
    import pyarrow as pa

    from unipref.sources.part import Part

BATCH_ROWS = 64
FEATHER_1 = b"FEA1"
"""The first bytes of a file of the first version of Feather."""


def read_arrow(part: "Part") -> Iterator[Numbered]:
    """Yields the rows of all record batches as JSON values, numbered from 1. A batch that is too large is one reject.

    Raises:
        Broken: not an Arrow file, or a truncated or damaged one, after every batch before that place.
    """
    import pyarrow as pa

    row = 1
    try:
        with seekable(part) as file:
            for batch in _batches(file, part.limits.page_bytes):
                if isinstance(batch, ArrowMessage):
                    yield row, _describe_large(batch, row, part.limits.page_bytes)
                    row += batch.rows if batch.kind == BATCH else 0
                    continue
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    for values in bounded_rows(batch.slice(start, BATCH_ROWS), part.row_limit):
                        yield row, values
                        row += 1
    except UnicodeDecodeError as error:
        raise Broken("the name of a column is not UTF-8. Rename it and write the file again.") from error
    except (pa.ArrowException, OSError) as error:
        raise_if_resource(error, part.origin)
        raise Broken(f"Arrow data cannot be read ({first_line(error)}). Fetch or copy the file again.") from error


def _batches(file: IO[bytes], most: int) -> "Iterator[pa.RecordBatch | ArrowMessage]":
    """Yields the batches in order; in place of one with more than `most` bytes, its message.

    A dictionary with more bytes ends the file, because later batches may need it.
    """
    import pyarrow as pa

    mark = file.read(len(FILE_FORMAT))
    if mark.startswith(FEATHER_1):
        raise Broken("this is Feather version 1. Save it as Parquet, or with version=2.")
    if not mark:
        raise Broken("the file is empty. Fetch or copy the file again.")
    messages = read_messages(file)
    dictionary = next((one for one in messages if one.kind == DICTIONARY and one.size > most), None)
    if mark != FILE_FORMAT:
        yield from _batches_of_stream(file, messages, dictionary, most)
    elif dictionary:
        yield dictionary
    else:
        reader: Any = pa.ipc.open_file(file)
        batches = [one for one in messages if one.kind == BATCH]
        for number in range(reader.num_record_batches):
            is_large = number < len(batches) and batches[number].size > most
            yield batches[number] if is_large else check_batch(reader.get_batch(number))


def _batches_of_stream(
    file: IO[bytes], messages: list[ArrowMessage], dictionary: ArrowMessage | None, most: int
) -> "Iterator[pa.RecordBatch | ArrowMessage]":
    import pyarrow as pa

    large = [one for one in messages if one.size > most]
    stream: Any = iter(pa.ipc.open_stream(io.BufferedReader(WithoutMessages(file, large)) if large else file))
    for message in messages:
        if message.kind != BATCH:
            continue
        if dictionary and message.start > dictionary.start:
            break
        if message.size > most:
            yield message
        elif (batch := next(stream, None)) is not None:
            yield check_batch(batch)
    if dictionary:
        yield dictionary
    else:
        yield from map(check_batch, stream)  # raises what is wrong with a damaged stream


def _describe_large(message: ArrowMessage, row: int, most: int) -> Reject:
    is_batch = message.kind == BATCH
    what = f"rows {row} to {row + message.rows - 1} are" if is_batch else f"the file from row {row} on is"
    return Reject(
        Reason.OVER_LIMIT,
        f"{what} not read: {'their batch' if is_batch else 'a dictionary of texts'} has {message.size:,} bytes after "
        f"unpacking, more than {most:,}. {advise('page_bytes')}",
    )


def check_batch(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Checks that the values lie where the batch says; reading others could crash the process.

    Text that is not UTF-8 passes: it costs its row alone when the values are converted.

    Raises:
        pa.ArrowInvalid: the batch is damaged.
    """
    import pyarrow as pa

    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            storage = column.storage if isinstance(column, pa.ExtensionArray) else column
            storage.view(_as_bytes(storage.type)).validate(full=True)
    return batch


def _as_bytes(kind: Any) -> "pa.DataType":
    """Returns the type with bytes in place of text, at any depth."""
    import pyarrow as pa

    for is_text, binary in (
        (pa.types.is_string, pa.binary()),
        (pa.types.is_large_string, pa.large_binary()),
        (pa.types.is_string_view, pa.binary_view()),
    ):
        if is_text(kind):
            return binary
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _as_bytes(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(_as_bytes(kind.key_type), _as_bytes(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_as_bytes(kind.value_type), kind.list_size)
    for is_list, make in (
        (pa.types.is_list, pa.list_),
        (pa.types.is_large_list, pa.large_list),
        (pa.types.is_list_view, pa.list_view),
        (pa.types.is_large_list_view, pa.large_list_view),
    ):
        if is_list(kind):
            return make(_as_bytes(kind.value_type))
    return kind
