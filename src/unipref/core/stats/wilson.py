"""The Wilson interval of a share."""

from unipref.core.stats.intervals import find_wilson_ends

Z = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""


def wilson(hits: float, n: int) -> tuple[float, float]:
    """Computes the 95 % interval of a share by Wilson (1927): (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        hits: number of hits; a tie may count half.
        n: number of trials.

    Returns:
        Both ends, in [0, 1]; (0, 1) for n = 0.
    """
    return find_wilson_ends(hits / n, n, Z) if n else (0.0, 1.0)
