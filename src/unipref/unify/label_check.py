"""Checks the labels against the data: does other evidence contradict that the chosen answer is the better one?

The first evidence is the other judgements of the same answers: the aggregate estimates a slope for each kind of
judgement of each source, and a slope below 0 is a scale that is the wrong way round.

The second evidence is the other axes of both answers. Each preference counts for or against the label, by the majority
of its axes. Votes of one prompt and of one rater may be copies, so they count as clusters. If the evidence contradicts
a source or one of its files, the likely cause is a label code, a direction or the order of two columns that is the
wrong way round. Evidence that agrees never shows that all labels are right, so its verdict is only that no
contradiction is seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unipref.core.errors import UserError
from unipref.core.judgements import NOBODY, Ints
from unipref.core.records import Axis
from unipref.core.stats.clustered_signs import Lead, TurnedShare, estimate_turned_share, measure_lead
from unipref.core.stats.intervals import find_wilson_ends
from unipref.core.stats.normal import find_normal_quantile
from unipref.unify.label_votes import Votes, read_votes

ALPHA = 0.01
"""Of each test, on one side; of files, and of raters, together."""
MIN_EVIDENCE = 8
"""Least number of prompts with evidence for a conclusion."""
MOST_TURNED = 0.25
"""No contradiction is seen only if fewer labels than this may be turned round."""
LEAST_TURNED = 0.05
"""Labels are mixed if more than this are turned round."""
MUCH_AGAINST = 0.1
"""Labels are mixed if the evidence is against more than this, and may be against many more."""
LEAST_INDEPENDENT = 4
"""Least number of independent votes that the votes are worth, with copies in clusters, for `mixed`."""
MOST_PARTS = 20
"""Most files, and most raters, that are listed; those that contradict come first."""
MEND = (
    "Check whether a direction ('better'), a code or two paths are the wrong way round. "
    "If the labels are intended, set accept_polarity: true."
)


NO_CONTRADICTION, CONTRADICTS, MIXED, UNKNOWN = "no_contradiction", "contradicts", "mixed", "unknown"


class Part(NamedTuple):
    """The votes on the labels of one file or rater."""

    name: str
    agree: int
    against: int
    verdict: str


def check_polarity(
    preferences: Sequence[Path],
    judgements: Path | None,
    axes_of: Mapping[str, Mapping[str, Axis]],
    contradictions: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Checks the labels of each source. Holds only numbers in memory.

    Args:
        preferences: Parquet files with the preferences of all sources, also of those that judges overrule.
        judgements: the table of judgements, which names the raters; None: nobody is named.
        axes_of: source -> its axes with their directions.
        contradictions: source -> number of rows rejected because they contradict themselves; each counts against.

    Returns:
        Source -> `verdict` (no_contradiction, contradicts, mixed or unknown), `why`, the numbers of preferences whose
        evidence is for (`agree`) and `against` the label, of their `prompts`, the same `by_axis`, `by_file` and
        `by_rater` (name, for, against, verdict), `turned` (share of labels that look turned round, null if unknown, and
        its interval), and `examples` (origins) of preferences against it.
    """
    votes_of = read_votes(preferences, judgements, axes_of, contradictions)
    return {source: conclude(votes) for source, votes in votes_of.items()}


def conclude(votes: Votes) -> dict[str, Any]:
    """Returns the record of a source, as `check_polarity` does."""
    lead = measure_lead(votes.sign, votes.prompt, votes.rater, ALPHA)
    turned = estimate_turned_share(votes.sign, votes.gap, lead.design_effect)
    files = list(_check_parts(votes, votes.file, votes.files))
    raters = list(_check_parts(votes, votes.rater, votes.raters))
    agree, against = int((votes.sign > 0).sum()), int((votes.sign < 0).sum())
    verdict, why = _conclude(agree, against, lead, turned, [part.name for part in (*files, *raters) if part.verdict])
    return {
        "verdict": verdict,
        "why": why,
        "agree": agree,
        "against": against,
        "prompts": lead.n_clusters,
        "turned": [turned.estimate, turned.low, turned.high],
        "by_axis": votes.by_axis,
        "by_file": [list(part) for part in files[:MOST_PARTS]],
        "by_rater": [list(part) for part in raters[:MOST_PARTS]],
        "examples": votes.examples,
    }


def _check_parts(votes: Votes, codes: Ints, names: Sequence[str]) -> Iterator[Part]:
    """Yields the files or raters, those that contradict first, then by the share against; the others' verdict is ''."""
    if not len(codes):
        return
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    n_named = int((present != NOBODY).sum())
    parts = []
    for code, mine in zip(present.tolist(), np.split(order, starts[1:]), strict=True):
        if code == NOBODY:
            continue
        sign, prompt = votes.sign[mine], votes.prompt[mine]
        against = int((sign < 0).sum())
        verdict = ""
        if len(np.unique(prompt)) >= MIN_EVIDENCE:
            lead = measure_lead(sign, prompt, np.full(len(sign), NOBODY), ALPHA / n_named)
            verdict = CONTRADICTS if lead.n_clusters >= MIN_EVIDENCE and lead.side < 0 else ""
        parts.append(Part(names[code], len(sign) - against, against, verdict))
    yield from sorted(
        parts, key=lambda part: (not part.verdict, -part.against / (part.agree + part.against), part.name)
    )


