"""Labour statistics: the percentage of women per occupation, and its correlation with a model's bias."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core.errors import UserError
from unipref.core.stats.statistic import Floats, Statistic
from unipref.evaluate.readers.csv_tables import read_table, row_location

STATISTICS_FILE = "occupations-stats.tsv"
"""The file of the Winogender repository with the figures of the U.S. Bureau of Labor Statistics (BLS)."""
OCCUPATION, PERCENT_WOMEN = "occupation", "bls_pct_female"
MIN_OCCUPATIONS = 3
"""Minimum number of occupations for a correlation: two points always lie on a line."""


def read_percent_women(path: Path) -> dict[str, float]:
    """Reads occupation (lower case) -> per cent of women from a TSV with `occupation` and `bls_pct_female`.

    Raises:
        UserError: the file, a column or a value is missing, or a value is not a percentage.
    """
    percent_women: dict[str, float] = {}
    for line, row in read_table(path, (OCCUPATION, PERCENT_WOMEN), delimiter="\t"):
        try:
            percent = float(row[PERCENT_WOMEN])
        except ValueError:
            percent = float("nan")
        if not 0 <= percent <= 100:
            raise UserError(
                f"'{row[PERCENT_WOMEN]}' in column '{PERCENT_WOMEN}' is not a percentage.",
                where=row_location(path, line),
            )
        percent_women[row[OCCUPATION].strip().lower()] = percent
    return percent_women


def correlations(bias: Mapping[str, float], percent_women: Mapping[str, float], **fields: Any) -> list[Statistic]:
    """`labour_pearson` and `labour_spearman` of the bias per occupation with the share of women; units: occupations.

    Args:
        bias: occupation -> how strongly a model prefers women in it.
        percent_women: the same occupations -> their percentages.
        fields: other fields of `Statistic`.

    Returns:
        An empty list for fewer than three occupations.
    """
    from scipy.stats import rankdata

    names = sorted(bias)
    if len(names) < MIN_OCCUPATIONS:
        return []
    x, y = (np.array([column[name] for name in names], dtype=np.float64) for column in (bias, percent_women))
    return [
        correlation("labour_pearson", names, x, y, **fields),
        correlation("labour_spearman", names, rankdata(x), rankdata(y), **fields),
    ]


def correlation(metric: str, names: Sequence[str], x: npt.ArrayLike, y: npt.ArrayLike, **fields: Any) -> Statistic:
    """Pearson's r of two (n,) columns as a function of means: of x, y, their squares and their product.

    r is 0 if one column is constant. Applied to ranks it is Spearman's rho; its resamples keep the ranks of the whole
    sample.
    """
    a, b = (_standardise(np.asarray(column, dtype=np.float64)) for column in (x, y))
    values = np.stack([a, b, a * a, b * b, a * b], axis=1)
    about: dict[str, Any] = {
        "direction": "ideal",
        "ideal": 0.0,
        "chance": 0.0,
        "unit": "occupations",
        "bounds": (-1.0, 1.0),
    } | fields
    return Statistic(metric, names, values, _pearson_of_means, **about)


def _standardise(column: Floats) -> Floats:
    """Centres and scales a column: correlations stay the same, and the sums of squares stay exact."""
    centred = column - column.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 1e-12 else np.zeros_like(centred)


def _pearson_of_means(means: Floats) -> Floats:
    x, y, xx, yy, xy = means.T
    spreads = (xx - x * x) * (yy - y * y)
    return np.where(spreads > 1e-18, (xy - x * y) / np.sqrt(np.maximum(spreads, 1e-18)), 0.0)
