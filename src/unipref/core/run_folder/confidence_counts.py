"""Counts how many preferences have a confidence, and how high it is, from columns of numbers of a table."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from unipref.core import parquet
from unipref.core.records import ROLE_COLUMNS
from unipref.core.stats.calibration import BINS, find_bin

if TYPE_CHECKING:
    import pyarrow as pa


class ConfidenceCounts(msgspec.Struct):
    """The confidence of the preferences of one source.

    Attributes:
        preferences: all; pairs: those with both answers.
        confident: pairs with a confidence.
        judged_once: pairs without a confidence whose answers were judged once.
        bins: number of pairs in each of `BINS` bins of the confidence; each bin has its lower edge.
    """

    preferences: int = 0
    pairs: int = 0
    confident: int = 0
    judged_once: int = 0
    bins: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)

    @property
    def judged_more_often(self) -> int:
        """The number of pairs without a confidence whose answers were judged more than once."""
        return self.pairs - self.confident - self.judged_once


def count_confidence(preferences: Path) -> dict[str, ConfidenceCounts]:
    """Returns source -> its counts; empty if the file does not exist. Reads the file in batches, without its texts.

    Raises:
        UserError: the file is damaged, or lacks a column.
    """
    counts: dict[str, ConfidenceCounts] = {}
    if preferences.is_file():
        for batch in parquet.read_batches(
            preferences, ["source", "confidence", "n_judgements", *ROLE_COLUMNS], shown="counting confidence"
        ):
            _add(counts, batch)
    return counts


def _add(counts: dict[str, ConfidenceCounts], batch: "pa.RecordBatch") -> None:
    import numpy as np

    sources = batch["source"].dictionary_encode()
    codes = sources.indices.to_numpy(zero_copy_only=False)
    confidence = batch["confidence"].to_numpy(zero_copy_only=False).astype(np.float64)
    is_pair = np.asarray(batch["chosen"].is_valid()) & np.asarray(batch["rejected"].is_valid())
    is_confident = is_pair & ~np.isnan(confidence)
    is_once = is_pair & ~is_confident & (batch["n_judgements"].to_numpy(zero_copy_only=False) <= 1)
    place = np.array([find_bin(value) for value in np.nan_to_num(confidence).tolist()], dtype=np.int64)
    for code, name in enumerate(sources.dictionary.to_pylist()):
        mine = codes == code
        one = counts.setdefault(name, ConfidenceCounts())
        one.preferences += int(mine.sum())
        one.pairs += int((mine & is_pair).sum())
        one.confident += int((mine & is_confident).sum())
        one.judged_once += int((mine & is_once).sum())
        more = np.bincount(place[mine & is_confident], minlength=BINS)
        one.bins = [old + int(new) for old, new in zip(one.bins, more, strict=True)]
