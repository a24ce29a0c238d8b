"""The map of a selection: prompts as points, near to those of like wording; kept or left out, and why."""

import textwrap
from typing import Any

from unipref.report.content import Figure

WIDTH = 44
"""Letters on a line of what is shown of a prompt."""
HOVER = "%{customdata[0]}<br><i>%{customdata[1]}</i><br>%{customdata[2]}<extra></extra>"


def prompt_map(variant: str, known: dict[str, Any]) -> Figure:
    """The map of a variant's prompts.

    Args:
        variant: its name.
        known: `map` of the account of its selection; prompts, sources and reasons may be missing.
    """
    marks = [mark == "1" for mark in known["kept"]]
    traces = [_trace(name, known, [at for at, mark in enumerate(marks) if mark is kept], kept) for name, kept in SIDES]
    shown, kept = len(marks), sum(marks)
    drawn = f"{shown:,} of {known['of']:,} prompts, drawn at random" if shown < known["of"] else f"{shown:,} prompts"
    first, second = (f"{100 * part:.0f} %" for part in known["variance"])
    axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "title": {"standoff": 6}}
    layout = {
        "height": 380,
        "hovermode": "closest",
        "xaxis": axis | {"title": {"text": f"first component ({first})"}},
        "yaxis": axis | {"title": {"text": f"second component ({second})"}},
    }
    said = f"{drawn}: {kept:,} kept, {shown - kept:,} left out."
    note = "Each point is a prompt, near to those of like wording: principal components and their part of the variance."
    return Figure(f"Prompts of {variant}", traces, layout, said[0].upper() + said[1:], note)


SIDES = (("left out", False), ("kept", True))
"""Kept points lie above those left out."""


def _trace(name: str, known: dict[str, Any], places: list[int], kept: bool) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [known["x"][at] for at in places],
        "y": [known["y"][at] for at in places],
        "marker": {"size": 7 if kept else 6, "symbol": "circle" if kept else "circle-open", "opacity": 0.8},
        "hovertemplate": f"{name}<extra></extra>",
    }
    if "prompts" in known:
        trace["hovertemplate"] = f"<b>{name}</b><br>{HOVER}"
        trace["customdata"] = [
            [textwrap.fill(known["prompts"][at], WIDTH), _name(known, "sources", at), _name(known, "reasons", at)]
            for at in places
        ]
    return trace


def _name(known: dict[str, Any], what: str, at: int) -> str:
    names, places = known.get(what) or ([], [])
    return str(names[places[at]]) if places else ""
