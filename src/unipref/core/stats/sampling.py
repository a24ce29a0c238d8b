"""Chooses the items that a limit keeps."""


def sample_evenly(n: int, most: int | None) -> list[int]:
    """Returns positions of at most `most` of n items, ascending, evenly spaced from first to last; None: all."""
    import numpy as np

    if most is None or most >= n:
        return list(range(n))
    return [int(position) for position in np.linspace(0, n - 1, most).round()]
