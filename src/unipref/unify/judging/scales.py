"""The scale of one source, kind and axis: an ordinal logistic likelihood whose thresholds and slope are estimated.

Pairs, graded pairs, ratings and thumbs are all of this form, with categories in ascending order:

    P(category <= y) = sigmoid((threshold[y] - shift) / spread - slope * follow * utility)

`utility` is that of the answer or, of a pair, the difference of the first and the second. The thresholds of pairs are
symmetric about 0; with a category for ties in the middle this is the model of Rao and Kupper (1967). `follow` is the
annotator's own slope, `shift` the annotator's leniency (of pairs: how much they favour the answer shown first), and
`spread` the width of the annotator's use of a rating scale.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import PAIR, RATING, SPLIT, THUMB, Floats, Ints
from unipref.unify.judging.profiles import SLOPES

NODES = np.linspace(-5.5, 5.5, 45)
"""Utilities and differences at which likelihoods are computed; the prior's standard deviations are 1 to 2."""
MOST_CATEGORIES = 12
"""A rating scale with more values is cut into about equally frequent ranges."""
MOST_GRADES = 4
"""Most grades of a pair, on each side."""
SHIFTS = np.linspace(-4.0, 4.0, 17)
SPREADS = np.array([0.35, 0.6, 1.0, 1.6, 2.6])
NO_SHIFT, NO_SPREAD = 8, 2
"""The places of shift 0 and spread 1."""
SLOPE_MEAN, SLOPE_SPREAD = 2.0, 4.0
"""The prior of a source's slope: normal."""
THRESHOLD_SPREAD = 4.0
"""Standard deviation of the prior of a threshold, and of the logarithm of the gap between two."""


