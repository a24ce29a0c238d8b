"""What rankings say about utilities, annotators and slopes, with a normal approximation at the current means."""

from dataclasses import dataclass, field

import numpy as np

from unipref.core.judgements import NOBODY, Floats, Ints
from unipref.unify.judging import rankings as likelihood
from unipref.unify.judging.gaussians import Gaussians
from unipref.unify.judging.layout import Rankings
from unipref.unify.judging.profiles import SLOPES, Profiles, softmax
from unipref.unify.judging.scales import SLOPE_MEAN, SLOPE_SPREAD, Scale
from unipref.unify.judging.slope_evidence import SlopeEvidence

DAMPING = 0.7
"""Share of the new terms that is taken in a step."""
STEP = 0.1
"""Difference of slopes for the derivative of the likelihood by the slope."""


@dataclass
class RankingTerms:
    """The terms of rankings of one length.

    Attributes:
        rankings: the rankings.
        messages: (n, p) log evidence on the annotator's profile.
        precision: (n, m, m) and shift (n, m): the terms of the normal approximation.
    """

    rankings: Rankings
    profiles: Profiles
    messages: Floats = field(init=False)
    precision: Floats = field(init=False)
    shift: Floats = field(init=False)
    _cavity_mean: Floats = field(init=False)
    _cavity_spread: Floats = field(init=False)

    def __post_init__(self) -> None:
        n, size = self.rankings.answers.shape
        self.messages = np.zeros((n, len(self.profiles.lapse)))
        self.precision, self.shift = np.zeros((n, size, size)), np.zeros((n, size))

    def entries(self) -> tuple[Ints, Ints, Floats]:
        """Returns the entries of the precision matrices: both answers, and the value."""
        answers = self.rankings.answers
        shape = self.precision.shape
        first = np.broadcast_to(answers[:, :, None], shape).reshape(-1)
        second = np.broadcast_to(answers[:, None, :], shape).reshape(-1)
        return first, second, self.precision.reshape(-1)

    def update(
        self, gaussians: Gaussians, scales: list[Scale], by_annotator: Floats, by_source: Floats, slowing: float
    ) -> None:
        """Computes the messages, from the utilities without each ranking, and then new terms.

        Args:
            gaussians: the utilities.
            scales: all scales.
            by_annotator: (a, p) log posterior of each annotator's profile.
            by_source: (s, p) log shares of the profiles of unknown annotators.
            slowing: factor of `DAMPING`, 1 in the first steps.
        """
        self._leave_out(gaussians)
        slopes = np.array([scale.slope for scale in scales])[self.rankings.scale]
        lapse = np.exp(likelihood.log_chance(self.rankings.answers.shape[1]))
        weights = self._weigh(by_annotator, by_source)
        self.messages = self._messages(slopes, lapse)
        self._renew(gaussians, slopes, lapse, weights, slowing * DAMPING)

    def _weigh(self, by_annotator: Floats, by_source: Floats) -> Floats:
        """Returns (n, p) the posterior of each annotator's profile without this ranking."""
        annotator = self.rankings.annotator
        named = annotator != NOBODY
        logs = by_source[self.rankings.source].copy()
        if named.any():
            logs[named] = by_annotator[annotator[named]] - self.messages[named]
        return np.asarray(softmax(logs))

    def _leave_out(self, gaussians: Gaussians) -> None:
        """Computes the means of the utilities without each ranking, and the variance of a typical difference."""
        answers = self.rankings.answers
        shape = self.precision.shape
        at = gaussians.places(
            np.broadcast_to(answers[:, :, None], shape).reshape(-1),
            np.broadcast_to(answers[:, None, :], shape).reshape(-1),
        )
        covariance = np.where(at >= 0, gaussians.covariance[np.maximum(at, 0)] if len(gaussians.covariance) else 0.0, 0)
        covariance = covariance.reshape(shape)
        is_large = (at < 0).reshape(shape)[:, 0, 0]
        diagonal = np.arange(shape[1])
        covariance[:, diagonal, diagonal] = gaussians.variance[answers]
        inner = np.linalg.inv(covariance)
        # Each of several unknown annotators is predicted from the others of the row too.
        own = self.precision / self.rankings.people[:, None, None]
        inner[is_large] += own[is_large]  # the variances of large blocks already lack what is shared
        mean = gaussians.mean[answers]
        linear = np.einsum("nij,nj->ni", inner, mean) - self.shift / self.rankings.people[:, None]
        without = inner - own
        without[:, diagonal, diagonal] += 1e-6
        around = np.linalg.inv(without)
        self._cavity_mean = np.einsum("nij,nj->ni", around, linear)
        each = np.einsum("nii->ni", around).mean(axis=1)
        both = (around.sum(axis=(1, 2)) - each * shape[1]) / (shape[1] * (shape[1] - 1))
        self._cavity_spread = np.maximum(2 * (each - both), 0.0)

    def log_chances(self, slopes: Floats) -> Floats:
        """Returns (n, slopes) log-likelihoods averaged over the utilities (MacKay 1992), for each profile's slope."""
        result = np.empty((len(slopes), len(SLOPES)))
        for code, follow in enumerate(SLOPES.tolist()):
            steep = slopes * follow
            narrowed = steep / np.sqrt(1 + np.pi / 8 * steep**2 * self._cavity_spread)
            result[:, code] = likelihood.log_likelihood(self._cavity_mean, self.rankings.bucket, narrowed)
        return result

    def _messages(self, slopes: Floats, lapse: float) -> Floats:
        chances = np.exp(self.log_chances(slopes))[:, self.profiles.slope_code]
        mixed = (1 - self.profiles.lapse) * chances + self.profiles.lapse * lapse
        # As for other judgements, one that nobody else made says nothing of its annotator.
        weight = self.rankings.weight * self.rankings.is_overlapping
        return np.asarray(np.log(np.maximum(mixed, 1e-300)) * weight[:, None])

    def crowd(self, by_source: Floats) -> Floats:
        """Returns (s, p) expected numbers of unknown annotators by profile, from overlapping rankings."""
        mine = np.flatnonzero(self.rankings.is_overlapping & (self.rankings.annotator == NOBODY))
        result = np.zeros(by_source.shape)
        each = self.messages[mine] / self.rankings.people[mine][:, None]
        posterior = softmax(by_source[self.rankings.source[mine]] + each)
        np.add.at(result, self.rankings.source[mine], posterior * self.rankings.weight[mine][:, None])
        return result

    def _renew(self, gaussians: Gaussians, slopes: Floats, lapse: float, weights: Floats, share: float) -> None:
        """Computes the terms at the current means; each slope counts by its posterior probability there. `share`: of
        the new terms.
        """
        mean, bucket = gaussians.mean[self.rankings.answers], self.rankings.bucket
        follows = np.zeros((len(self.profiles.lapse), len(SLOPES)))
        follows[np.arange(len(follows)), self.profiles.slope_code] = 1 - self.profiles.lapse
        by_slope = weights @ follows
        for code, follow in enumerate(SLOPES.tolist()):
            by_slope[:, code] *= np.exp(likelihood.log_likelihood(mean, bucket, slopes * follow))
        by_slope /= (by_slope.sum(axis=1) + weights @ self.profiles.lapse * lapse)[:, None]
        gradient, precision = np.zeros_like(self.shift), np.zeros_like(self.precision)
        for code, follow in enumerate(SLOPES.tolist()):
            if follow and by_slope[:, code].max() > 1e-6:
                one, two = likelihood.derivatives(mean, bucket, slopes * follow)
                gradient += by_slope[:, code, None] * one
                precision += by_slope[:, code, None, None] * two
        shift = np.einsum("nij,nj->ni", precision, mean) + gradient
        weight = self.rankings.weight[:, None]
        self.precision += share * (precision * weight[:, :, None] - self.precision)
        self.shift += share * (shift * weight - self.shift)

    def weigh_slopes(self, scales: list[Scale], by_annotator: Floats, by_source: Floats) -> SlopeEvidence:
        """Returns what the overlapping rankings tell of the slopes of their scales."""
        slopes = np.array([scale.slope for scale in scales])[self.rankings.scale]
        lapsing = (self._weigh(by_annotator, by_source) @ self.profiles.lapse)[:, None]
        lapse = np.exp(likelihood.log_chance(self.rankings.answers.shape[1]))
        chances = (1 - lapsing) * np.exp(self.log_chances(slopes)) + lapsing * lapse
        weight = self.rankings.weight * self.rankings.is_overlapping
        logs = np.log(np.maximum(chances, 1e-300)) * weight[:, None]
        return SlopeEvidence.sum_by_block(self.rankings.scale, self.rankings.block, logs)


