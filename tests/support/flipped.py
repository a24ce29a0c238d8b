"""Turns every judgement of a mapping round, as a wrong mapping would."""

from typing import Any

OTHER = {"first": "second", "second": "first", "right": "wrong", "wrong": "right", "high": "low", "low": "high"}
OTHER |= {"best_first": "worst_first", "worst_first": "best_first"}
SIDES = (("chosen", "rejected"), ("good", "bad"), ("up", "down"), ("after", "before"))


def flip(mapping: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings that say the opposite of a mapping."""
    turned: dict[str, Any] = {}
    for one, other in SIDES:
        if one in mapping or other in mapping:
            turned |= {one: mapping[other], other: mapping[one]}
    if "scores" in mapping:
        turned["scores"] = {name: {"better": OTHER[spec["better"]]} for name, spec in mapping["scores"].items()}
    elif "codes" in mapping:
        turned["codes"] = {code: _turn(meaning) for code, meaning in mapping["codes"].items()}
    if "scale" in mapping:
        turned["scale"] = {"first": mapping["scale"]["second"], "second": mapping["scale"]["first"]}
    if "counts" in mapping:
        turned["counts"] = {"first": mapping["counts"]["second"], "second": mapping["counts"]["first"]}
    for name in ("better", "order"):
        if name in mapping:
            turned[name] = OTHER[mapping[name]]
    if "labels" in mapping:
        turned["options"] = [mapping["options"].replace("*", place) for place in "10"]
    assert turned, mapping
    return turned


def _turn(meaning: Any) -> Any:
    return -meaning if isinstance(meaning, int | float) else OTHER.get(meaning, meaning)
