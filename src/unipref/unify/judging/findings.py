"""What a fit says about annotators and sources, in the records of `core.aggregation`."""

import numpy as np

from unipref.core.aggregation import Aggregation, AnnotatorReport, SourceReport
from unipref.core.judgements import NOBODY, RANKING, Floats, Ints, Judgements
from unipref.unify.judging import profiles
from unipref.unify.judging.fit import Fit
from unipref.unify.judging.implied_pairs import agreement_with_others, imply_pairs
from unipref.unify.judging.layout import group_places
from unipref.unify.judging.overlaps import Overlaps
from unipref.unify.judging.places import count_first_choices, find_favoured_places, mean_shift
from unipref.unify.judging.profiles import SLOPES
from unipref.unify.judging.scales import SHIFTS

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
        number = int(overlaps.by_source[code])
        few = {0: "none of its judgements is", 1: "only 1 of its judgements is"}
        notes.append(
            f"source {judgements.sources[code]}: {few.get(number, f'only {number} of its judgements are')} on "
            f"answers that others judged too (at least {least} are needed). Its confidence is null unless its "
            "annotators are known from other sources."
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
    shown, first = count_first_choices(judgements)
    places, shifts = find_favoured_places(shown, first), _shifts_of_pairs(judgements, fit)
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
                str(name),
                int(numbers[code]),
                int(overlaps.by_annotator[code]),
                share,
                int(compared[code]),
                *figures,
                n_shown=int(shown[code]),
                chose_first=float(first[code] / shown[code]) if shown[code] else None,
                shift=None if np.isnan(shifts[code]) else float(shifts[code]),
                favours_place=places[code],
            )
        )
    return tuple(records)


def _shifts_of_pairs(judgements: Judgements, fit: Fit | None) -> Floats:
    """Returns (a,) the mean shift of each annotator in pairs whose order on the screen is known; NaN without any."""
    count = len(judgements.annotators)
    if fit is None:
        return np.full(count, np.nan)
    factors = fit.factors
    use = (factors.annotator != NOBODY) & (factors.site_second[factors.site] >= 0) & (factors.order != 0)
    use &= factors.is_overlapping
    shift = SHIFTS[fit.shift[factors.scale[use], factors.annotator[use]]]
    return mean_shift(factors.annotator[use], shift, count)


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
    """Returns a record per scale: its slope times the mean slope of its annotators."""
    records = []
    of_evidence = group_places(fit.slopes.scale, len(fit.scales))
    judged = _rows_of_scales(fit)
    for code, scale in enumerate(fit.scales):
        annotator, row = judged[code]
        rows = np.unique(row)
        n_overlapping = int((judgements.count * overlaps.of_row)[rows].sum())
        figures: tuple[float | None, float | None, float | None] = (None, None, None)
        if n_overlapping >= least:
            mine = overlaps.of_row[row]
            shares = _mean_shares(fit, scale.source, annotator[mine], judgements.count[row[mine]])
            looks = 1 - fit.profiles.lapse
            value = scale.slope * float(shares @ (fit.profiles.slope * looks))
            logs = fit.slopes.logs[of_evidence[code]]
            # The evidence is of slopes beside the lapses; the value counts a lapse as a judgement of slope 0.
            figures = _interval(value, float(fit.references[code]) * float(shares @ looks), logs)
        records.append(
            SourceReport(
                str(judgements.sources[scale.source]),
                str(judgements.axes[scale.axis]) or None,
                scale.kind,
                int(judgements.count[rows].sum()),
                n_overlapping,
                *figures,
                thresholds=() if scale.kind == RANKING else tuple(float(x) for x in scale.thresholds()[0]),
            )
        )
    return tuple(records)


def _rows_of_scales(fit: Fit) -> list[tuple[Ints, Ints]]:
    """Returns the annotator and the judgement of each factor and ranking of each scale."""
    rankings = [term.rankings for term in fit.rankings]
    scale = np.concatenate([fit.factors.scale, *(one.scale for one in rankings)])
    annotator = np.concatenate([fit.factors.annotator, *(one.annotator for one in rankings)])
    row = np.concatenate([fit.factors.row, *(one.row for one in rankings)])
    return [(annotator[mine], row[mine]) for mine in group_places(scale, len(fit.scales))]


def _mean_shares(fit: Fit, source: int, annotator: Ints, count: Ints) -> Floats:
    """Returns (p,) the mean share of each profile among the annotators of some judgements of a source."""
    named = annotator != NOBODY
    counts = np.bincount(annotator[named], count[named], len(fit.posterior))
    total = counts @ fit.posterior + count[~named].sum() * fit.crowd[source]
    return np.asarray(total / max(float(count.sum()), 1.0))


def _interval(value: float, reference: float, logs: Floats) -> tuple[float, float, float]:
    """Returns a slope and its 95 % interval.

    The interval holds the relative slopes that explain the judgements not clearly worse than the best one: by the
    likelihood ratio, and by the differences of the blocks, whose judgements depend on each other (Vuong 1989). These
    slopes are the same for all annotators. Where some are inverted or ignore the answers, the mean slope can lie
    outside of them. Then the interval reaches from the one to the other.

    Args:
        value: the slope of a scale times the mean relative slope of its annotators.
        reference: the slope of which `logs` has the multiples, times the mean share of judgements without a lapse.
        logs: (blocks, slopes) as in `SlopeEvidence`.
    """
    best = int(logs.sum(axis=0).argmax())
    lead = logs[:, [best]] - logs
    spread = np.sqrt((lead**2).sum(axis=0))
    total = np.maximum(lead.sum(axis=0), 0.0)
    worse = np.minimum(total / np.maximum(spread, 1e-12) / Z, np.sqrt(2 * total) / Z)
    ends = sorted(reference * _first_worse(worse, best, step) for step in (-1, 1))
    return value, min(ends[0], value), max(ends[1], value)


def _first_worse(worse: Floats, best: int, step: int) -> float:
    """Returns the relative slope at which `worse` reaches 1 on one side of the best one; the last of `SLOPES` if it
    never does.
    """
    at = best
    while 0 <= at + step < len(SLOPES):
        if worse[at + step] >= 1:
            share = (1 - worse[at]) / (worse[at + step] - worse[at])
            return float(SLOPES[at] + share * (SLOPES[at + step] - SLOPES[at]))
        at += step
    return float(SLOPES[at])
