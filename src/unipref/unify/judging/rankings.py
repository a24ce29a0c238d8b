"""The likelihood of rankings: Plackett-Luce (Luce 1959, Plackett 1975), with ties as in Breslow (1974).

The best answer is chosen among all, the next among the rest, and so on, each with a probability proportional to
exp(slope * utility). Tied answers are each chosen among themselves and all that are worse.
"""

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import Floats, Ints


def log_likelihood(utility: Floats, bucket: Ints, slope: float | Floats) -> Floats:
    """Computes log P(ranking).

    Args:
        utility: (n, m) utilities, best answer first.
        bucket: (n, m) position at which the answers tied with each one start.
        slope: one slope, or (n,) slopes.
    """
    scaled = utility * np.reshape(slope, (-1, 1))
    return np.asarray((scaled - _log_rest(scaled, bucket)).sum(axis=1))


def derivatives(utility: Floats, bucket: Ints, slope: float | Floats) -> tuple[Floats, Floats]:
    """Computes (n, m) gradients and (n, m, m) negative Hessians of log P(ranking) by the utilities."""
    slopes = np.broadcast_to(np.reshape(np.asarray(slope, dtype=np.float64), (-1, 1)), (len(utility), 1))
    scaled = utility * slopes
    chances = np.exp(scaled[:, None, :] - _log_rest(scaled, bucket)[:, :, None])
    is_rest = np.arange(utility.shape[1])[None, None, :] >= bucket[:, :, None]
    chances = np.where(is_rest, chances, 0.0)  # (n, stage, answer)
    gradient = slopes * (1 - chances.sum(axis=1))
    outer = np.einsum("nsi,nsj->nij", chances, chances)
    negative_hessian = -outer
    at = np.arange(utility.shape[1])
    negative_hessian[:, at, at] += chances.sum(axis=1)
    return gradient, negative_hessian * slopes[:, :, None] ** 2


def log_chance(size: int) -> float:
    """Returns the log probability of a ranking of some answers in a lapse: all orders are equally likely."""
    from scipy.special import gammaln

    return float(-gammaln(size + 1))


def _log_rest(scaled: Floats, bucket: Ints) -> npt.NDArray[np.float64]:
    """Returns (n, m) log sum exp over the answers from which each one was chosen."""
    top = scaled.max(axis=1, keepdims=True)
    rest = np.cumsum(np.exp(scaled - top)[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(np.log(np.maximum(np.take_along_axis(rest, bucket, axis=1), 1e-300)) + top)