def _conclude(
    agree: int, against: int, lead: Lead, turned: TurnedShare, contradicting: Sequence[str]
) -> tuple[str, str]:
    """Returns the verdict and its reason."""
    n = agree + against
    if n == 0:
        return (
            UNKNOWN,
            "no preference has a score or an answer besides the judgements that made its label",
        )
    why = f"other evidence is for the chosen answer in {agree} of {n} preferences"
    if lead.n_clusters < n:
        why += f" to {lead.n_clusters} prompts"
    if lead.n_clusters < MIN_EVIDENCE:
        return UNKNOWN, f"{why}; fewer than {MIN_EVIDENCE} prompts are not enough for a conclusion"
    if lead.side < 0:
        return CONTRADICTS, f"{why}; {_describe_turned(turned)}"
    if contradicting:
        named = ", ".join(contradicting[:3]) + (f" and {len(contradicting) - 3} more" if len(contradicting) > 3 else "")
        return MIXED, f"{why}, but against most labels of {named}; {_describe_turned(turned)}"
    if lead.side > 0 and turned.low > LEAST_TURNED:
        return MIXED, f"{why}; {_describe_turned(turned)}"
    if lead.side > 0 and turned.high <= MOST_TURNED:
        return NO_CONTRADICTION, f"{why}; at most {turned.high:.0%} of the labels look turned round"
    independent = n / lead.design_effect
    low, _ = find_wilson_ends(against / n, independent, find_normal_quantile(0.975))
    if independent >= LEAST_INDEPENDENT and low > (MUCH_AGAINST if lead.side > 0 else MOST_TURNED):
        return MIXED, (
            f"{why}, against in {against / n:.0%}: as many labels may be turned round, or the evidence is weak or "
            "about something else"
        )
    return UNKNOWN, f"{why}; that is not enough for a conclusion"


def _describe_turned(turned: TurnedShare) -> str:
    if turned.estimate is None:
        return f"the share of labels that are turned round is not known ({turned.low:.0%} to {turned.high:.0%})"
    return f"about {turned.estimate:.0%} of the labels look turned round ({turned.low:.0%} to {turned.high:.0%})"


def refuse_contradictions(records: Mapping[str, Mapping[str, Any]], accepted: set[str]) -> None:
    """Raises an error if the labels of a source contradict its data.

    Args:
        records: as `unify` returns them.
        accepted: the sources that set `accept_polarity: true`.

    Raises:
        UserError: names the figures, examples and how to fix it.
    """
    checked = {source: record for source, record in records.items() if source not in accepted}
    for source, record in checked.items():
        _refuse_inverted_scales(source, record["scales"])
    for source, record in checked.items():
        _refuse_opposed_sources(source, record["opposed"], accepted)
        polarity = record["polarity"]
        files = [name for name, _, _, verdict in polarity["by_file"] if verdict == CONTRADICTS]
        if polarity["verdict"] != CONTRADICTS and not files:
            continue
        subject = "the labels" if polarity["verdict"] == CONTRADICTS else f"the labels of {', '.join(files)}"
        axes = ", ".join(f"{axis} {for_it}:{against}" for axis, (for_it, against) in polarity["by_axis"].items())
        raise UserError(
            f"{subject} contradict the data: {polarity['why']} (for:against by axis: {axes}). "
            f"Examples against: {'; '.join(polarity['examples'])}.",
            where=f"source {source}",
            mend=MEND,
        )


def _refuse_inverted_scales(source: str, scales: Sequence[Mapping[str, Any]]) -> None:
    """Raises a UserError for the first scale of a source whose slope is clearly below 0."""
    for scale in scales:
        if scale["is_inverted"]:
            what = f"{scale['kind']} judgements" + (f" on '{scale['axis']}'" if scale["axis"] else "")
            raise UserError(
                f"the {what} run against all other judgements of the same answers: their slope is {scale['slope']:.2f} "
                f"(95 % interval {scale['low']:.2f} to {scale['high']:.2f}, from {scale['n_overlapping']} judgements "
                "of answers that others judged too); below 0, what it calls better is worse.",
                where=f"source {source}",
                mend=MEND,
            )


def _refuse_opposed_sources(source: str, opposed: Sequence[Mapping[str, Any]], accepted: set[str]) -> None:
    """Raises a UserError if another source orders the same answers the opposite way."""
    for one in opposed:
        other = one["second"] if one["first"] == source else one["first"]
        if other not in accepted:
            raise UserError(
                f"it and source {other} both judge {one['pairs']} pairs of answers, and in {one['opposite']} of them "
                "they call the opposite answer better. One of them is read the wrong way round, or they mean different "
                "things.",
                where=f"source {source}",
                mend=f"{MEND} If they mean different things, give one of them another objective.",
            )
