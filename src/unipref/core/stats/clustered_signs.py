"""Votes for or against, in clusters: how clearly one side leads, and how many votes look turned round."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import NOBODY, Floats, Ints
from unipref.core.stats.normal import find_normal_quantile, find_probabilities


@dataclass(frozen=True)
class Lead:
    """How clearly votes lead to one side.

    Attributes:
        z: the sum of the votes in standard deviations.
        critical: the value that |z| must exceed.
        design_effect: variance of the sum over that of independent votes, 1 or more.
        n_clusters: prompts with a vote.
    """

    z: float
    critical: float
    design_effect: float
    n_clusters: int

    @property
    def side(self) -> int:
        """1 if the votes are clearly for, -1 if clearly against, otherwise 0."""
        return int(self.z > self.critical) - int(self.z < -self.critical)


def measure_lead(votes: Ints, prompts: Ints, raters: Ints, alpha: float) -> Lead:
    """Tests votes against 'as many for as against', with votes of one prompt, and of one rater, that may be copies.

    The variance of the sum is that of the sums by prompt, about 0. If raters are named, it grows by how much more their
    sums differ than independent votes would, as in two-way clustering (Cameron, Gelbach, Miller 2011). The
    quantile is Student's t; its degrees of freedom are those of the raters as far as they add to the variance
    (Satterthwaite).

    Args:
        votes: (n,) 1 for, -1 against.
        prompts: (n,) code of each vote's prompt.
        raters: (n,) code of each vote's rater, or NOBODY.
        alpha: of the test, on one side.
    """
    by_prompt = _sum_by(prompts, votes)
    of_prompts = float((by_prompt**2).sum())
    n_clusters = len(by_prompt)
    if not of_prompts:
        return Lead(0.0, float("inf"), 1.0, n_clusters)
    of_raters, n_raters = _excess_of_raters(votes, prompts, raters)
    variance = of_prompts + of_raters
    freedom = variance**2 / (of_raters**2 / max(n_raters - 1, 1)) if of_raters else np.inf
    return Lead(
        z=float(votes.sum()) / sqrt(variance),
        critical=_find_critical(alpha, freedom),
        design_effect=max(1.0, variance / len(votes)),
        n_clusters=n_clusters,
    )


def _find_critical(alpha: float, freedom: float) -> float:
    if np.isinf(freedom):
        return find_normal_quantile(1 - alpha)
    # Not scipy.stats, whose import takes longer than most tests.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - alpha))


def _excess_of_raters(votes: Ints, prompts: Ints, raters: Ints) -> tuple[float, int]:
    """Returns by how much the sums of named raters vary more than their prompts do, and the number of raters."""
    named = raters != NOBODY
    names, rater = np.unique(raters[named], return_inverse=True)
    if len(names) < 2:
        return 0.0, len(names)
    rest = votes[named] - votes[named].mean()
    of_raters = float((np.bincount(rater, rest) ** 2).sum()) * len(names) / (len(names) - 1)
    cells = rater * (int(prompts.max()) + 1) + prompts[named]
    return max(0.0, of_raters - float((_sum_by(cells, rest) ** 2).sum())), len(names)


def _sum_by(codes: Ints, values: npt.NDArray[np.generic]) -> Floats:
    """Returns the sum of the values of each code that occurs, in the order of the codes."""
    weights = np.asarray(values, dtype=np.float64)
    if len(codes) and codes.min() >= 0 and codes.max() < len(codes):
        # They are dense, and need not be sorted, which takes five times the memory.
        return np.asarray(np.bincount(codes, weights)[np.bincount(codes) > 0], dtype=np.float64)
    _, place = np.unique(codes, return_inverse=True)
    return np.asarray(np.bincount(place, weights), dtype=np.float64)


SHARES: Floats = np.linspace(0.0, 1.0, 201)
"""Shares of turned votes that are tried."""
STEEPNESS: Floats = np.concatenate([[0.0], np.geomspace(0.05, 50.0, 60)])
"""Steepness of the evidence that is tried, per standard deviation of the gaps."""
BINS = 20
"""Most groups of votes with similar gaps."""
LIKELIHOOD_DROP = 1.92
"""Half the 95 % quantile of chi-square with one degree of freedom."""


@dataclass(frozen=True)
class TurnedShare:
    """The share of labels that are turned round, with a 95 % interval; the estimate is None if only the interval is
    known.
    """

    estimate: float | None
    low: float
    high: float


WIDEST = 0.25
"""Width of the interval from which on there is no estimate."""


def estimate_turned_share(votes: Ints, gaps: Floats, design_effect: float) -> TurnedShare:
    """Estimates the share f of turned labels from votes of evidence with known gaps.

    A vote is against a label with probability f + (1 - 2 f) Φ(-k gap): evidence with a wide gap is right, evidence with
    a narrow one may be wrong. The interval is that of the profile likelihood over k, with the log-likelihood divided by
    the design effect. If all gaps are equal, f and k cannot be told apart, and the interval is wide.

    Args:
        votes: (n,) 1 for, -1 against.
        gaps: (n,) how far apart the evidence is, 0 or more, in any unit.
        design_effect: of `measure_lead`.
    """
    if not len(votes):
        return TurnedShare(None, 0.0, 1.0)
    order = np.argsort(gaps, kind="stable")
    parts = np.array_split(order, min(BINS, max(1, len(votes) // 10)))
    gap = np.array([gaps[part].mean() for part in parts]) / (gaps.mean() or 1.0)
    against = np.array([(votes[part] < 0).sum() for part in parts], dtype=np.float64)
    total = np.array([len(part) for part in parts], dtype=np.float64)
    wrong = find_probabilities(-STEEPNESS[:, None] * gap)
    p = SHARES[:, None, None] + (1 - 2 * SHARES[:, None, None]) * wrong
    p = np.clip(p, 1e-9, 1 - 1e-9)
    log_likelihood = (against * np.log(p) + (total - against) * np.log1p(-p)).sum(axis=2) / design_effect
    profile = log_likelihood.max(axis=1)
    inside = SHARES[profile >= profile.max() - LIKELIHOOD_DROP]
    low, high = float(inside.min()), float(inside.max())
    best = float(SHARES[int(profile.argmax())])
    return TurnedShare(best if high - low <= WIDEST else None, low, high)
