"""Several verdicts on the same two answers that differ in some rows, such as a first vote and one after an appeal."""

from collections.abc import Mapping
from typing import Any

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.side_codes import have_sides, is_winner_name
from unipref.unify.mapping.codes import to_code

FINAL_NAMES = {
    *("final", "adjudicated", "adjudication", "consensus", "resolved", "resolution", "majority", "overall", "gold"),
    *("agreed", "definitive", "corrected", "revised", "settled"),
}
"""Words in the names of verdicts that replace earlier ones."""


def settle_rivals(columns: Columns, mapping: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Takes the final one of several verdicts with the same words; asks for the label if no name says which is final.

    Args:
        columns: of the rows.
        mapping: the settings that read one verdict on two answers.

    Returns:
        The settings, and the doubts.
    """
    kind = "label" if "label" in mapping else "votes"
    path = mapping.get(kind)
    column = columns.find(path) if isinstance(path, str) else None
    if column is None or column.numbers or "names" in mapping or not isinstance(mapping.get("codes"), dict):
        return dict(mapping), []
    rivals = [c for c in columns.of_kind("code") if c is not column and _is_verdict(c) and _contradicts(c, column)]
    if not rivals:
        return dict(mapping), []
    several = [column, *rivals]
    final = [c.path for c in several if {*c.words} & FINAL_NAMES]
    names = quote_names(c.path for c in several)
    if len(final) == 1:
        doubt = f"that '{final[0]}' counts, according to its name: {names} differ in some rows"
        return {**mapping, kind: final[0]}, [doubt]
    return {**mapping, kind: PLACEHOLDER}, [f"which of {names} counts: they differ in some rows"]


def _is_verdict(column: Column) -> bool:
    """Whether a field says which answer is better; one that says which side a model had does not."""
    return have_sides(column) and (is_winner_name(column) or bool({*column.words} & FINAL_NAMES))


def _contradicts(one: Column, other: Column) -> bool:
    """Whether two fields with the same words name different answers in some rows."""
    if {*map(to_code, one.values)} != {*map(to_code, other.values)} or one.n_distinct < 2:
        return False
    values = dict(zip(other.rows, map(to_code, other.values), strict=True))
    mine = zip(one.rows, map(to_code, one.values), strict=True)
    return any(values.get(row, code) != code for row, code in mine)
