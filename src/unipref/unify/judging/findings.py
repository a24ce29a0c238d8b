"""What a fit says about annotators and sources, in the records of `core.aggregation`."""

import numpy as np

from unipref.core.aggregation import Aggregation, AnnotatorReport, SourceReport
from unipref.core.judgements import NOBODY, RANKING, Floats, Ints, Judgements
from unipref.unify.judging import profiles
from unipref.unify.judging.fit import Fit
from unipref.unify.judging.implied_pairs import agreement_with_others, imply_pairs
from unipref.unify.judging.overlaps import Overlaps
from unipref.unify.judging.ranking_terms import score_slopes
from unipref.unify.judging.scales import SLOPE_SPREAD

Z = 1.959964


def summarise(judgements: Judgements, overlaps: Overlaps, fit: Fit, least: int) -> Aggregation:
    """Returns the result of a fit; what cannot be known is NaN or None.

    Args:
        judgements: the table.
        overlaps: what is known of the reliability of judgements.
        fit: the fit.
        least: number of overlapping judgements from which on a source's slope is known.
    """
    part = overlaps.part
    pairs = fit.factors.site_second >= 0
    first, second = fit.factors.site_first[pairs], fit.factors.site_second[pairs]
    is_known = (part[first] == part[second]) & (part[first] >= 0)
    keys = first * len(judgements.answers) + second
    order = np.argsort(keys, kind="stable")
    unknown = int(((~overlaps.is_known) * judgements.count).sum())
    return Aggregation(
        mean=np.where(part >= 0, fit.gaussians.mean, np.nan),
        part=part,
        pair_keys=keys[order],
        pair_probability=np.where(is_known, fit.positive[pairs], np.nan)[order],
        block_starts=judgements.block_starts,
        variance=fit.gaussians.variance,
        covariance=fit.gaussians.covariance,
        annotators=describe_annotators(judgements, overlaps, fit),
        sources=_describe_sources(judgements, overlaps, fit, least),
        convergence=fit.convergence,
        notes=_write_notes(judgements, overlaps, fit, least),
        counts={
            "judgements": int(judgements.count.sum()),
            "overlapping": int((judgements.count * overlaps.of_row).sum()),
            "of unknown reliability": unknown,
            "answers": len(part),
            "answers without utility": int((part < 0).sum()),
        },
    )


def _write_notes(judgements: Judgements, overlaps: Overlaps, fit: Fit, least: int) -> tuple[str, ...]:
    notes = []
    for code in np.flatnonzero(overlaps.by_source < least).tolist():
        notes.append(
            f"source {judgements.sources[code]}: only {overlaps.by_source[code]} of its judgements are on answers that "
            f"others judged too (at least {least} are needed). Its confidence is null unless its annotators are known "
            "from other sources."
        )
    if not fit.convergence.has_converged:
        notes.append(
            f"the utilities still changed by {fit.convergence.change:.4f} on average in the last of "
            f"{fit.convergence.steps} steps."
        )
    return tuple(notes)


def describe_annotators(
    judgements: Judgements, overlaps: Overlaps, fit: Fit | None = None
) -> tuple[AnnotatorReport, ...]:
    """Returns a record per annotator; without a fit, their counts and agreement alone."""
    count = len(judgements.annotators)
    agreement, compared = agreement_with_others(imply_pairs(judgements), count)
    named = judgements.annotator != NOBODY
    numbers = np.bincount(judgements.annotator[named], judgements.count[named], count).astype(int)
    records = []
    slopes = None if fit is None else _typical_slopes(judgements, fit)
    reliability = None if fit is None or slopes is None else fit.profiles.reliability(slopes)
    for code, name in enumerate(judgements.annotators.tolist()):
        figures: tuple[float | None, float | None, float | None] = (None, None, None)
        if fit is not None and reliability is not None and overlaps.by_annotator[code]:
            weights = fit.posterior[code]
            figures = (float(weights @ reliability[code]), *profiles.interval(reliability[code], weights))
        share = None if not compared[code] else float(agreement[code])
        records.append(
            AnnotatorReport(
                str(name), int(numbers[code]), int(overlaps.by_annotator[code]), share, int(compared[code]), *figures
            )
        )
    return tuple(records)


