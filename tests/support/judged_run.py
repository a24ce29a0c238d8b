"""What a run records of its judges, written by hand."""

import json
from pathlib import Path
from typing import Any


def annotator(name: str, reliability: float | None, **changes: Any) -> dict[str, Any]:
    ends = (None, None) if reliability is None else (reliability - 0.2, reliability + 0.2)
    inverted = None if None in ends else True if ends[1] < 0 else False if ends[0] > 0 else None
    values = {"name": name, "n_judgements": 40, "n_overlapping": 30, "agreement": 0.75, "n_compared": 20}
    return values | {"reliability": reliability, "low": ends[0], "high": ends[1], "is_inverted": inverted} | changes


def scale(source: str, kind: str, slope: float | None, **changes: Any) -> dict[str, Any]:
    ends = (None, None) if slope is None else (slope - 1, slope + 1)
    inverted = None if slope is None else slope + 1 < 0
    values = {"source": source, "axis": "instruction", "kind": kind, "n_judgements": 90, "n_overlapping": 80}
    values |= {"slope": slope, "low": ends[0], "high": ends[1], "thresholds": [0.0], "is_inverted": inverted}
    return values | changes


def judging(**changes: Any) -> dict[str, Any]:
    """The content of a `judging.json` of the sources a and b."""
    alpha = {"axis": "instruction", "kind": "pair", "level": "ordinal", "units": 12, "values": 30}
    counted = {"pairs": 50, "judged_twice": 20, "ties": 5, "opposite": 8, "opposite_within": 6, "opposite_across": 4}
    values = {
        "aggregate": "latent",
        "convergence": {"steps": 7, "change": 0.0011, "tolerance": 0.002},
        "notes": ["source b: only 3 of its judgements are on answers that others judged too."],
        "counts": {"judgements": 93, "overlapping": 83},
        "n_annotators": 3,
        "annotators": [annotator("ann", 0.6), annotator("bob", -0.7), annotator("cy", None, agreement=None)],
        "scales": [scale("a", "pair", 2.5), scale("b", "rating", None, n_judgements=3, n_overlapping=3)],
        "agreement": [
            {"source": "a", **alpha, "alpha": 0.25, "low": 0.125, "high": 0.375},
            {"source": "b", **alpha, "kind": "rating", "level": "interval", "alpha": None, "low": None, "high": None},
        ],
        "contradictions": counted | {"blocks": 10, "cyclic": 2, "triangles": 3},
    }
    return values | changes


def unjudged() -> dict[str, Any]:
    """The content of a `judging.json` of data in which nothing was judged twice."""
    note = "no two judges judged the same answers, so nothing tells how reliable the judgements are"
    return {"aggregate": "latent", "notes": [note], "annotators": [], "scales": [], "agreement": []}


def write_judging(run: Path, content: Any) -> None:
    """Writes `judging.json` into a run."""
    (run / "unified").mkdir(exist_ok=True)
    (run / "unified" / "judging.json").write_text(content if isinstance(content, str) else json.dumps(content))