def improve_slopes(terms: list[RankingTerms], scales: list[Scale], by_annotator: Floats, by_source: Floats) -> None:
    """Moves the slope of each ranking scale by one Newton step on the likelihood of the overlapping rankings."""
    used = {int(code) for term in terms for code in np.unique(term.rankings.scale)}
    for code in sorted(used):
        slope = scales[code].slope
        values = [
            sum(float(_log_mixture(term, slope + step, code, by_annotator, by_source).sum()) for term in terms)
            - 0.5 * ((slope + step - SLOPE_MEAN) / SLOPE_SPREAD) ** 2
            for step in (-STEP, 0.0, STEP)
        ]
        first = (values[2] - values[0]) / (2 * STEP)
        second = (values[2] - 2 * values[1] + values[0]) / STEP**2
        move = -first / second if second < 0 else np.sign(first) * 0.3
        scales[code].x[0] = float(np.clip(slope + np.clip(move, -0.5, 0.5), -20, 20))


def _log_mixture(term: RankingTerms, slope: float, scale: int, by_annotator: Floats, by_source: Floats) -> Floats:
    """Returns the log-likelihood of each overlapping ranking of a scale, over the profiles of its annotator."""
    mine = np.flatnonzero((term.rankings.scale == scale) & term.rankings.is_overlapping)
    if not len(mine):
        return np.zeros(0)
    weights = term._weigh(by_annotator, by_source)[mine]
    chances = np.exp(term.log_chances(np.full(len(term.rankings.row), slope))[mine])[:, term.profiles.slope_code]
    lapse = np.exp(likelihood.log_chance(term.rankings.answers.shape[1]))
    mixed = (weights * ((1 - term.profiles.lapse) * chances + term.profiles.lapse * lapse)).sum(axis=1)
    return np.asarray(np.log(np.maximum(mixed, 1e-300)) * term.rankings.weight[mine])
