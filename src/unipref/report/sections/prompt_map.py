"""The map of a selection: prompts as points, similar ones close together, kept or left out with the reason."""

import textwrap
from typing import Any

from unipref.core.run_folder import PromptMap
from unipref.report.content import Figure

WIDTH = 44
"""Characters per line of the prompt in a point's label."""
HOVER = "%{customdata[0]}<br><i>%{customdata[1]}</i><br>%{customdata[2]}<extra></extra>"


def make_prompt_map(variant: str, points: PromptMap) -> Figure:
    """The map of a variant's prompts.

    Args:
        variant: its name.
        points: the map in the account of its selection; prompts, sources and reasons may be missing.
    """
    marks = [mark == "1" for mark in points.kept]
    traces = [
        _trace(name, points, [at for at, mark in enumerate(marks) if mark is is_kept], is_kept)
        for name, is_kept in SIDES
    ]
    total, kept = len(marks), sum(marks)
    size = f"{total:,} of {points.of:,} prompts, drawn at random" if total < points.of else f"{total:,} prompts"
    first, second = (f"{100 * part:.0f} %" for part in points.variance)
    axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "title": {"standoff": 6}}
    layout = {
        "height": 380,
        "hovermode": "closest",
        "xaxis": axis | {"title": {"text": f"first component ({first})"}},
        "yaxis": axis | {"title": {"text": f"second component ({second})"}},
    }
    summary = f"{size}: {kept:,} kept, {total - kept:,} left out."
    note = (
        "Each point is a prompt; prompts with similar wording are close together. Axes: principal components, with "
        "their share of the variance."
    )
    return Figure(f"Prompts of {variant}", traces, layout, summary[0].upper() + summary[1:], note)


SIDES = (("left out", False), ("kept", True))
"""Kept points are drawn over those left out."""


def _trace(name: str, points: PromptMap, places: list[int], is_kept: bool) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [points.x[at] for at in places],
        "y": [points.y[at] for at in places],
        "marker": {"size": 7 if is_kept else 6, "symbol": "circle" if is_kept else "circle-open", "opacity": 0.8},
        "hovertemplate": f"{name}<extra></extra>",
    }
    if points.prompts is not None:
        trace["hovertemplate"] = f"<b>{name}</b><br>{HOVER}"
        trace["customdata"] = [
            [textwrap.fill(points.prompts[at], WIDTH), _name(points.sources, at), _name(points.reasons, at)]
            for at in places
        ]
    return trace


def _name(names: tuple[list[str], list[int]] | None, at: int) -> str:
    """The name of a point, from the names and each point's index into them."""
    return "" if names is None else names[0][names[1][at]]
