"""Is chosen the better one, by what the data itself holds besides the label that decided?

The other axes of both answers are the witnesses: for each preference it is counted whether more of them speak for the
chosen or for the rejected answer. A source in which they speak against the label more often than chance allows
contradicts itself: most likely a label code, a direction or the order of two columns is the wrong way round.
"""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.records import Axis

CERTAIN = 2.326
"""Standard deviations beyond which one side's lead is no chance: one-sided, 1 %."""
FEWEST = 8
"""Preferences with witnesses below which nothing is concluded."""
EXAMPLES = 3
EPSILON = 1e-9
SIDES = ("chosen.list.element.role", "rejected.list.element.role")
"""What has to be read of both sides to know whether there are both; their texts are left alone."""


def polarity(
    preferences: Path,
    axes_of: Mapping[str, Mapping[str, Axis]],
    contradictions: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Each source's verdict. Only numbers are held.

    Args:
        preferences: the Parquet file of all sources.
        axes_of: source -> its axes, for their directions.
        contradictions: source -> rows that were rejected because they contradict themselves; each is one against.

    Returns:
        Source -> `verdict` (agrees, contradicts, unclear, too_few or cannot_be_known), `why`, how many preferences'
        witnesses `agree` and are `against`, the same `by_axis`, and `examples` (origins) of those against.
    """
    agree: Counter[tuple[str, str]] = Counter()
    against: Counter[tuple[str, str]] = Counter({(source, ""): count for source, count in contradictions.items()})
    examples: dict[str, list[str]] = {source: [] for source in axes_of}
    for row in parquet.rows(preferences, ["source", "axes", "origin", *SIDES]):
        source, net = row["source"], 0
        alone = row["chosen"] is None or row["rejected"] is None
        for pair in row["axes"]:
            lead = _lead(pair, axes_of[source], alone)
            agree[source, pair["axis"]] += lead > 0
            against[source, pair["axis"]] += lead < 0
            net += lead
        agree[source, ""] += net > 0
        against[source, ""] += net < 0
        if net < 0 and len(examples[source]) < EXAMPLES:
            examples[source].append(", ".join(row["origin"]))
    return {
        source: {
            **_verdict(agree[source, ""], against[source, ""]),
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


def _lead(pair: Mapping[str, Any], axes: Mapping[str, Axis], alone: bool) -> int:
    """+1 when an axis speaks for the chosen answer, -1 when against it, 0 when it says nothing.

    An answer that was judged alone is held against the middle of the axis' declared scale.
    """
    axis, chosen, rejected = axes.get(pair["axis"]), pair["chosen"], pair["rejected"]
    if axis is None or (chosen is None and rejected is None):
        return 0
    if chosen is None or rejected is None:
        if not alone or axis.low is None or axis.high is None:
            return 0
        middle = (axis.low + axis.high) / 2
        chosen, rejected = middle if chosen is None else chosen, middle if rejected is None else rejected
    gap: float = axis.sign * (chosen - rejected)
    return (gap > EPSILON) - (gap < -EPSILON)


def _verdict(agree: int, against: int) -> dict[str, str]:
    n = agree + against
    if n == 0:
        why = "no preference has a second score, vote or answer by which its label could be checked"
        return {"verdict": "cannot_be_known", "why": why}
    said = f"further evidence speaks for the chosen answer in {agree} of {n} preferences"
    if n < FEWEST:
        return {"verdict": "too_few", "why": f"{said}; fewer than {FEWEST} prove nothing"}
    lead = (agree - against) / math.sqrt(n)
    return {"verdict": "agrees" if lead > CERTAIN else "contradicts" if lead < -CERTAIN else "unclear", "why": said}


def refuse_contradictions(books: Mapping[str, Mapping[str, Any]], accepted: set[str]) -> None:
    """Stops a run on a source that contradicts itself.

    Args:
        books: as `unify` returns them.
        accepted: the sources whose study says `accept_polarity: true`.

    Raises:
        UserError: with the figures, examples and how to mend it.
    """
    for source, page in books.items():
        found = page["polarity"]
        if found["verdict"] != "contradicts" or source in accepted:
            continue
        axes = ", ".join(f"{axis} {for_it}:{against}" for axis, (for_it, against) in found["by_axis"].items())
        raise UserError(
            f"the labels contradict the data: {found['why']} (for:against by axis: {axes}). "
            f"Against: {'; '.join(found['examples'])}.",
            where=f"source {source}",
            mend="Look for a direction ('better'), a code or two paths the wrong way round. "
            "If it is meant so: accept_polarity: true.",
        )
