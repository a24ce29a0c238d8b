"""How annotators use a scale: their shift (leniency, favour of the answer shown first) and their spread."""

import numpy as np

from unipref.core.judgements import RATING, Floats, Ints
from unipref.unify.judging.chunks import Single
from unipref.unify.judging.profiles import SLOPES
from unipref.unify.judging.scales import NO_SHIFT, NO_SPREAD, SHIFTS, SPREADS, Scale

SPREAD_SCALE = 0.6
"""Standard deviation of the prior of log(spread)."""
PAIR_SHIFT, SINGLE_SHIFT = 0.5, 1.0
"""Standard deviation of the prior of shifts, in pairs and in judgements of single answers."""
STRENGTH = 4.0
"""How many annotators the prior of shifts and spreads counts as."""
ROUNDS = 20
"""Rounds of EM for how common each shift and spread is."""


def make_candidates(
    scales: list[Scale], wanted: set[int], slopes: Ints
) -> dict[int, dict[tuple[int, int, int], Single]]:
    """Computes scale -> (category, order, slope code) -> (nodes, candidates + 1) probabilities; the last column is
    that of a lapse. Candidates are all shifts; for ratings, all shifts of each spread.

    Args:
        scales: all scales.
        wanted: the codes of those of which the probabilities are needed.
        slopes: the codes of the slopes that stand for some annotator.
    """
    result = {}
    for code in sorted(wanted):
        scale = scales[code]
        tables: dict[tuple[int, int, int], Single] = {}
        shifts, spreads = np.array(_candidates(scale)).T
        for category in range(scale.size):
            for order in (-1, 1) if scale.is_symmetric else (1,):
                each = scale.tables(np.full(len(shifts), category), order * shifts, spreads, SLOPES[slopes])
                lapse = np.full((1, each.shape[2]), scale.lapse[category])
                for at, slope in enumerate(slopes.tolist()):
                    stacked = np.concatenate([each[:, at], lapse]).T
                    tables[category, order, slope] = np.ascontiguousarray(stacked, dtype=np.float32)
        result[code] = tables
    return result


def _candidates(scale: Scale) -> list[tuple[float, float]]:
    spreads = SPREADS if scale.kind == RATING else SPREADS[NO_SPREAD : NO_SPREAD + 1]
    return [(float(shift), float(spread)) for spread in spreads for shift in SHIFTS]


def choose(scale: Scale, likelihoods: Floats) -> tuple[Ints, Ints]:
    """Chooses each annotator's shift and spread: the candidates nearest to the posterior means.

    How common each candidate is among the annotators is estimated too, by EM, beginning at a normal prior.

    Args:
        scale: the scale.
        likelihoods: (a, candidates) log-likelihoods; all 0 for an annotator who never used the scale.

    Returns:
        (a,) places in `SHIFTS` and (a,) places in `SPREADS`.
    """
    candidates = np.array(_candidates(scale))
    shifts, logs = candidates[:, 0], np.log(candidates[:, 1])
    deviation = PAIR_SHIFT if scale.is_symmetric else SINGLE_SHIFT
    prior = np.exp(-0.5 * (shifts / deviation) ** 2 - 0.5 * (logs / SPREAD_SCALE) ** 2)
    prior /= prior.sum()
    uses = np.abs(likelihoods).max(axis=1) > 0
    chances = np.exp(likelihoods[uses] - likelihoods[uses].max(axis=1, keepdims=True))
    shares = prior
    for _ in range(ROUNDS):
        posterior = chances * shares
        posterior /= posterior.sum(axis=1, keepdims=True)
        shares = (STRENGTH * prior + posterior.sum(axis=0)) / (STRENGTH + len(posterior))
    shift_code = np.full(len(uses), NO_SHIFT, dtype=np.int64)
    spread_code = np.full(len(uses), NO_SPREAD, dtype=np.int64)
    if uses.any():
        shift_code[uses] = np.rint((posterior @ shifts - SHIFTS[0]) / (SHIFTS[1] - SHIFTS[0]))
        spread_code[uses] = np.abs((posterior @ logs)[:, None] - np.log(SPREADS)).argmin(axis=1)
    return shift_code, spread_code
