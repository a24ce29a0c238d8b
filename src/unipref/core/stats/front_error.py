"""The Pareto front of models measured with error: how often each is on it, and its hypervolume without luck.

Of many models that are equally good, those with luck are on the front, and its hypervolume is too large. So the true
places of all models are estimated together (`fit_places`), and the run is simulated again from them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 200
"""Simulated runs."""
ROUNDS = 25
"""Rounds of EM."""
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
"""Numbers of places that are tried, besides one per model."""
LEAST = 1e-9
"""The least variance of a place."""


@dataclass(frozen=True)
class FrontError:
    """The error of a front.

    Attributes:
        support: share of simulated runs in which each model is on the front.
        hypervolume: without the bias of choosing the best of noisy models; low, high: its 95 % interval.
    """

    support: list[float]
    hypervolume: float
    low: float
    high: float


def simulate_front(
    points: Floats, variances: Floats, common: Floats, fixed: Floats | None = None, seed: int = 0
) -> FrontError:
    """Simulates a run again, many times.

    Args:
        points: (m, 2) places of the models, from the reference point of the hypervolume; higher is better.
        variances: (m, 2) of their own errors.
        common: (2,) variance of the error that all share, that of the reference point included.
        fixed: (f, 2) further places without error that compete for the front, such as the reference itself.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    variances = np.maximum(variances, LEAST)
    others = np.zeros((0, 2)) if fixed is None else fixed
    shares, atoms = choose_places(points, variances)
    places = _draw_places(rng, shares, atoms, DRAWS)
    true = measure_hypervolumes(places)
    shifts = rng.normal(size=(DRAWS, 1, 2)) * np.sqrt(common)
    errors = rng.normal(size=places.shape) * np.sqrt(variances)
    runs = places + shifts + errors
    everyone = np.concatenate([runs, np.broadcast_to(others, (DRAWS, *others.shape))], axis=1)
    support = find_efficient(everyone)[:, : len(points)].mean(axis=0)
    estimate = float(true.mean())
    again_shares, again_atoms, _ = fit_places(runs, np.broadcast_to(atoms, (DRAWS, *atoms.shape)), variances)
    drawn = [_draw_places(rng, *one, 10) for one in zip(again_shares, again_atoms, strict=True)]
    again = measure_hypervolumes(np.concatenate(drawn)).reshape(DRAWS, -1).mean(axis=1)
    low, high = (float(end) for end in np.quantile(again - true, [0.025, 0.975]))
    return FrontError([float(share) for share in support], estimate, max(estimate - high, 0.0), estimate - low)


def choose_places(points: Floats, variances: Floats) -> tuple[Floats, Floats]:
    """Estimates where models truly are: a mixture of places, as many as the criterion of Schwarz (1978) chooses.

    Models that differ by no more than their errors share a place.

    Args:
        points: (m, 2) measured places.
        variances: (m, 2) of the measurements.

    Returns:
        (m, k) probability of each place for each model, and (k, 2) places.
    """
    m = len(points)
    best, found = np.inf, (np.eye(m), points)
    for count in [count for count in COUNTS if count < m] + [m]:
        start = _spread(points / np.sqrt(variances.mean(axis=0)), count)
        shares, atoms, likelihood = fit_places(points[None], points[start][None], variances)
        criterion = -2 * float(likelihood[0]) + (3 * count - 1) * np.log(m)
        if criterion < best:
            best, found = criterion, (shares[0], atoms[0])
    return found


def _spread(points: Floats, count: int) -> npt.NDArray[np.intp]:
    """Chooses points far from each other: first the one nearest to the mean, then always the farthest from all."""
    chosen = [int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return np.array(chosen)


def fit_places(points: Floats, atoms: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Moves places and their weights to where they explain the measurements best, by EM (Dempster et al. 1977).

    Args:
        points: (b, m, 2) measured places of b runs.
        atoms: (b, k, 2) places to start from.
        variances: (m, 2) of the measurements.

    Returns:
        (b, m, k) probability of each place for each model, (b, k, 2) places, and (b,) log-likelihoods without
        constants.
    """
    weights = np.full((len(points), 1, atoms.shape[1]), 1 / atoms.shape[1])
    precision = 1 / variances
    for _ in range(ROUNDS):
        gaps = points[:, :, None, :] - atoms[:, None, :, :]
        logs = -0.5 * np.einsum("bmkx,mx->bmk", gaps**2, precision) + np.log(weights)
        top = logs.max(axis=2, keepdims=True)
        posterior = np.exp(logs - top)
        total = posterior.sum(axis=2, keepdims=True)
        posterior /= total
        likelihood = (top + np.log(total)).sum(axis=(1, 2))
        weights = np.maximum(posterior.mean(axis=1, keepdims=True), 1e-12)
        mass = np.einsum("bmk,mx->bkx", posterior, precision)
        atoms = np.einsum("bmk,bmx,mx->bkx", posterior, points, precision) / np.maximum(mass, 1e-300)
    return posterior, atoms, likelihood


def _draw_places(rng: np.random.Generator, shares: Floats, atoms: Floats, count: int) -> Floats:
    """Draws (count, m, 2) true places of m models from their (m, a) probabilities."""
    cumulated = shares.cumsum(axis=1)
    draws = rng.random(size=(count, len(shares), 1))
    chosen = np.minimum((draws > cumulated).sum(axis=2), len(atoms) - 1)
    return np.asarray(atoms[chosen], dtype=np.float64)


def measure_hypervolumes(points: Floats) -> Floats:
    """Computes (b,) areas between the origin and the fronts of (b, m, 2) points."""
    order = np.argsort(-points[:, :, 0], axis=1)
    x = np.take_along_axis(points[:, :, 0], order, axis=1)
    heights = np.maximum.accumulate(np.maximum(np.take_along_axis(points[:, :, 1], order, axis=1), 0.0), axis=1)
    # A point to the left of the origin adds nothing: its width is 0.
    rises = np.diff(heights, axis=1, prepend=0.0)
    return np.asarray((np.maximum(x, 0.0) * rises).sum(axis=1), dtype=np.float64)


def find_efficient(points: Floats) -> npt.NDArray[np.bool_]:
    """Returns (b, m) which of (b, m, 2) points are on the front of their run."""
    other, own = points[:, None, :, :], points[:, :, None, :]
    dominates = np.all(other >= own, axis=3) & np.any(other > own, axis=3)
    return np.asarray(~np.any(dominates, axis=2))
