"""The bounds on what one file can make unipref hold in memory, unpack or wait for.

Memory depends on these settings, not on the input: a small file can unpack to any size.
"""

from typing import Annotated, NamedTuple

from pydantic import Field

from unipref.core.contracts import Settings
from unipref.core.patterns import ROW_SECONDS
from unipref.core.records import Reason, Reject

Positive = Annotated[int, Field(ge=1)]

PACKED_FLOOR = 100 << 20
"""Bytes that any file may unpack to, whatever its ratio: short files of repetitive rows pack well."""


class Limits(Settings):
    """Bounds on the files of a study. A file or row beyond one is left out with a message that names the setting."""

    row_bytes: Positive = 16 << 20
    """Longest row: a line, a value of a JSON array, a record of a table."""
    outer_row_bytes: Positive = 512 << 20
    """Longest row of a source with `records` or `orient`, which holds other rows."""
    unpacked_bytes: Positive = 64 << 30
    """Largest size of one file or archive member after unpacking."""
    unpack_ratio: Positive = 200
    """How many times its packed size a file may unpack to, if that is more than 100 MiB."""
    window_bytes: Positive = 128 << 20
    """Largest window of a zstandard file (`zstd --long=31` needs 2 GiB)."""
    workbook_bytes: Positive = 512 << 20
    """Largest size of a workbook's shared texts and styles, which are held in memory."""
    page_bytes: Positive = 512 << 20
    """Largest page of a Parquet file, or batch of an Arrow file, after unpacking; it is unpacked as a whole."""
    members: Positive = 200_000
    """Most members of a zip."""
    pattern_seconds: Annotated[float, Field(gt=0)] = ROW_SECONDS
    """Longest CPU time that the patterns of a mapping may take for one row."""


ADVICE = " To read it, raise"


def advise(setting: str) -> str:
    """Returns how to read a file that is beyond a limit."""
    return f"If you trust the file, raise 'limits.{setting}'."


def without_advice(reject: Reject) -> Reject:
    """Returns a reject that names no setting, for data whose limits no study sets."""
    return Reject(reject.reason, reject.detail.partition(ADVICE)[0], reject.field)


class RowLimit(NamedTuple):
    """The bytes that one row may have, and the setting that says so."""

    size: int
    setting: str = "row_bytes"

    def check(self, line: bytes) -> bytes | Reject:
        """Returns the bytes of a row, or a reject if there are too many."""
        return line if len(line) <= self.size else self.reject()

    def reject(self) -> Reject:
        """Returns the reject of a longer row."""
        detail = f"the row is longer than {self.size:,} bytes.{ADVICE} 'limits.{self.setting}'."
        return Reject(Reason.OVER_LIMIT, detail)


DEFAULT = Limits()
DEFAULT_ROW = RowLimit(DEFAULT.row_bytes)
