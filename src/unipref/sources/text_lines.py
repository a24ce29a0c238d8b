"""Text files of one value per line: bytes -> numbered rows of one field."""

from collections.abc import Iterator

from unipref.core.records import Reason, Reject
from unipref.sources.json_rows import BYTE_ORDER_MARK, Numbered, lines
from unipref.sources.limits import DEFAULT_ROW, RowLimit

FIELD = "line"
"""The one field of a row."""


def read_lines(blocks: Iterator[bytes], limit: RowLimit = DEFAULT_ROW) -> Iterator[Numbered]:
    """Yields one row per line, its text under `line`; numbered by line, blank lines are skipped.

    Raises:
        Broken: where the blocks raise it, after the last whole line.
    """
    for row, line in enumerate(lines(blocks, limit), 1):
        if isinstance(line, Reject):
            yield row, line
            continue
        line = line.removeprefix(BYTE_ORDER_MARK)
        if line.isspace() or not line:
            continue
        if not line.strip(b"\0 \t\r"):
            detail = "the row holds nothing but NUL bytes: the file was not written to its end."
            yield row, Reject(Reason.NOT_TEXT, detail, FIELD)
            continue
        try:
            yield row, {FIELD: line.decode().rstrip("\r")}
        except UnicodeDecodeError:
            yield row, Reject(Reason.NOT_TEXT, "bytes that are not UTF-8. Save the file as UTF-8.", FIELD)
