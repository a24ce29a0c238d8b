"""Figures of the confidence of preferences: how high it is, and how often it is right where a gold file tells."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.errors import UserError, first_line
from unipref.core.run_folder import ConfidenceCounts
from unipref.core.stats.calibration import BINS, FEWEST, Calibration
from unipref.report.content import Cell, Figure, Table, format_count, format_interval, format_number
from unipref.report.sections.data_flow import split_by_size
from unipref.report.sections.sources import AUDIT, read_audit
from unipref.report.tables import make_table

CONFIDENCE = "Confidence of the preferences"
CALIBRATION = "Right labels by confidence, on true labels"
HALF = BINS // 2
"""The first bin from 0.5 on; a label below is usually overruled."""


def make_confidence_figure(counts: Mapping[str, ConfidenceCounts]) -> Figure | None:
    """Bars of the number of pairs by confidence, stacked by source; None if no pair has one."""
    size = Counter({name: one.confident for name, one in counts.items() if one.confident})
    if not size:
        return None
    first = min(HALF, min(place for name in size for place, n in enumerate(counts[name].bins) if n))
    labels = [f"{place / BINS:.2f}" for place in range(first, BINS)]
    own, rest = split_by_size(size)
    traces = [_bar(name, labels, counts[name].bins[first:]) for name in own]
    if rest:
        summed = [sum(counts[name].bins[place] for name in rest) for place in range(first, BINS)]
        traces.append(_bar(f"{len(rest)} more sources", labels, summed))
    layout = {
        "barmode": "stack",
        "xaxis": {"type": "category", "title": {"text": f"confidence, from here on (in steps of {1 / BINS:g})"}},
        "yaxis": {"title": {"text": "pairs"}},
    }
    high = sum(sum(counts[name].bins[round(0.9 * BINS) :]) for name in size)
    description = f"{size.total():,} pairs have a confidence, {high:,} of them 0.9 or more."
    missing = sum(one.pairs - one.confident for one in counts.values())
    return Figure(CONFIDENCE, traces, layout, description, f"{missing:,} pairs have none." if missing else "")


def _label(start: float, end: float) -> str:
    return f"{start:.2f} to {end:.2f}"


def _bar(name: str, labels: list[str], values: list[int]) -> dict[str, Any]:
    return {"type": "bar", "name": name, "x": labels, "y": values}


def read_calibration(run: Path) -> Calibration | None:
    """Reads the calibration from the run's audit; None if it has none, or belongs to other data.

    Raises:
        UserError: the audit is corrupt.
    """
    audit, _ = read_audit(run)
    truth = (audit or {}).get("truth")
    content = truth.get("calibration") if isinstance(truth, dict) else None
    if content is None:
        return None
    try:
        return msgspec.convert(content, Calibration)
    except msgspec.ValidationError as error:
        what = f"{AUDIT} is corrupt or from another version: {first_line(error)}."
        raise UserError(what, where=str(run / AUDIT), mend=f"Run: unipref audit {run}") from error


def make_calibration_figure(calibration: Calibration) -> Figure | None:
    """A reliability diagram: the share of right labels against the mean confidence, with the line of equality."""
    if not calibration.bins:
        return None
    shares = [one.right / one.count for one in calibration.bins]
    start = min(0.5, calibration.bins[0].start)
    ends = {
        "array": [one.high - share for one, share in zip(calibration.bins, shares, strict=True)],
        "arrayminus": [share - one.low for one, share in zip(calibration.bins, shares, strict=True)],
    }
    points = {
        "type": "scatter",
        "mode": "markers",
        "name": "labels",
        "x": [one.confidence for one in calibration.bins],
        "y": shares,
        "error_y": {"type": "data", "symmetric": False, **ends},
        "text": [f"{one.right:,} of {one.count:,} are right" for one in calibration.bins],
    }
    diagonal = {"type": "scatter", "mode": "lines", "name": "as often right as sure", "x": [start, 1], "y": [start, 1]}
    layout = {
        "xaxis": {"title": {"text": "mean confidence"}, "range": [start - 0.02, 1.02]},
        "yaxis": {"title": {"text": "share of right labels"}, "range": [-0.02, 1.05]},
    }
    return Figure(CALIBRATION, [points, diagonal], layout, _describe(calibration), _describe_number(calibration))


def make_calibration_table(calibration: Calibration) -> Table | None:
    """The points of the diagram; a line that says so if there is none."""
    rows: list[list[str | Cell]] = [
        [
            _label(one.start, one.end),
            format_count(one.count),
            format_count(one.right),
            Cell(format_number(one.right / one.count), format_interval(one.low, one.high)),
            format_number(one.confidence),
        ]
        for one in calibration.bins
    ]
    if not rows:
        return make_table(CALIBRATION, ["labelled pairs", "right"], [["0", "0"]], _describe(calibration))
    note = (
        "The pairs are those with a confidence on which a true label decides; overruled ones that were "
        "left out are not among them. Share right: with its 95 % Wilson interval. Chance: a share of few pairs differs "
        "from its expectation, even if every confidence is right."
    )
    heads = ["confidence", "labelled pairs", "right", "share right", "mean confidence"]
    return make_table(CALIBRATION, heads, rows, note)


def _describe(calibration: Calibration) -> str:
    if calibration.error is None or calibration.by_chance is None or calibration.confidence is None:
        return "No true label decides on a pair with a confidence."
    right = calibration.right / calibration.count
    return (
        f"{calibration.count:,} pairs have a mean confidence of {calibration.confidence:.3f}; {right:.3f} of them are "
        f"right. The expected calibration error is {calibration.error:.3f}; chance alone gives about "
        f"{calibration.by_chance:.3f} with so many pairs."
    )


def _describe_number(calibration: Calibration) -> str:
    return "" if calibration.has_enough or not calibration.count else f"Fewer than {FEWEST} pairs say little."
