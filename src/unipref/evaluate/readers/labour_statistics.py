"""Labour statistics: how many per cent of an occupation are women, and whether a model's bias follows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core.errors import UserError
from unipref.core.stats.bootstrap import Floats, Statistic
from unipref.evaluate.readers.csv_tables import place, read_table

STATISTICS = "occupations-stats.tsv"
"""The file of the Winogender repository with the figures of the U.S. Bureau of Labor Statistics (BLS)."""
OCCUPATION, PERCENT_WOMEN = "occupation", "bls_pct_female"
FEWEST = 3
"""Two points always lie on a line: fewer occupations than this show no correlation."""


def read_percent_women(path: Path) -> dict[str, float]:
    """Occupation, in lower case -> per cent of women, from a TSV with `occupation` and `bls_pct_female`.

    Raises:
        UserError: the file, a column or a figure is missing, or a figure is no percentage.
    """
    found: dict[str, float] = {}
    for at, row in enumerate(read_table(path, (OCCUPATION, PERCENT_WOMEN), delimiter="\t")):
        try:
            percent = float(row[PERCENT_WOMEN])
        except ValueError:
            percent = float("nan")
        if not 0 <= percent <= 100:
            raise UserError(
                f"'{row[PERCENT_WOMEN]}' in column '{PERCENT_WOMEN}' is no percentage.", where=place(path, at)
            )
        found[row[OCCUPATION].strip().lower()] = percent
    return found


def correlations(bias: Mapping[str, float], percent_women: Mapping[str, float], **fields: Any) -> list[Statistic]:
    """`labour_pearson` and `labour_spearman` of a bias per occupation with the share of women; units are occupations.

    Args:
        bias: occupation -> how much a model leans to women in it.
        percent_women: the same occupations -> their percentages.
        fields: other fields of `Statistic`.

    Returns:
        None of them for fewer than three occupations.
    """
    from scipy.stats import rankdata

    names = sorted(bias)
    if len(names) < FEWEST:
        return []
    x, y = (np.array([column[name] for name in names], dtype=np.float64) for column in (bias, percent_women))
    return [
        correlation("labour_pearson", names, x, y, **fields),
        correlation("labour_spearman", names, rankdata(x), rankdata(y), **fields),
    ]


def correlation(metric: str, names: Sequence[str], x: npt.ArrayLike, y: npt.ArrayLike, **fields: Any) -> Statistic:
    """Pearson's r of two (n,) columns as a function of means: of x, y, their squares and their product.

    r is 0 where one of them does not vary: what makes no difference goes with nothing. Of ranks it is Spearman's rho,
    whose resamples keep the ranks of the whole.
    """
    a, b = (_standard(np.asarray(column, dtype=np.float64)) for column in (x, y))
    values = np.stack([a, b, a * a, b * b, a * b], axis=1)
    about: dict[str, Any] = {"direction": "ideal", "ideal": 0.0, "chance": 0.0, "unit": "occupations"} | fields
    return Statistic(metric, names, values, _pearson, **about)


def _standard(column: Floats) -> Floats:
    """Centred and scaled, which changes no correlation and keeps the sums of squares exact."""
    centred = column - column.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 1e-12 else np.zeros_like(centred)


def _pearson(means: Floats) -> Floats:
    x, y, xx, yy, xy = means.T
    spreads = (xx - x * x) * (yy - y * y)
    return np.where(spreads > 1e-18, (xy - x * y) / np.sqrt(np.maximum(spreads, 1e-18)), 0.0)
