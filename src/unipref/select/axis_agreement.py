"""Measures how far the scores on a preference's further axes agree with its label.

The further axes are those that did not decide. The direction of an axis comes from its source; an axis without one is
no evidence.
"""

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


def measure_agreement(preferences: Path, axes: AxesOfSources, rows_at_once: int) -> "npt.NDArray[np.float64]":
    """Measures the agreement of each preference: the mean over its further axes of (chosen - rejected) / s.

    The sign is that of the axis: a positive gap means that the axis prefers the chosen answer. s is the standard
    deviation of all scores on the axis in the source.

    Args:
        preferences: Parquet file of `Preference` rows.
        axes: the directions. An axis that a source lacks here is left out.
        rows_at_once: most rows in memory.

    Returns:
        (n,) numbers in standard deviations, NaN without an axis that has both scores, a direction and two values.
    """
    spreads = _measure_spreads(_read(preferences, rows_at_once))
    rows = _read(preferences, rows_at_once)
    return np.array([_compute_agreement(source, pairs, axes, spreads) for source, pairs in rows], dtype=np.float64)


def _read(preferences: Path, rows_at_once: int) -> Iterator[tuple[str, list[AxisPair]]]:
    """Yields the source and the further axes with both scores, of each row."""
    for row in parquet.read_rows(preferences, ["source", "axes"], rows_at_once):
        yield row["source"], [pair for pair in row["axes"] if None not in (pair["chosen"], pair["rejected"])]


def _measure_spreads(rows: Iterator[tuple[str, list[AxisPair]]]) -> dict[Key, float]:
    """Computes the standard deviation of the scores on each axis of each source, in one pass (Welford's)."""
    counts: dict[Key, int] = defaultdict(int)
    means: dict[Key, float] = defaultdict(float)
    squares: dict[Key, float] = defaultdict(float)
    for source, pairs in rows:
        for pair in pairs:
            key = (source, pair["axis"])
            for score in (pair["chosen"], pair["rejected"]):
                assert score is not None
                counts[key] += 1
                step = score - means[key]
                means[key] += step / counts[key]
                squares[key] += step * (score - means[key])
    return {key: float(np.sqrt(squares[key] / counts[key])) for key in counts}


def _compute_agreement(
    source: str, pairs: Sequence[AxisPair], axes: AxesOfSources, spreads: Mapping[Key, float]
) -> float:
    gaps = []
    for pair in pairs:
        axis, spread = axes.get(source, {}).get(pair["axis"]), spreads[source, pair["axis"]]
        if axis is not None and spread > 0 and pair["chosen"] is not None and pair["rejected"] is not None:
            gaps.append(axis.sign * (pair["chosen"] - pair["rejected"]) / spread)
    return sum(gaps) / len(gaps) if gaps else float("nan")
