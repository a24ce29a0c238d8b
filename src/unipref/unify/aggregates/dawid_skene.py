"""Votes weighed by each annotator's table of errors (Dawid and Skene 1979)."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from unipref.core.aggregation import Aggregation, Convergence
from unipref.core.contracts import Aggregate
from unipref.core.contracts.judging import StepListener
from unipref.core.judgements import NOBODY, Floats, Judgements
from unipref.unify.judging.findings import describe_annotators
from unipref.unify.judging.implied_pairs import ImpliedPairs, imply_pairs
from unipref.unify.judging.overlaps import find_overlaps
from unipref.unify.judging.votes import average_leads, link_pairs

SMALLEST = 1e-10


class DawidSkene(Aggregate):
    """Estimates the true order of each compared pair together with each annotator's table of errors, by EM.

    It knows pairs alone: a rating, thumb or ranking counts as the pairs that it orders. How far apart the answers are
    plays no part. The unknown annotators of a source are taken as one person. A pair that was judged once has no
    probability.
    """

    steps: int = Field(default=100, ge=1)
    """Most steps of EM."""
    tolerance: float = Field(default=1e-5, gt=0)
    """EM ends when the log-likelihood per vote grows by less than this."""

    example: ClassVar = {"settings": {"steps": 50}}

    def aggregate(self, judgements: Judgements, on_step: StepListener | None = None) -> Aggregation:
        """Runs EM; the classes are: the second answer is better, they are equal (if anybody said so), the first is."""
        pairs = imply_pairs(judgements)
        tally = pairs.tally()
        truth, steps, change = estimate(pairs, tally, len(judgements.annotators), self.steps, self.tolerance)
        lead = truth[:, 2] - truth[:, 0]
        return Aggregation(
            mean=average_leads(pairs.keys, lead, len(judgements.answers)),
            part=link_pairs(pairs.keys, len(judgements.answers)),
            pair_keys=pairs.keys,
            pair_probability=np.where(tally.sum(axis=1) > 1, truth[:, 2] + 0.5 * truth[:, 1], np.nan),
            block_starts=judgements.block_starts,
            annotators=describe_annotators(judgements, find_overlaps(judgements, 1)),
            convergence=Convergence(steps, change, self.tolerance),
            counts={"judgements": int(judgements.count.sum()), "pairs": len(pairs.keys)},
        )


def estimate(
    pairs: ImpliedPairs, tally: Floats, annotators: int, most_steps: int, tolerance: float
) -> tuple[Floats, int, float]:
    """Runs EM from the shares of the votes.

    Args:
        pairs: the votes.
        tally: (p, 3) their numbers by pair.
        annotators: number of named ones.
        most_steps: after which it ends.
        tolerance: growth of the log-likelihood per vote at which it ends.

    Returns:
        (p, 3) probabilities of the classes; the number of steps; the last change of the log-likelihood per vote.
    """
    who = np.where(pairs.annotator == NOBODY, annotators + pairs.source, pairs.annotator)
    _, who = np.unique(who, return_inverse=True)
    vote, size, judges = pairs.sign + 1, len(pairs.keys), int(who.max(initial=-1)) + 1
    truth = tally / tally.sum(axis=1, keepdims=True)
    steps, change, last = 0, np.inf, -np.inf
    while steps < most_steps and change > tolerance and size:
        steps += 1
        shares = np.maximum(truth.mean(axis=0), SMALLEST)
        errors = np.zeros((judges, 3, 3))  # annotator, true class, vote
        for one in range(3):
            weight = pairs.count * truth[pairs.pair, one]
            errors[:, one] = np.bincount(who * 3 + vote, weight, judges * 3).reshape(judges, 3)
        errors /= np.maximum(errors.sum(axis=2, keepdims=True), SMALLEST)
        logs = np.log(np.maximum(errors, SMALLEST))[who, :, vote] * pairs.count[:, None]
        total = np.stack([np.bincount(pairs.pair, logs[:, one], size) for one in range(3)], axis=1) + np.log(shares)
        top = total.max(axis=1, keepdims=True)
        truth = np.exp(total - top)
        now = float((np.log(truth.sum(axis=1)) + top[:, 0]).sum() / pairs.count.sum())
        truth /= truth.sum(axis=1, keepdims=True)
        change, last = now - last, now
    return truth, steps, float(abs(change)) if np.isfinite(change) else 0.0
