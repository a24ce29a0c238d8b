"""Corrections of p values for several tests."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected by Holm (1979): at most .05 of them means at most .05 chance of any false one.

    The i-th smallest of m is multiplied by m - i + 1; a corrected value is at least that of each smaller p, and at
    most 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0) if len(p) else []
    return [float(value) for value in corrected]
