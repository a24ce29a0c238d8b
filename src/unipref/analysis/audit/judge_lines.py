"""The lines about judges and confidence in an audit on the terminal: label, text and style."""

from collections.abc import Iterator

from unipref.analysis.audit.judges import JudgesAudit, SourceJudges
from unipref.core.display import shorten_name
from unipref.core.run_folder import ContradictionCounts, JudgedScale, SourceAgreement
from unipref.core.stats.calibration import FEWEST, Calibration

Line = tuple[str, str, str]


def describe_source_judges(judges: SourceJudges) -> Iterator[Line]:
    """Yields the lines about the judgements of one source."""
    confidence = judges.confidence
    if confidence.pairs:
        text = f"{confidence.confident:,} of {confidence.pairs:,} pairs have one"
        if confidence.judged_once:
            text += f"; {confidence.judged_once:,} without were judged once"
        if often := confidence.judged_more_often:
            text += f"; {often:,} without were judged more than once"
        yield "confidence", text, ""
    if judges.overruled and judges.overruled.all:
        counts = judges.overruled
        fates = {"left out": counts.left_out, "turned": counts.turned, "kept": counts.kept}
        text = ", ".join(f"{n:,} {fate}" for fate, n in fates.items() if n)
        subject = "1 preference contradicts" if counts.all == 1 else f"{counts.all:,} preferences contradict"
        text = f"{subject} all judgements taken together: {text}"
        yield "overruled", text, "yellow"
        if judges.replacing:
            yield "", f"{judges.replacing:,} of them for another pair of the same prompt", ""
    if judges.ordered:
        subject = "1 preference" if judges.ordered == 1 else f"{judges.ordered:,} preferences"
        yield "ties", f"{subject} whose own judgements tie, ordered by all judgements", ""
    for place, scale in enumerate(judges.scales):
        yield "" if place else "scales", _describe_scale(scale), "red" if scale.is_inverted else ""
    for place, agreement in enumerate(judges.agreement):
        yield "" if place else "agreement", _describe_agreement(agreement), ""


def _describe_scale(scale: JudgedScale) -> str:
    slope = "slope not known"
    if scale.slope is not None and scale.low is not None and scale.high is not None:
        slope = f"slope {scale.slope:.2f} [{scale.low:.2f}, {scale.high:.2f}]"
    slope += ", INVERTED" if scale.is_inverted else ""
    number = scale.n_judgements
    counts = f"{scale.n_overlapping:,} of {number:,} judgement{'' if number == 1 else 's'} overlap"
    counts += "s" if scale.n_overlapping == 1 else ""
    return f"{_name(scale.kind, scale.axis)}: {slope}, {counts}"


def _describe_agreement(agreement: SourceAgreement) -> str:
    unit = "pairs" if agreement.kind == "pair" else "answers"
    unit = unit if agreement.units != 1 else unit.removesuffix("s")
    counts = f"{agreement.values:,} judgements of {agreement.units:,} {unit} judged more than once"
    if agreement.alpha is None:
        return f"{_name(agreement.kind, agreement.axis)}: alpha not defined, {counts}"
    interval = "" if agreement.low is None else f" [{agreement.low:.2f}, {agreement.high:.2f}]"
    return f"{_name(agreement.kind, agreement.axis)}: alpha {agreement.alpha:.2f}{interval}, {counts}"


def _name(kind: str, axis: str | None) -> str:
    return f"{kind} on {shorten_name(axis)}" if axis else kind


def describe_judges(judges: JudgesAudit) -> Iterator[Line]:
    """Yields the lines about all judges of a run."""
    yield "aggregate", _describe_fit(judges), ""
    if judges.annotators:
        text = f"{judges.annotators:,} named, {judges.reliable:,} with a known reliability"
        yield "annotators", text, ""
    for place, one in enumerate(judges.most_inverted):
        text = f"{shorten_name(one.name)} judges against the others: reliability {one.reliability:.2f} "
        text += f"[{one.low:.2f}, {one.high:.2f}]"
        text += f"; judged only in {one.inverted_source}, which may be inverted" if one.inverted_source else ""
        yield "" if place else "inverted", text, "yellow"
    if judges.inverted > len(judges.most_inverted):
        yield "", f"and {judges.inverted - len(judges.most_inverted):,} more", "yellow"
    for place, sentence in enumerate(judges.odd):
        yield "" if place else "remarks", sentence, "yellow"
    if judges.contradictions:
        yield from _describe_contradictions(judges.contradictions)
    for place, note in enumerate(judges.notes):
        yield "" if place else "notes", note, ""


def _describe_fit(judges: JudgesAudit) -> str:
    text = judges.aggregate
    if judges.convergence:
        end = "converged" if judges.convergence.has_converged else "NOT converged"
        text += f", {end} after {judges.convergence.steps} steps"
    if judges.judgements is not None:
        text += f": {judges.judgements:,} judgement{'' if judges.judgements == 1 else 's'}"
    if judges.overlapping is not None:
        text += f", {judges.overlapping:,} on answers that others judged too"
    return text


def _describe_contradictions(counts: ContradictionCounts) -> Iterator[Line]:
    text = f"{counts.pairs:,} judged, {counts.judged_twice:,} more than once: {counts.opposite:,} both ways "
    text += f"({counts.opposite_within:,} within a source, {counts.opposite_across:,} across sources), "
    yield "pairs", f"{text}{counts.ties:,} with a tie", ""
    if counts.blocks:
        text = f"in {counts.cyclic:,} of {counts.blocks:,} prompts with three or more compared answers"
        yield "cycles", text, "yellow" if counts.cyclic else ""


def describe_calibration(calibration: Calibration) -> Iterator[Line]:
    """Yields the reliability diagram: how often labels are right, by confidence."""
    if calibration.error is None or calibration.by_chance is None:
        yield "pairs", "no true label decides on a preference with a confidence", ""
        return
    few = "" if calibration.has_enough else f"; fewer than {FEWEST} say little"
    text = f"{calibration.count:,} with a confidence on which true labels decide{few}"
    yield "pairs", text, "yellow" if few else ""
    for one in calibration.bins:
        share = f"{one.right:,} of {one.count:,} right = {one.right / one.count:.2f} [{one.low:.2f}, {one.high:.2f}]"
        yield f"{one.start:.2f} to {one.end:.2f}", f"{share}, mean confidence {one.confidence:.2f}", ""
    text = f"{calibration.error:.3f} expected calibration error; about {calibration.by_chance:.3f} by chance alone"
    yield "error", text, ""
