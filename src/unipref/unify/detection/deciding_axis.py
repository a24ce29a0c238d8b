"""Which of several axes decides: the study has to say so, because the order of their names says nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.name_words import split_words

WHOLE_NAMES = {"overall", "total", "average", "mean", "final"}
"""Words in the name of the one axis that sums up the others."""


def find_whole(axes: Iterable[str]) -> str | None:
    """Returns the one axis whose name sums up the others, such as `overall`; None if there is none, or several."""
    whole = [axis for axis in axes if {*split_words(axis)} & WHOLE_NAMES]
    return whole[0] if len(whole) == 1 else None


def find_deciding_axis(mapping: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Returns the source's setting `axis` where a proposed mapping has several axes, and the doubt about it.

    Args:
        mapping: the proposed settings of the format.
    """
    axes = [key for name in ("scores", "evidence") if isinstance(mapping.get(name), Mapping) for key in mapping[name]]
    if len(axes) < 2:
        return {}, []
    named = ", ".join(f"'{axis}'" for axis in axes)
    if whole := find_whole(axes):
        return {"axis": whole}, [f"that '{whole}' decides, of {named}: its name sums up the others"]
    return {"axis": PLACEHOLDER}, [
        f"which of {named} decides: set 'axis' to one of them, or to weights for their mean; the others are kept "
        "beside it"
    ]
