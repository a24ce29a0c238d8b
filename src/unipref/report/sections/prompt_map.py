"""The map of a selection: prompts as points, near to those of like wording; kept or left out, and why."""

import textwrap
from typing import Any

from unipref.core.run_folder import PromptMap
from unipref.report.content import Figure

WIDTH = 44
"""Letters on a line of what is shown of a prompt."""
HOVER = "%{customdata[0]}<br><i>%{customdata[1]}</i><br>%{customdata[2]}<extra></extra>"


def prompt_map(variant: str, drawn: PromptMap) -> Figure:
    """The map of a variant's prompts.

    Args:
        variant: its name.
        drawn: the map in the account of its selection; prompts, sources and reasons may be missing.
    """
    marks = [mark == "1" for mark in drawn.kept]
    traces = [
        _trace(name, drawn, [at for at, mark in enumerate(marks) if mark is is_kept], is_kept)
        for name, is_kept in SIDES
    ]
    shown, kept = len(marks), sum(marks)
    size = f"{shown:,} of {drawn.of:,} prompts, drawn at random" if shown < drawn.of else f"{shown:,} prompts"
    first, second = (f"{100 * part:.0f} %" for part in drawn.variance)
    axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "title": {"standoff": 6}}
    layout = {
        "height": 380,
        "hovermode": "closest",
        "xaxis": axis | {"title": {"text": f"first component ({first})"}},
        "yaxis": axis | {"title": {"text": f"second component ({second})"}},
    }
    summary = f"{size}: {kept:,} kept, {shown - kept:,} left out."
    note = "Each point is a prompt, near to those of like wording: principal components and their part of the variance."
    return Figure(f"Prompts of {variant}", traces, layout, summary[0].upper() + summary[1:], note)


SIDES = (("left out", False), ("kept", True))
"""Kept points lie above those left out."""


def _trace(name: str, drawn: PromptMap, places: list[int], is_kept: bool) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [drawn.x[at] for at in places],
        "y": [drawn.y[at] for at in places],
        "marker": {"size": 7 if is_kept else 6, "symbol": "circle" if is_kept else "circle-open", "opacity": 0.8},
        "hovertemplate": f"{name}<extra></extra>",
    }
    if drawn.prompts is not None:
        trace["hovertemplate"] = f"<b>{name}</b><br>{HOVER}"
        trace["customdata"] = [
            [textwrap.fill(drawn.prompts[at], WIDTH), _name(drawn.sources, at), _name(drawn.reasons, at)]
            for at in places
        ]
    return trace


def _name(named: tuple[list[str], list[int]] | None, at: int) -> str:
    """The name of a point, of the names and each point's place among them."""
    return "" if named is None else named[0][named[1][at]]
