"""One pass over the judgements of some blocks: what they say about utilities, annotators and scales.

All judgements of a site are multiplied at `NODES`, together with a normal distribution that stands for all other
evidence about the site. Two things are left out where they would be counted twice: a judgement's own evidence on its
annotator when it is weighed, and its own evidence on the site when the annotator is judged by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import NOBODY, Floats, Ints
from unipref.unify.judging.layout import Factors, group_places
from unipref.unify.judging.profiles import SLOPES, Profiles
from unipref.unify.judging.scales import NO_SHIFT, NODES, SHIFTS, SPREADS, Scale
from unipref.unify.judging.slope_evidence import SlopeEvidence

Single = npt.NDArray[np.float32]
TINY = np.float32(1e-30)


@dataclass(frozen=True)
class Tables:
    """The probabilities of all categories in use.

    Attributes:
        keys: (k, 4) scale, category, and places in `SHIFTS` and `SPREADS`.
        of_factor: (n,) the key of each factor.
        follow: (k, slopes, nodes) probabilities without a lapse.
        lapse: (k,) probabilities in a lapse.
    """

    keys: Ints
    of_factor: Ints
    follow: Single
    lapse: Single


def find_keys(scales: Sequence[Scale], factors: Factors, shift: Ints, spread: Ints) -> tuple[Ints, Ints]:
    """Returns (k, 4) the keys of `Tables` in use, and (n,) the key of each factor.

    Args:
        scales: all scales.
        factors: all factors.
        shift: (scales, annotators + 1) places in `SHIFTS`; the last is for unknown annotators.
        spread: the same in `SPREADS`.
    """
    code = shift[factors.scale, factors.annotator]
    turned = NO_SHIFT + factors.order * (code - NO_SHIFT)
    widths = len(SHIFTS), len(SPREADS)
    most = max((scale.size for scale in scales), default=1)
    combined = ((factors.scale * most + factors.category) * widths[0] + turned) * widths[1]
    distinct, of_factor = np.unique(combined + spread[factors.scale, factors.annotator], return_inverse=True)
    rest, spread_code = np.divmod(distinct, widths[1])
    rest, shift_code = np.divmod(rest, widths[0])
    scale_code, category = np.divmod(rest, most)
    return np.stack([scale_code, category, shift_code, spread_code], axis=1), of_factor


def make_tables(scales: Sequence[Scale], keys: Ints, of_factor: Ints) -> Tables:
    """Computes the probabilities for the keys."""
    follow = np.empty((len(keys), len(SLOPES), len(NODES)), dtype=np.float32)
    lapse = np.empty(len(keys), dtype=np.float32)
    for code, mine in enumerate(group_places(keys[:, 0], len(scales))):
        if len(mine):
            category, shift, spread = keys[mine, 1:].T
            follow[mine] = scales[code].tables(category, SHIFTS[shift], SPREADS[spread])
            lapse[mine] = scales[code].lapse[category]
    return Tables(keys, of_factor, follow, lapse)


@dataclass
class Chunk:
    """Consecutive factors of whole blocks.

    Attributes:
        factors, sites: ranges.
        by_key: (n,) factors of the chunk in order of their keys.
        key_starts: where each key starts in `by_key`; key_codes: which key.
        shared: factors whose annotator judged more in the block; shared_cells: (cells, shared) sums over the cell of
            each of them; shared_code: the row of the sums for each.
        by_site: (sites, n) sums over each site.
    """

    factors: slice
    sites: slice
    by_key: Ints
    key_codes: Ints
    key_starts: Ints
    shared: Ints
    shared_cells: Any
    shared_code: Ints
    by_site: Any


def cut_chunks(factors: Factors, tables: Tables, size: int) -> list[Chunk]:
    """Cuts the factors into chunks of whole blocks with about `size` factors."""
    n = len(factors.site)
    if not n:
        return []
    block_ends = np.flatnonzero(np.diff(factors.block)) + 1
    wanted = np.arange(size, n, size)
    places = np.minimum(np.searchsorted(block_ends, wanted), len(block_ends) - 1)
    ends: Ints = block_ends[places] if len(block_ends) else block_ends
    bounds = np.unique(np.concatenate([[0], ends, [n]]))
    return [_make_chunk(factors, tables, int(a), int(b)) for a, b in pairwise(bounds)]


def _make_chunk(factors: Factors, tables: Tables, start: int, end: int) -> Chunk:
    key = tables.of_factor[start:end]
    by_key = np.argsort(key, kind="stable")
    codes, first = np.unique(key[by_key], return_index=True)
    _, cell, sizes = np.unique(factors.cell[start:end], return_inverse=True, return_counts=True)
    shared = np.flatnonzero((sizes[cell] > 1) & (factors.annotator[start:end] != NOBODY))
    _, shared_code = np.unique(cell[shared], return_inverse=True)
    sites = slice(int(factors.site[start]), int(factors.site[end - 1]) + 1)
    return Chunk(
        slice(start, end),
        sites,
        by_key,
        codes,
        np.append(first, end - start),
        shared,
        _summation(shared_code),
        shared_code,
        _summation(factors.site[start:end] - sites.start),
    )


def _summation(group: Ints) -> Any:
    """Returns the sparse matrix of ones that sums rows by group, in a fixed order."""
    from scipy.sparse import csr_matrix

    ones = np.ones(len(group), dtype=np.float32)
    return csr_matrix((ones, (group, np.arange(len(group)))), shape=(int(group.max(initial=-1)) + 1, len(group)))


@dataclass(frozen=True)
class Beliefs:
    """What is believed before a pass.

    Attributes:
        profiles: the profiles.
        by_annotator: (a, p) log posterior of each annotator's profile, up to a constant.
        by_source: (s, p) log shares of the profiles of unknown annotators.
        messages: (n, p) log evidence of each factor on its annotator's profile; the pass replaces it.
        mean, variance: (s,) of each site, without the site's own judgements.
    """

    profiles: Profiles
    by_annotator: Floats
    by_source: Floats
    messages: Single
    mean: Floats
    variance: Floats


@dataclass
class ChunkEvidence:
    """What a pass over a chunk gives.

    Attributes:
        mean, variance, positive: of each site's utility or difference: moments, and the probability to be above 0.
        by_annotator: codes of some annotators, and (codes, p) sums of their log messages.
        crowd: (s, p) expected numbers of unknown annotators by profile; only overlapping judgements count.
        counts: (k, slopes, nodes) expected numbers of judgements without a lapse; None if not asked for.
        likelihoods: scale -> codes of some annotators, and (codes, candidates) log-likelihoods of shifts and spreads.
        slopes: what the overlapping judgements tell of their scales' slopes; None if not asked for.
    """

    mean: Floats
    variance: Floats
    positive: Floats
    by_annotator: tuple[Ints, Floats]
    crowd: Floats
    counts: Floats | None
    likelihoods: dict[int, tuple[Ints, Floats]]
    slopes: SlopeEvidence | None


class Totals:
    """The evidence of all chunks, added in their order.

    Attributes:
        crowd, counts: as in `ChunkEvidence`.
        by_annotator: (a, p) sums of the log messages.
        likelihoods: scale -> (a, candidates).
    """

    def __init__(self, annotators: int, profiles: int, crowd: tuple[int, ...]) -> None:
        self._annotators = annotators
        self._sites: list[tuple[Floats, Floats, Floats]] = []
        self._slopes: list[SlopeEvidence] = []
        self.by_annotator = np.zeros((annotators, profiles))
        self.crowd = np.zeros(crowd)
        self.counts: Floats | None = None
        self.likelihoods: dict[int, Floats] = {}

    def add(self, part: ChunkEvidence) -> None:
        """Adds the evidence of the next chunk."""
        self._sites.append((part.mean, part.variance, part.positive))
        codes, sums = part.by_annotator
        self.by_annotator[codes] += sums
        self.crowd += part.crowd
        if part.counts is not None:
            self.counts = part.counts if self.counts is None else self.counts + part.counts
        for scale, (codes, logs) in part.likelihoods.items():
            total = self.likelihoods.setdefault(scale, np.zeros((self._annotators, logs.shape[1])))
            total[codes] += logs
        if part.slopes is not None:
            self._slopes.append(part.slopes)

    def sites(self) -> tuple[Floats, Floats, Floats]:
        """Returns mean, variance and probability to be above 0 of all sites."""
        if not self._sites:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        mean, variance, positive = (np.concatenate(column) for column in zip(*self._sites, strict=True))
        return mean, variance, positive

    def slopes(self) -> SlopeEvidence:
        """Returns what all blocks tell of the slopes of their scales."""
        return SlopeEvidence.join(self._slopes)


@dataclass(frozen=True)
class Wanted:
    """What a pass computes besides the sites.

    Attributes:
        needs_counts: whether expected counts are needed.
        candidates: scale -> tables of (category, order, slope code): (nodes, candidates); see `shifts.py`.
        nearest, lapse: (a,) slope code and lapse rate that stand for each annotator.
        needs_slopes: whether the evidence on the slopes of scales is needed.
    """

    needs_counts: bool = False
    candidates: "dict[int, dict[tuple[int, int, int], Single]] | None" = None
    nearest: Ints | None = None
    lapse: Floats | None = None
    needs_slopes: bool = False


def weigh_profiles(beliefs: Beliefs, factors: Factors, chunk: Chunk) -> Single:
    """Returns (n, p) the posterior of each factor's annotator without the evidence of the factor's block."""
    at = chunk.factors
    annotator, source = factors.annotator[at], factors.source[at]
    named = annotator != NOBODY
    logs = np.empty((len(annotator), len(beliefs.profiles.lapse)), dtype=np.float32)
    logs[~named] = beliefs.by_source[source[~named]]
    if named.any():
        own = beliefs.messages[at].copy()
        if len(chunk.shared):
            own[chunk.shared] = (chunk.shared_cells @ own[chunk.shared])[chunk.shared_code]
        logs[named] = beliefs.by_annotator[annotator[named]] - own[named]
    logs -= logs.max(axis=1, keepdims=True)
    np.exp(logs, out=logs)
    logs /= logs.sum(axis=1, keepdims=True)
    return logs


def pass_over(chunk: Chunk, factors: Factors, tables: Tables, beliefs: Beliefs, wanted: Wanted) -> ChunkEvidence:
    """Computes the evidence of a chunk, and replaces its messages."""
    profiles, at = beliefs.profiles, chunk.factors
    weight = factors.weight[at].astype(np.float32)
    site = factors.site[at] - chunk.sites.start
    weights = weigh_profiles(beliefs, factors, chunk)
    follows = np.zeros((len(profiles.lapse), len(SLOPES)), dtype=np.float32)
    follows[np.arange(len(profiles.lapse)), profiles.slope_code] = 1 - profiles.lapse
    lapses = profiles.lapse.astype(np.float32)
    by_slope, lapsing = weights @ follows, weights @ lapses
    chance = np.empty((len(weight), len(NODES)), dtype=np.float32)
    ranges = list(zip(chunk.key_codes.tolist(), chunk.key_starts[:-1], chunk.key_starts[1:], strict=True))
    for key, a, b in ranges:
        rows = chunk.by_key[a:b]
        chance[rows] = by_slope[rows] @ tables.follow[key] + (lapsing[rows] * tables.lapse[key])[:, None]
    log_chance = np.log(np.maximum(chance, TINY)) * weight[:, None]
    nodes = NODES.astype(np.float32)
    mean, variance = (x[chunk.sites].astype(np.float32) for x in (beliefs.mean, beliefs.variance))
    tilted = chunk.by_site @ log_chance - 0.5 * (nodes - mean[:, None]) ** 2 / variance[:, None]
    # Each of several unknown annotators is predicted from the others of the row too.
    without = tilted[site] - log_chance / factors.people[at].astype(np.float32)[:, None]
    moments = _moments(tilted)
    without -= without.max(axis=1, keepdims=True)
    np.exp(without, out=without)
    without /= without.sum(axis=1, keepdims=True)
    overall = np.einsum("nt,nt->n", without, chance)
    follow_evidence = np.empty((len(weight), len(SLOPES)), dtype=np.float32)
    for key, a, b in ranges:
        rows = chunk.by_key[a:b]
        follow_evidence[rows] = without[rows] @ tables.follow[key].T
    message = follow_evidence @ follows.T
    message += lapses * tables.lapse[tables.of_factor[at]][:, None]
    overlapping = factors.is_overlapping[at]
    crowd = _count_crowd(weights, message, overall, factors, at, beliefs.by_source.shape)
    np.log(np.maximum(message, TINY), out=message)
    # A judgement that nobody else made says nothing of its annotator: it would be compared with their own others.
    message *= (weight * overlapping)[:, None]
    beliefs.messages[at] = message
    share = by_slope * (weight * overlapping / overall)[:, None]
    counts = None
    if wanted.needs_counts:
        counts = np.zeros(tables.follow.shape)
        for key, a, b in ranges:
            rows = chunk.by_key[a:b]
            counts[key] = (share[rows].T @ without[rows]) * tables.follow[key]
    slopes = None
    if wanted.needs_slopes:
        by_lapse = lapsing * tables.lapse[tables.of_factor[at]]
        likelihood = (1 - lapsing)[:, None] * follow_evidence + by_lapse[:, None]
        logs = np.log(np.maximum(likelihood, TINY)) * (weight * overlapping)[:, None]
        slopes = SlopeEvidence.sum_by_block(factors.scale[at], factors.block[at], logs.astype(np.float64))
    return ChunkEvidence(
        *moments,
        _sum_by(factors.annotator[at], message),
        crowd,
        counts,
        _weigh_candidates(without, factors, at, wanted),
        slopes,
    )


def _moments(tilted: Single) -> tuple[Floats, Floats, Floats]:
    """Returns mean, variance and probability to be above 0 of (s, nodes) log densities."""
    density = np.exp(tilted - tilted.max(axis=1, keepdims=True)).astype(np.float64)
    density /= density.sum(axis=1, keepdims=True)
    mean = density @ NODES
    step = NODES[1] - NODES[0]
    variance = np.maximum(density @ NODES**2 - mean**2, step * step / 6)
    positive = np.minimum(density @ ((NODES > 1e-9) + 0.5 * (np.abs(NODES) <= 1e-9)), 1.0)
    return mean, variance, positive


def _count_crowd(
    weights: Single, message: Single, overall: Single, factors: Factors, at: slice, shape: tuple[int, ...]
) -> Floats:
    """Returns (s, p) expected numbers of unknown annotators by profile, from judgements that overlap."""
    crowd = np.zeros(shape)
    mine = factors.is_overlapping[at] & (factors.annotator[at] == NOBODY)
    for source in np.unique(factors.source[at][mine]).tolist():
        rows = np.flatnonzero(mine & (factors.source[at] == source))
        posterior = weights[rows] * message[rows] / overall[rows, None]
        crowd[source] = factors.weight[at][rows] @ posterior.astype(np.float64)
    return crowd


def _sum_by(annotator: Ints, values: Single) -> tuple[Ints, Floats]:
    """Returns the codes of the named annotators, and the sums of the values of each, in a fixed order."""
    from scipy.sparse import csr_matrix

    named = np.flatnonzero(annotator != NOBODY)
    codes, code = np.unique(annotator[named], return_inverse=True)
    picker = csr_matrix((np.ones(len(named)), (code, named)), shape=(len(codes), len(annotator)))
    return codes, np.asarray(picker @ values.astype(np.float64))


def _weigh_candidates(without: Single, factors: Factors, at: slice, wanted: Wanted) -> dict[int, tuple[Ints, Floats]]:
    """Returns the log-likelihoods of shifts and spreads by scale, each annotator's other traits fixed."""
    result: dict[int, tuple[Ints, Floats]] = {}
    if wanted.candidates is None or wanted.nearest is None or wanted.lapse is None:
        return result
    annotator, order = factors.annotator[at], factors.order[at]
    useful = (annotator != NOBODY) & (order != 0) & factors.is_overlapping[at]
    for scale, by_key in wanted.candidates.items():
        rows = np.flatnonzero(useful & (factors.scale[at] == scale))
        if not len(rows):
            continue
        count = next(iter(by_key.values())).shape[1] - 1
        logs = np.empty((len(rows), count), dtype=np.float32)
        category, nearest = factors.category[at][rows], wanted.nearest[annotator[rows]]
        code = (category * 3 + order[rows] + 1) * len(SLOPES) + nearest
        for one in np.unique(code).tolist():
            mine = np.flatnonzero(code == one)
            rest, slope = divmod(one, len(SLOPES))
            table = by_key[rest // 3, rest % 3 - 1, slope]
            lapse = wanted.lapse[annotator[rows[mine]]].astype(np.float32)[:, None]
            logs[mine] = (1 - lapse) * (without[rows[mine]] @ table[:, :-1]) + lapse * table[0, -1]
        np.log(np.maximum(logs, TINY), out=logs)
        logs *= factors.weight[at][rows].astype(np.float32)[:, None]
        result[scale] = _sum_by(annotator[rows], logs)
    return result
