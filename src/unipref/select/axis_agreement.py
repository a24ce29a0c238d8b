"""Measures how far the scores on a preference's further axes agree with its label.

The further axes are those that did not decide. The direction of an axis comes from its source; an axis without one is
no evidence.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unipref.core import parquet
from unipref.core.records import Axis, AxisPair

if TYPE_CHECKING:
    import numpy.typing as npt

AxesOfSources = Mapping[str, Mapping[str, Axis]]
"""Source -> its axes by name."""
Key = tuple[str, str]
"""Source and axis."""


SCALE_QUANTILE = 0.9
"""The quantile of the absolute gaps on an axis that counts as a gap of 1. The paper has such a quantile; its value is
not in what was read of it."""


def measure_agreement(preferences: Path, axes: AxesOfSources, rows_at_once: int) -> "npt.NDArray[np.float64]":
    """Measures the agreement of each preference: the sum over its further axes of clip(gap / q, -1, 1).

    gap = score of chosen - score of rejected, with the sign of the axis: positive if the axis prefers the chosen
    answer. q is the SCALE_QUANTILE of the absolute gaps on the axis in the source; if that is 0, their maximum.

    Args:
        preferences: Parquet file of `Preference` rows.
        axes: the directions. An axis that a source lacks here is left out.
        rows_at_once: most rows in memory.

    Returns:
        (n,) numbers between minus and plus the number of axes; NaN without an axis that has both scores, a direction
        and a gap that is not 0.
    """
    scales = _measure_scales(_read(preferences, rows_at_once, "measuring gaps"))
    rows = _read(preferences, rows_at_once, "measuring agreement")
    return np.array([_compute_agreement(source, pairs, axes, scales) for source, pairs in rows], dtype=np.float64)


def _read(preferences: Path, rows_at_once: int, shown: str) -> Iterator[tuple[str, list[AxisPair]]]:
    """Yields the source and the further axes with both scores, of each row."""
    for row in parquet.read_rows(preferences, ["source", "axes"], rows_at_once, shown=shown):
        yield row["source"], [pair for pair in row["axes"] if None not in (pair["chosen"], pair["rejected"])]


def _gap(pair: AxisPair) -> float:
    assert pair["chosen"] is not None
    assert pair["rejected"] is not None
    return pair["chosen"] - pair["rejected"]


def _measure_scales(rows: Iterator[tuple[str, list[AxisPair]]]) -> dict[Key, float]:
    """Computes q of each axis of each source, in one pass that keeps the gaps (8 bytes each)."""
    gaps: dict[Key, array[float]] = defaultdict(lambda: array("d"))
    for source, pairs in rows:
        for pair in pairs:
            gaps[source, pair["axis"]].append(abs(_gap(pair)))
    return {key: float(np.quantile(sizes, SCALE_QUANTILE)) or max(sizes) for key, sizes in gaps.items()}


def _compute_agreement(
    source: str, pairs: Sequence[AxisPair], axes: AxesOfSources, scales: Mapping[Key, float]
) -> float:
    parts = []
    for pair in pairs:
        axis, scale = axes.get(source, {}).get(pair["axis"]), scales[source, pair["axis"]]
        if axis is not None and scale > 0:
            parts.append(min(1.0, max(-1.0, axis.sign * _gap(pair) / scale)))
    return sum(parts) if parts else float("nan")
