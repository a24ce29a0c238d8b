"""Computes percentiles of score gaps within source and axis. Needs the whole source, but only its numbers.

The percentile of a preference is the share of its source's preferences, decided on the same axis, whose gap between
the two scores is smaller; ties count half. It is in [0, 1], so gaps on different scales can be ranked together
(`docs/design.md`; the paper ranks by the raw gap, 2.4). Texts are streamed and never held in memory.
"""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

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
        table = pq.read_table(part, columns=columns)
        chosen = table["chosen_score"].to_numpy().astype(np.float64)
        gap = np.abs(chosen - table["rejected_score"].to_numpy().astype(np.float64))
        result.append(np.full(len(gap), np.nan))
        keys = np.array([f"{s}\x1f{a}" for s, a in zip(*(table[c].to_pylist() for c in columns[:2]), strict=True)])
        for key in np.unique(keys):
            rows = np.flatnonzero((keys == key) & ~np.isnan(gap))
            if len(rows):
                places[str(key)].append((number, rows, gap[rows]))
    for gaps_of_key in places.values():
        ranks = percentiles(np.concatenate([gap for _, _, gap in gaps_of_key]))
        start = 0
        for number, rows, gap in gaps_of_key:
            result[number][rows] = ranks[start : start + len(gap)]
            start += len(gap)
    return result