def _typical_slopes(judgements: Judgements, fit: Fit) -> Floats:
    """Returns (a,) the mean size of the slopes of the scales that each annotator used."""
    annotator = np.concatenate([fit.factors.annotator, *(term.rankings.annotator for term in fit.rankings)])
    scale = np.concatenate([fit.factors.scale, *(term.rankings.scale for term in fit.rankings)])
    sizes = np.abs([one.slope for one in fit.scales])[scale] if len(scale) else np.zeros(0)
    named = annotator != NOBODY
    count = len(judgements.annotators)
    total = np.bincount(annotator[named], sizes[named], count)
    return np.asarray(total / np.maximum(np.bincount(annotator[named], minlength=count), 1))


def _describe_sources(judgements: Judgements, overlaps: Overlaps, fit: Fit, least: int) -> tuple[SourceReport, ...]:
    """Returns a record per scale: its slope times the mean slope of its annotators.

    The variance of the scale's slope comes from the squared scores of the blocks (Berndt et al. 1974), that of its
    annotators from their posteriors.
    """
    follow = fit.profiles.slope * (1 - fit.profiles.lapse)
    by_annotator, by_source = fit.posterior, np.log(fit.crowd)
    records = []
    for code, scale in enumerate(fit.scales):
        mine = fit.factors.scale == code
        block, score = fit.factors.block[mine], fit.scores[mine] if len(fit.scores) else np.zeros(0)
        annotator, row = fit.factors.annotator[mine], fit.factors.row[mine]
        overlapping = fit.factors.is_overlapping[mine]
        if scale.kind == RANKING:
            terms = [term for term in fit.rankings if (term.rankings.scale == code).any()]
            annotator = np.concatenate([t.rankings.annotator[t.rankings.scale == code] for t in terms])
            row = np.concatenate([t.rankings.row[t.rankings.scale == code] for t in terms])
            overlapping = np.concatenate([t.rankings.is_overlapping[t.rankings.scale == code] for t in terms])
            block, score = score_slopes(terms, code, scale.slope, np.log(np.maximum(by_annotator, 1e-300)), by_source)
        rows = np.unique(row)
        n = int(judgements.count[rows].sum())
        n_overlapping = int((judgements.count * overlaps.of_row)[rows].sum())
        figures: tuple[float | None, float | None, float | None] = (None, None, None)
        if n_overlapping >= least:
            figures = _interval(
                scale.slope,
                _group_sums(block, score),
                annotator[overlapping],
                by_annotator,
                fit.crowd[scale.source],
                follow,
            )
        records.append(
            SourceReport(
                str(judgements.sources[scale.source]),
                str(judgements.axes[scale.axis]) or None,
                scale.kind,
                n,
                n_overlapping,
                *figures,
                thresholds=() if scale.kind == RANKING else tuple(float(x) for x in scale.thresholds()[0]),
            )
        )
    return tuple(records)


def _group_sums(group: Ints, values: Floats) -> Floats:
    if not len(group):
        return np.zeros(0)
    _, code = np.unique(group, return_inverse=True)
    return np.bincount(code, values).astype(np.float64)


def _interval(
    slope: float, scores: Floats, annotator: Ints, posterior: Floats, crowd: Floats, follow: Floats
) -> tuple[float, float, float]:
    """Returns slope times mean slope of the annotators, and its 95 % interval."""
    counts = np.bincount(annotator[annotator != NOBODY], minlength=len(posterior)).astype(np.float64)
    unknown = float((annotator == NOBODY).sum())
    total = max(counts.sum() + unknown, 1.0)
    means, squares = posterior @ follow, posterior @ follow**2
    mean = (counts @ means + unknown * float(crowd @ follow)) / total
    variance_of_mean = float((counts / total) ** 2 @ (squares - means**2))
    spread = float(crowd @ follow**2) - float(crowd @ follow) ** 2
    variance_of_mean += unknown / total**2 * spread
    variance_of_slope = 1 / (float(scores @ scores) + 1 / SLOPE_SPREAD**2)
    value = slope * mean
    error = float(np.sqrt(mean**2 * variance_of_slope + slope**2 * variance_of_mean))
    return float(value), float(value - Z * error), float(value + Z * error)
