"""How annotators use a scale: their shift (leniency, favour of the answer shown first) and their spread."""

import numpy as np

from unipref.core.judgements import RATING, Floats, Ints
from unipref.unify.judging.profiles import SLOPES
from unipref.unify.judging.scales import NO_SHIFT, NO_SPREAD, SHIFTS, SPREADS, Scale
from unipref.unify.judging.chunks import Single

SPREAD_SCALE = 0.6
"""Standard deviation of the prior of log(spread)."""
STRENGTH = 4.0
"""How many annotators the first guess of the standard deviation of shifts, 1, counts as."""


def make_candidates(scales: list[Scale], wanted: set[int]) -> dict[int, dict[tuple[int, int, int], Single]]:
    """Computes scale -> (category, order, slope code) -> (nodes, candidates + 1) probabilities; the last column is
    that of a lapse. Candidates are all shifts; for ratings, all shifts of each spread.
    """
    result = {}
    for code in sorted(wanted):
        scale = scales[code]
        tables: dict[tuple[int, int, int], Single] = {}
        for category in range(scale.size):
            for order in (-1, 1) if scale.is_symmetric else (1,):
                each = np.stack([scale.table(category, order * shift, spread) for shift, spread in _candidates(scale)])
                lapse = np.full((1, each.shape[2]), scale.lapse[category])
                for slope in range(len(SLOPES)):
                    stacked = np.concatenate([each[:, slope], lapse]).T
                    tables[category, order, slope] = np.ascontiguousarray(stacked, dtype=np.float32)
        result[code] = tables
    return result


def _candidates(scale: Scale) -> list[tuple[float, float]]:
    spreads = SPREADS if scale.kind == RATING else SPREADS[NO_SPREAD : NO_SPREAD + 1]
    return [(float(shift), float(spread)) for spread in spreads for shift in SHIFTS]


def choose(scale: Scale, likelihoods: Floats, deviation: float) -> tuple[Ints, Ints, float]:
    """Chooses each annotator's shift and spread: the candidates nearest to the posterior means.

    Args:
        scale: the scale.
        likelihoods: (a, candidates) log-likelihoods; all 0 for an annotator who never used the scale.
        deviation: standard deviation of the prior of the shifts.

    Returns:
        (a,) places in `SHIFTS`, (a,) places in `SPREADS`, and the new standard deviation.
    """
    candidates = np.array(_candidates(scale))
    shifts, logs = candidates[:, 0], np.log(candidates[:, 1])
    posterior = likelihoods - 0.5 * (shifts / deviation) ** 2 - 0.5 * (logs / SPREAD_SCALE) ** 2
    posterior = np.exp(posterior - posterior.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    shift, spread = posterior @ shifts, posterior @ logs
    uses = np.abs(likelihoods).max(axis=1) > 0
    squares = float((posterior @ shifts**2)[uses].sum())
    new = float(np.sqrt((squares + STRENGTH) / (uses.sum() + STRENGTH)))
    shift_code = np.where(uses, np.rint((shift - SHIFTS[0]) / (SHIFTS[1] - SHIFTS[0])), NO_SHIFT).astype(np.int64)
    nearest = np.abs(spread[:, None] - np.log(SPREADS)).argmin(axis=1)
    return shift_code, np.where(uses, nearest, NO_SPREAD), new