@dataclass
class Scale:
    """One scale and the current estimates of its parameters.

    Attributes:
        source, axis: codes; kind: one of `core.judgements.KINDS`.
        is_symmetric: whether it compares two answers.
        edges: (c - 1,) values between the categories; a value is in the category after the last edge below it.
        has_middle: whether a symmetric scale has a category for ties.
        x: the slope, then the free parameters of the thresholds.
        lapse: (c,) probability of each category in a lapse.
    """

    source: int
    axis: int
    kind: str
    is_symmetric: bool
    edges: Floats
    has_middle: bool
    x: Floats
    lapse: Floats

    @property
    def slope(self) -> float:
        """Returns the slope."""
        return float(self.x[0])

    @property
    def size(self) -> int:
        """Returns the number of categories."""
        return len(self.edges) + 1

    def categories(self, values: Floats) -> Ints:
        """Returns the category of each value."""
        return np.searchsorted(self.edges, values, side="left").astype(np.int64)

    def thresholds(self, x: Floats | None = None) -> tuple[Floats, Floats]:
        """Returns the (c - 1,) thresholds, and their (c - 1, len(x)) derivatives by the parameters."""
        x = self.x if x is None else x
        count = self.size - 1
        derivative = np.zeros((count, len(x)))
        if not count:
            return np.zeros(0), derivative
        if not self.is_symmetric:
            steps = np.exp(x[2:])
            for k in range(count):
                derivative[k, 1] = 1.0
                derivative[k, 2 : 2 + k] = steps[:k]
            return x[1] + np.concatenate([[0.0], np.cumsum(steps)]), derivative
        steps = np.exp(x[1:])
        half = np.cumsum(steps)
        sides = np.tril(np.ones((len(steps), len(steps)))) * steps
        upper = count - len(half)
        derivative[upper:, 1:] = sides
        derivative[: len(half), 1:] = -sides[::-1]
        return np.concatenate([-half[::-1], np.zeros(count - 2 * len(half)), half]), derivative

    def table(self, category: int, shift: float, spread: float) -> Floats:
        """Returns the (slopes, nodes) probabilities of a category, without lapses."""
        return np.asarray(self.tables(np.array([category]), np.array([shift]), np.array([spread]))[0])

    def tables(self, category: Ints, shift: Floats, spread: Floats, slopes: Floats = SLOPES) -> Floats:
        """Returns the (k, slopes, nodes) probabilities of k categories, each with its shift and spread."""
        from scipy.special import expit

        bounds = np.concatenate([[-np.inf], self.thresholds()[0], [np.inf]])
        latent = self.slope * slopes[:, None] * NODES
        # The distances to the upper and to the lower threshold.
        upper, lower = (((bounds[category + side] - shift) / spread)[:, None, None] - latent for side in (1, 0))
        return np.asarray(expit(upper) * expit(-lower) * -np.expm1(_gap(lower, upper)))

    def objective(self, x: Floats, keys: npt.NDArray[np.int64], counts: Floats) -> tuple[float, Floats]:
        """Computes the penalised expected log-likelihood and its gradient.

        With the distances u and l to both thresholds, P = sigmoid(u) sigmoid(-l) (1 - exp(l - u)) loses no digits.

        Args:
            x: the parameters.
            keys: (k, 3) category, and places in `SHIFTS` and `SPREADS`.
            counts: (k, slopes, nodes) expected numbers of judgements without a lapse.
        """
        from scipy.special import expit, log_expit

        thresholds, derivative = self.thresholds(x)
        bounds = np.concatenate([[-np.inf], thresholds, [np.inf]])
        shift, spread = SHIFTS[keys[:, 1]], SPREADS[keys[:, 2]]
        upper, lower = ((bounds[keys[:, 0] + side] - shift) / spread for side in (1, 0))
        apart = np.minimum(_gap(lower, upper), -1e-9)
        follow = SLOPES[:, None] * NODES
        above, below = (bound[:, None, None] - x[0] * follow for bound in (upper, lower))
        total = counts.sum(axis=(1, 2))
        value = float(np.sum(counts * (log_expit(above) + log_expit(-below))) + total @ np.log(-np.expm1(apart)))
        by_upper, by_lower = counts * expit(-above), counts * expit(below)
        gradient = np.zeros(len(x))
        gradient[0] = float(np.sum((by_lower - by_upper).sum(axis=0) * follow))
        shared = total * np.exp(apart) / -np.expm1(apart)
        sums = [(by.sum(axis=(1, 2)) + shared) / spread for by in (by_upper, by_lower)]
        of_bound = np.bincount(keys[:, 0] + 1, sums[0], self.size + 1) - np.bincount(keys[:, 0], sums[1], self.size + 1)
        gradient += of_bound[1:-1] @ derivative
        prior, prior_gradient = _log_prior(x)
        return value + prior, gradient + prior_gradient

    def maximise(self, keys: npt.NDArray[np.int64], counts: Floats, iterations: int) -> None:
        """Moves the parameters uphill by some steps of L-BFGS."""

        def negative(x: Floats) -> tuple[float, Floats]:
            value, gradient = self.objective(x, keys, counts)
            return -value, -gradient

        from scipy.optimize import minimize  # most runs have no scale to fit, and the import is slow

        found = minimize(negative, self.x, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
        if np.isfinite(found.x).all():
            self.x = np.clip(found.x, -20.0, 20.0)


def _gap(lower: Floats, upper: Floats) -> Floats:
    """Returns lower - upper, -inf where one of them is infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isfinite(lower) & np.isfinite(upper), lower - upper, -np.inf))


def _log_prior(x: Floats) -> tuple[float, Floats]:
    """Returns the log prior of a scale's parameters and its gradient."""
    centre = np.zeros(len(x))
    centre[0] = SLOPE_MEAN
    spread = np.full(len(x), THRESHOLD_SPREAD)
    spread[0] = SLOPE_SPREAD
    apart = (x - centre) / spread
    return float(-0.5 * apart @ apart), -apart / spread


def make_scale(source: int, axis: int, kind: str, values: Floats, counts: Floats) -> Scale:
    """Makes a scale from the values that occur, with first estimates of its thresholds from their frequencies.

    Args:
        source: code.
        axis: code.
        kind: pair, split, rating or thumb.
        values: (n,) values of its judgements.
        counts: (n,) how many judgements each stands for.
    """
    is_symmetric = kind in {PAIR, SPLIT}
    has_middle = bool(is_symmetric and (values == 0).any())
    if is_symmetric:
        sizes = _edges(np.abs(values[values != 0]), counts[values != 0], MOST_GRADES)
        inner = [-0.5 * _least(values), 0.5 * _least(values)] if has_middle else [0.0]
        edges = np.array([*(-sizes[::-1]), *inner, *sizes])
    elif kind == THUMB:
        edges = np.array([0.5])
    else:
        assert kind == RATING
        edges = _edges(values, counts, MOST_CATEGORIES)
    scale = Scale(source, axis, kind, is_symmetric, edges, has_middle, np.array([SLOPE_MEAN]), np.ones(len(edges) + 1))
    numbers = np.bincount(scale.categories(values), counts, scale.size) + 0.5
    shares = (numbers + numbers[::-1] if is_symmetric else numbers) / (numbers.sum() * (2 if is_symmetric else 1))
    scale.lapse = shares
    wide = np.sqrt(1 + SLOPE_MEAN**2 * (2 if is_symmetric else 1) * 3 / np.pi**2)
    cut = np.log(np.cumsum(shares)[:-1] / (1 - np.cumsum(shares)[:-1])) * wide
    if is_symmetric:
        positive = cut[len(cut) - len(cut) // 2 :]
        first = np.log(np.maximum(np.diff(np.concatenate([[0.0], positive])), 0.05))
    else:
        first = np.concatenate([cut[:1], np.log(np.maximum(np.diff(cut), 0.05))])
    scale.x = np.concatenate([[SLOPE_MEAN], first])
    return scale


def _least(values: Floats) -> float:
    """Returns the smallest size of a value that is not 0; 1 if all are 0."""
    sizes = np.abs(values[values != 0])
    return float(sizes.min()) if len(sizes) else 1.0


def _edges(values: Floats, counts: Floats, most: int) -> Floats:
    """Returns the edges halfway between neighbouring values; if there are many, those between about equal shares."""
    distinct, code = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        return np.zeros(0)
    middles = distinct[1:] / 2 + distinct[:-1] / 2  # the sum itself could be infinite
    if len(distinct) <= most:
        return middles
    below = np.cumsum(np.bincount(code, counts))[:-1]
    wanted = np.arange(1, most) / most * counts.sum()
    return np.asarray(middles[np.unique(np.minimum(np.searchsorted(below, wanted), len(middles) - 1))])
