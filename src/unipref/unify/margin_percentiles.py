"""Computes percentiles of score gaps within source and axis. Needs the whole source, but only its numbers.

The percentile of a preference is the share of its source's preferences, decided on the same axis, whose gap between
the two scores is smaller; ties count half. It is in [0, 1], so gaps on different scales can be ranked together
(`docs/design.md`; the paper ranks by the raw gap, 2.4). Texts are streamed and never held in memory.
"""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core.arrow_arrays import read_numbers
from unipref.core.stats.percentiles import percentiles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def compute_margin_percentiles(parts: list[Path]) -> "list[npt.NDArray[np.float64]]":
    """Returns, per part, the margin percentile of each preference in order; NaN without two scores."""
    import numpy as np
    import pyarrow.parquet as pq

    columns = ["source", "axis", "chosen_score", "rejected_score"]
    result, places = [], defaultdict(list)
    for number, part in enumerate(parts):
        with pq.ParquetFile(part) as file:
            source, axis, chosen, rejected = (column.combine_chunks() for column in file.read(columns).columns)
        gap = np.abs(read_numbers(chosen) - read_numbers(rejected))
        result.append(np.full(len(gap), np.nan))
        names = [one.dictionary_encode(null_encoding="encode") for one in (source, axis)]
        source_code, axis_code = (read_numbers(one.indices) for one in names)
        sources, axes = (one.dictionary.to_pylist() for one in names)
        width = max(len(axes), 1)
        key = source_code.astype(np.int64) * width + axis_code
        for one in np.unique(key).tolist():
            rows = np.flatnonzero((key == one) & ~np.isnan(gap))
            if len(rows):
                places[sources[one // width], axes[one % width]].append((number, rows, gap[rows]))
    for gaps_of_key in places.values():
        ranks = percentiles(np.concatenate([gap for _, _, gap in gaps_of_key]))
        start = 0
        for number, rows, gap in gaps_of_key:
            result[number][rows] = ranks[start : start + len(gap)]
            start += len(gap)
    return result
