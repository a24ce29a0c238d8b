"""Checks the labels against the data: does other evidence agree that the chosen answer is the better one?

The first evidence is the other judgements of the same answers: the aggregate estimates a slope for each kind of
judgement of each source, and a slope below 0 is a scale that is the wrong way round.

The second evidence is the other axes of both answers. Each preference counts for or against the label, by the majority
of its axes. A source whose evidence contradicts the label more often than chance allows contradicts itself. The likely
cause is a label code, a direction or the order of two columns that is the wrong way round.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.records import ROLE_COLUMNS, Axis

CRITICAL_Z = 2.326
"""Critical value in standard deviations: one-sided test at 1 %."""
MIN_EVIDENCE = 8
"""Least number of preferences with evidence for a conclusion."""
MAX_EXAMPLES = 3
MEND = (
    "Check whether a direction ('better'), a code or two paths are the wrong way round. "
    "If the labels are intended, set accept_polarity: true."
)
EPSILON = 1e-9


def check_polarity(
    preferences: Sequence[Path],
    axes_of: Mapping[str, Mapping[str, Axis]],
    contradictions: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Checks the labels of each source. Holds only numbers in memory.

    Args:
        preferences: Parquet files with the preferences of all sources, also of those that judges overrule.
        axes_of: source -> its axes with their directions.
        contradictions: source -> number of rows rejected because they contradict themselves; each counts against.

    Returns:
        Source -> `verdict` (agrees, contradicts, unclear, too_few or cannot_be_known), `why`, the numbers of
        preferences whose evidence is for (`agree`) and `against` the label, the same `by_axis`, and `examples`
        (origins) of preferences against it.
    """
    agree: Counter[tuple[str, str]] = Counter()
    against: Counter[tuple[str, str]] = Counter({(source, ""): count for source, count in contradictions.items()})
    examples: dict[str, list[str]] = {source: [] for source in axes_of}
    columns = ["source", "axes", "origin", *ROLE_COLUMNS]
    for row in (row for path in preferences for row in parquet.read_rows(path, columns)):
        source, net = row["source"], 0
        is_one_sided = row["chosen"] is None or row["rejected"] is None
        for pair in row["axes"]:
            vote = _vote_of_axis(pair, axes_of[source], is_one_sided)
            agree[source, pair["axis"]] += vote > 0
            against[source, pair["axis"]] += vote < 0
            net += vote
        agree[source, ""] += net > 0
        against[source, ""] += net < 0
        if net < 0 and len(examples[source]) < MAX_EXAMPLES:
            examples[source].append(", ".join(row["origin"]))
    return {
        source: {
            **_conclude(agree[source, ""], against[source, ""]),
            "agree": agree[source, ""],
            "against": against[source, ""],
            "by_axis": {
                axis: [agree[source, axis], against[source, axis]]
                for axis in axes
                if agree[source, axis] + against[source, axis]
            },
            "examples": examples[source],
        }
        for source, axes in axes_of.items()
    }


def _vote_of_axis(pair: Mapping[str, Any], axes: Mapping[str, Axis], is_one_sided: bool) -> int:
    """Returns +1 if an axis is for the chosen answer, -1 if it is against it, 0 if it decides nothing.

    A one-sided preference is compared to the middle of the axis' declared scale.
    """
    axis, chosen, rejected = axes.get(pair["axis"]), pair["chosen"], pair["rejected"]
    if axis is None or (chosen is None and rejected is None):
        return 0
    if chosen is None or rejected is None:
        if not is_one_sided or axis.low is None or axis.high is None:
            return 0
        middle = (axis.low + axis.high) / 2
        chosen, rejected = middle if chosen is None else chosen, middle if rejected is None else rejected
    gap: float = axis.sign * (chosen - rejected)
    return (gap > EPSILON) - (gap < -EPSILON)


def _conclude(agree: int, against: int) -> dict[str, str]:
    n = agree + against
    if n == 0:
        why = "no preference has a second score, vote or answer to check its label against"
        return {"verdict": "cannot_be_known", "why": why}
    why = f"other evidence is for the chosen answer in {agree} of {n} preferences"
    if n < MIN_EVIDENCE:
        return {"verdict": "too_few", "why": f"{why}; fewer than {MIN_EVIDENCE} are not enough for a conclusion"}
    lead = (agree - against) / math.sqrt(n)
    return {
        "verdict": "agrees" if lead > CRITICAL_Z else "contradicts" if lead < -CRITICAL_Z else "unclear",
        "why": why,
    }


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
        if polarity["verdict"] != "contradicts":
            continue
        axes = ", ".join(f"{axis} {for_it}:{against}" for axis, (for_it, against) in polarity["by_axis"].items())
        raise UserError(
            f"the labels contradict the data: {polarity['why']} (for:against by axis: {axes}). "
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
