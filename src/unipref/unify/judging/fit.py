"""Fits the likelihood: expectation propagation for utilities and annotators, EM for what they share."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from unipref.core.aggregation import MOST_TOGETHER, Convergence
from unipref.core.contracts.judging import StepListener
from unipref.core.judgements import RANKING, Floats, Ints, Judgements
from unipref.core.one_thread import limit_to_one_thread
from unipref.unify.judging import chunks, manners, profiles, ranking_terms
from unipref.unify.judging.gaussians import Gaussians
from unipref.unify.judging.layout import Factors, group_places, lay_out
from unipref.unify.judging.overlaps import Overlaps
from unipref.unify.judging.scales import NO_SHIFT, NO_SPREAD, SLOPE_MEAN, Scale
from unipref.unify.judging.slope_evidence import SlopeEvidence

CHUNK = 16384
"""Judgements per chunk."""
THREADS = 2
"""Chunks computed at a time. Their results are added in a fixed order, so the number changes no digit."""
DAMPING, FULL_STEPS = 0.8, 10
"""Share of the new term of a site that is taken in a step; after the full steps it falls, so that no term swings."""
LEAST_STEPS = 3
"""Steps that are taken even if the first one changes no utility, as where all judgements cancel."""
FIRST_BETWEEN = 0.5
"""First guess of the variance of utilities between prompts."""
CROWD_STRENGTH = 10.0
"""How many judgements the shares of profiles of all annotators count as, for the unknown annotators of a source."""
MANNER_STEPS = frozenset({2, 3, 5, 8, 12})
"""Steps in which shifts and spreads are estimated."""
LEAST_REFERENCE = 1.0
"""Least size of a slope of whose multiples the likelihood is computed for the interval of the slope."""
SCALE_STEPS = 3
"""Steps of L-BFGS per step of the fit."""


@dataclass
class Fit:
    """The state of the fit, and at its end the result.

    Attributes:
        scales, factors, rankings: what is fitted.
        gaussians: the utilities.
        positive: (s,) P(difference > 0) of each site.
        posterior: (a, p) of each annotator's profile.
        shares: (p,) of the profiles of all annotators; crowd: (s, p) of the unknown ones of each source.
        shift, spread: (scales, annotators + 1) places in `SHIFTS` and `SPREADS`.
        convergence: how it ended.
        slopes: what the judgements tell of the slopes of their scales.
        references: (scales,) the slopes of which `slopes` has multiples.
    """

    profiles: profiles.Profiles
    scales: list[Scale]
    factors: Factors
    rankings: list[ranking_terms.RankingTerms]
    gaussians: Gaussians
    posterior: Floats
    shares: Floats
    crowd: Floats
    shift: Ints
    spread: Ints
    positive: Floats
    convergence: Convergence
    slopes: SlopeEvidence
    references: Floats


class Fitter:
    """Runs the steps of the fit."""

    def __init__(self, judgements: Judgements, overlaps: Overlaps) -> None:
        self.judgements, self.overlaps = judgements, overlaps
        self.profiles = profiles.make_profiles()
        self.scales, self.factors, rankings = lay_out(judgements, overlaps)
        self.rankings = [ranking_terms.RankingTerms(one, self.profiles) for one in rankings]
        self.gaussians = Gaussians(judgements.block_starts, FIRST_BETWEEN)
        annotators, sites = len(judgements.annotators), len(self.factors.site_first)
        self.evidence = np.zeros((annotators, len(self.profiles.prior)))
        self.shares = self.profiles.prior.copy()
        self.crowd = np.tile(self.shares, (len(judgements.sources), 1))
        self.messages = np.zeros((len(self.factors.site), len(self.shares)), dtype=np.float32)
        self.precision, self.linear, self.positive = np.zeros(sites), np.zeros(sites), np.full(sites, 0.5)
        self.shift = np.full((len(self.scales), annotators + 1), NO_SHIFT, dtype=np.int64)
        self.spread = np.full((len(self.scales), annotators + 1), NO_SPREAD, dtype=np.int64)
        self.is_judged = np.zeros(len(judgements.answers), dtype=bool)
        self.is_judged[judgements.judged] = True

    def run(self, most_steps: int, tolerance: float, on_step: StepListener | None = None) -> Fit:
        """Runs steps until the utilities hardly change, or the most steps are reached."""
        with limit_to_one_thread(), ThreadPoolExecutor(THREADS) as pool:
            self._combine()
            change, step = np.inf, 0
            self._cut()
            while step < most_steps and (change > tolerance or step < LEAST_STEPS):
                step += 1
                if on_step is not None:
                    on_step(step - 1, most_steps)
                before = self.gaussians.mean.copy()
                self._step(pool, step)
                change = float(np.abs(self.gaussians.mean - before).mean()) if len(before) else 0.0
            slopes = self._last_pass(pool)
        return Fit(
            self.profiles,
            self.scales,
            self.factors,
            self.rankings,
            self.gaussians,
            np.asarray(profiles.softmax(self._by_annotator())),
            self.shares,
            self.crowd,
            self.shift,
            self.spread,
            self.positive,
            Convergence(step, change, tolerance),
            slopes,
            self.references,
        )

    def _cut(self) -> None:
        keys = chunks.find_keys(self.scales, self.factors, self.shift, self.spread)
        self.tables = chunks.make_tables(self.scales, *keys)
        self.chunks = chunks.cut_chunks(self.factors, self.tables, CHUNK)

    def _by_annotator(self) -> Floats:
        return self.evidence + np.log(self.shares)

    def _beliefs(self) -> chunks.Beliefs:
        mean, variance = self.gaussians.directions(self.factors.site_first, self.factors.site_second, self.precision)
        precision = np.maximum(1 / variance - self.precision, 1e-3)
        centre = (mean / variance - self.linear) / precision
        by_annotator = self._by_annotator()
        by_annotator -= by_annotator.max(axis=1, keepdims=True) if len(by_annotator) else 0.0
        self.cavity = centre, 1 / precision
        return chunks.Beliefs(self.profiles, by_annotator, np.log(self.crowd), self.messages, centre, 1 / precision)

    def _pass(self, pool: ThreadPoolExecutor, wanted: chunks.Wanted) -> chunks.Totals:
        beliefs = self._beliefs()
        totals = chunks.Totals(*self.evidence.shape, self.crowd.shape)
        for part in pool.map(
            lambda chunk: chunks.pass_over(chunk, self.factors, self.tables, beliefs, wanted), self.chunks
        ):
            totals.add(part)
        return totals

    def _step(self, pool: ThreadPoolExecutor, step: int) -> None:
        """One step: sites, annotators, shares of profiles, scales, utilities."""
        wanted = self._want(step)
        totals = self._pass(pool, wanted)
        by_annotator, by_source = self._by_annotator(), np.log(self.crowd)
        slowing = min(1.0, FULL_STEPS / step)
        for term in self.rankings:
            term.update(self.gaussians, self.scales, by_annotator, by_source, slowing)
        self._update_sites(totals, 1.0 if step == 1 else slowing * DAMPING)
        self.evidence = totals.by_annotator
        for term in self.rankings:
            named = term.rankings.annotator >= 0
            np.add.at(self.evidence, term.rankings.annotator[named], term.messages[named])
        self._update_shares(totals)
        if step > 1:
            self._update_scales(totals)
            ranking_terms.improve_slopes(self.rankings, self.scales, self._by_annotator(), np.log(self.crowd))
            self._update_between()
        if totals.likelihoods:
            for code, likelihoods in sorted(totals.likelihoods.items()):
                self.shift[code, :-1], self.spread[code, :-1] = manners.choose(self.scales[code], likelihoods)
            self._cut()
        else:
            self.tables = chunks.make_tables(self.scales, self.tables.keys, self.tables.of_factor)
        self._combine()

    def _want(self, step: int) -> chunks.Wanted:
        if step not in MANNER_STEPS or not len(self.evidence):
            return chunks.Wanted(needs_counts=step > 1)
        used = (self.factors.annotator >= 0) & (self.factors.order != 0) & self.factors.is_overlapping
        posterior = np.asarray(profiles.softmax(self._by_annotator()))
        slope = posterior @ self.profiles.slope
        nearest = np.abs(slope[:, None] - profiles.SLOPES).argmin(axis=1)
        wanted = {int(code) for code in np.unique(self.factors.scale[used])}
        candidates = manners.make_candidates(self.scales, wanted, np.unique(nearest))
        return chunks.Wanted(True, candidates, nearest, posterior @ self.profiles.lapse)

    def _update_sites(self, totals: chunks.Totals, share: float) -> None:
        """Replaces each site's term by the normal distribution that has the moments of its judgements."""
        mean, variance, self.positive = totals.sites()
        centre, around = self.cavity
        variance = np.minimum(variance, around)
        precision = 1 / variance - 1 / around
        linear = mean / variance - centre / around
        self.precision += share * (precision - self.precision)
        self.linear += share * (linear - self.linear)

    def _update_shares(self, totals: chunks.Totals) -> None:
        """Estimates which share of the annotators has which profile, of those whose judgements overlap."""
        prior, strength = self.profiles.prior, profiles.STRENGTH
        mine = self.overlaps.by_annotator > 0
        posterior = np.asarray(profiles.softmax(self._by_annotator()[mine])).sum(axis=0) if mine.any() else 0.0
        self.shares = (strength * prior + posterior) / (strength + mine.sum())
        crowd = totals.crowd
        crowd = crowd + sum((term.crowd(np.log(self.crowd)) for term in self.rankings), np.zeros_like(crowd))
        # Without named annotators, the crowds of all sources together are what a source is drawn towards.
        base = self.shares if mine.any() else (strength * prior + crowd.sum(axis=0)) / (strength + crowd.sum())
        self.crowd = (CROWD_STRENGTH * base + crowd) / (CROWD_STRENGTH + crowd.sum(axis=1, keepdims=True))

    def _update_scales(self, totals: chunks.Totals) -> None:
        """Improves slopes and thresholds for the expected numbers of judgements.

        A scale without overlapping judgements gets the mean size of the slopes of the others of its form.
        """
        counts = np.zeros(self.tables.follow.shape) if totals.counts is None else totals.counts
        known, unknown = [], []
        places = group_places(self.tables.keys[:, 0], len(self.scales))
        for scale, mine in zip(self.scales, places, strict=True):
            if scale.kind == RANKING:
                continue
            if len(mine) and counts[mine].sum() > 0:
                scale.maximise(self.tables.keys[mine, 1:], counts[mine], SCALE_STEPS)
                known.append(scale)
            else:
                unknown.append(scale)
        for scale in unknown:
            # That another scale is inverted says nothing of this one.
            alike = [abs(other.slope) for other in known if other.is_symmetric == scale.is_symmetric]
            scale.x[0] = (SLOPE_MEAN + sum(alike)) / (1 + len(alike))

    def _update_between(self) -> None:
        """Estimates the variance between prompts from blocks in which answers were judged one by one."""
        single = self.factors.site_second < 0
        blocks = np.unique(self.factors.site_block[single])
        sizes = np.diff(self.gaussians.starts)[blocks]
        blocks, sizes = blocks[sizes <= MOST_TOGETHER], sizes[sizes <= MOST_TOGETHER]
        if not len(blocks):
            return
        sums = np.concatenate([[0.0], np.cumsum(self.gaussians.mean)])
        starts = self.gaussians.starts
        mean = (sums[starts[blocks + 1]] - sums[starts[blocks]]) / sizes
        base = self.gaussians.base[blocks]
        total = np.concatenate([[0.0], np.cumsum(self.gaussians.covariance)])
        variance = (total[base + sizes**2] - total[base]) / sizes**2
        excess = mean**2 + variance - 1 / sizes
        self.gaussians.between = float(np.clip((excess.sum() + FIRST_BETWEEN) / (len(blocks) + 1), 0.0, 4.0))

    def _combine(self) -> None:
        """Computes the utilities from all terms."""
        first, second = self.factors.site_first, self.factors.site_second
        pair = second >= 0
        count = len(self.judgements.answers)
        shift = np.zeros(count)
        np.add.at(shift, first, self.linear)
        np.subtract.at(shift, second[pair], self.linear[pair])
        entries = [(first, first, self.precision), (second[pair], second[pair], self.precision[pair])]
        entries += [
            (first[pair], second[pair], -self.precision[pair]),
            (second[pair], first[pair], -self.precision[pair]),
        ]
        for term in self.rankings:
            entries.append(term.entries())
            np.add.at(shift, term.rankings.answers.reshape(-1), term.shift.reshape(-1))
        one, two, value = (np.concatenate(column) for column in zip(*entries, strict=True))
        self.gaussians.update(shift, one, two, value)

    def _last_pass(self, pool: ThreadPoolExecutor) -> SlopeEvidence:
        """Passes once more for the sites' probabilities and the evidence on the slopes; returns the latter."""
        slopes = [scale.slope for scale in self.scales]
        is_flat = any(abs(slope) < LEAST_REFERENCE for slope in slopes)
        totals = self._pass(pool, chunks.Wanted(needs_slopes=not is_flat))
        _, _, self.positive = totals.sites()
        if is_flat:
            # Multiples of a slope near 0 are all near 0 and would tell nothing of the other slopes.
            self._set_slopes([float(np.copysign(max(abs(slope), LEAST_REFERENCE), slope)) for slope in slopes])
            totals = self._pass(pool, chunks.Wanted(needs_slopes=True))
        by_annotator, by_source = self._by_annotator(), np.log(self.crowd)
        ranked = [term.weigh_slopes(self.scales, by_annotator, by_source) for term in self.rankings]
        self.references = np.array([scale.slope for scale in self.scales])
        if is_flat:
            self._set_slopes(slopes)
        return SlopeEvidence.join([totals.slopes(), *ranked])

    def _set_slopes(self, slopes: list[float]) -> None:
        for scale, slope in zip(self.scales, slopes, strict=True):
            scale.x[0] = slope
        self.tables = chunks.make_tables(self.scales, self.tables.keys, self.tables.of_factor)
