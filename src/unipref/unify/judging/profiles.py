"""How an annotator judges: a finite list of profiles, of which each annotator has a posterior.

A profile is a slope, by which the annotator follows the utilities of answers (below 0 for an inverted scale), and a
lapse rate, at which they judge without a look at the answers. So the model has both kinds of errors: those between
close answers, and those at a constant rate. What share of annotators has which profile is estimated, so an annotator
with few judgements has about the reliability of the others.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import Floats, Ints

SLOPES = np.array([-8.0, -4.0, -2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
"""Slopes of profiles, relative to the source's."""
LAPSES = np.array([0.02, 0.1, 0.25, 0.5, 0.75])
"""Lapse rates of profiles. None is 0: with few annotators, one who never errs would decide every pair alone."""
POSITIVE, ZERO, NEGATIVE = 0.90, 0.05, 0.05
"""Prior shares of annotators who follow the utilities, who ignore them, and who invert them."""
USUAL, WIDTH = 1.5, 1.25
"""Mean and standard deviation of the prior of log2(slope), among those who follow the utilities. A steep slope with
lapses and a flat slope without fit much the same judgements. This prior lies between the two (`docs/judges.md`)."""
STRENGTH = 10.0
"""How many annotators the prior shares count as."""
QUANTILES = 64
"""Number of gaps between two answers for which the reliability is averaged."""
AT_ONCE = 1024
"""Slopes of sources for which the reliability is averaged at a time, which bounds the memory."""
AROUND = 0.06
"""Standard deviation of the reliabilities of the annotators that one profile stands for."""


@dataclass(frozen=True)
class Profiles:
    """The profiles.

    Attributes:
        slope_code: (p,) place of each profile's slope in `SLOPES`.
        lapse: (p,) lapse rates.
        prior: (p,) prior shares; they sum to 1.
    """

    slope_code: Ints
    lapse: Floats
    prior: Floats

    @property
    def slope(self) -> Floats:
        """Returns (p,) slopes."""
        return SLOPES[self.slope_code]

    def reliability(self, slope: float | Floats) -> Floats:
        """Computes 2 P(right) - 1 of each profile about a typical pair: one with a difference from N(0, 2).

        Args:
            slope: the source's slope, or (k,) slopes of several.

        Returns:
            (p,) or (k, p) values in [-1, 1].
        """
        from scipy.special import expit, ndtri

        given = np.asarray(slope, dtype=np.float64)
        sources, of_source = np.unique(np.abs(given), return_inverse=True)
        sizes, of_profile = np.unique(np.abs(self.slope), return_inverse=True)
        # Equally likely gaps: a Gauss quadrature is far off where the slope is steep.
        gaps = np.sqrt(2.0) * ndtri(0.5 + (np.arange(QUANTILES) + 0.5) / (2 * QUANTILES))
        right = np.empty((len(sources), len(sizes)))
        for start in range(0, len(sources), AT_ONCE):
            steep = np.multiply.outer(sources[start : start + AT_ONCE], sizes)
            right[start : start + AT_ONCE] = np.mean(2 * expit(steep[..., None] * gaps) - 1, axis=-1)
        share = np.sign(self.slope) * (1 - self.lapse)
        return np.asarray(share * right[of_source.reshape(given.shape)][..., of_profile])


def make_profiles() -> Profiles:
    """Returns the profiles with their prior: most annotators follow the utilities, few ignore or invert them."""
    pairs = [(code, lapse) for code, slope in enumerate(SLOPES) for lapse in (LAPSES if slope else LAPSES[:1])]
    codes, lapses = np.array([code for code, _ in pairs]), np.array([lapse for _, lapse in pairs])
    slopes = SLOPES[codes]
    shape = np.exp(-0.5 * ((np.log2(np.maximum(np.abs(slopes), 1e-9)) - USUAL) / WIDTH) ** 2)
    prior = np.zeros(len(pairs))
    for sign, share in ((1, POSITIVE), (-1, NEGATIVE)):
        side = np.sign(slopes) == sign
        prior[side] = share * shape[side] / shape[side].sum()
    prior[slopes == 0] = ZERO
    return Profiles(codes, lapses, prior)


def interval(reliability: Floats, weights: Floats, level: float = 0.95) -> tuple[float, float]:
    """Computes the central interval of a posterior; each profile stands for a normal distribution around it.

    Args:
        reliability: (p,) values.
        weights: (p,) probabilities.
        level: of the interval.
    """
    offsets = np.linspace(-2.0, 2.0, 9)
    values = np.add.outer(reliability, AROUND * offsets).reshape(-1)
    masses = np.multiply.outer(weights, np.exp(-0.5 * offsets**2)).reshape(-1)
    order = np.argsort(values, kind="stable")
    below = np.cumsum(masses[order])
    ends = np.searchsorted(below, [(1 - level) / 2 * below[-1], (1 + level) / 2 * below[-1]])
    low, high = values[order][np.minimum(ends, len(values) - 1)]
    return float(max(low, -1.0)), float(min(high, 1.0))


def softmax(logs: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Returns exp(logs) / sum, along the last axis."""
    shifted = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
