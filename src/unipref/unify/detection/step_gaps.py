"""What a proposed mapping of rated steps leaves open: ratings that are null, and steps that a person wrote."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from unipref.core.records import Reject
from unipref.unify.detection.guess import PLACEHOLDER, Columns, Guess
from unipref.unify.mapping.paths import get_path


def ask_about_gaps(guess: Guess, columns: Columns) -> Guess:
    """Adds questions about ratings that are null, and the step that a person wrote where no version was taken."""
    mapping, doubts = dict(guess.map), list(guess.doubts)
    lists = [steps for steps in _values_at(columns.rows, mapping["steps"]) if isinstance(steps, list)]
    steps = [step for each in lists for step in each]
    if "versions" in mapping:
        versions = [v for listed in _values_at(steps, mapping["versions"]) if isinstance(listed, list) for v in listed]
        if "taken" in mapping and (path := _find_written(steps, mapping)):
            mapping["written"] = path
            doubts.append(f"'{path}' counts as a step that a person wrote, with which the solution continues")
    else:
        versions = steps if "step" in mapping else []
    ratings = (
        _values_at(versions, mapping["rating"])
        if versions
        else [rating for each in _values_at(columns.rows, mapping.get("rating", "")) for rating in each or ()]
    )
    if missing := sum(rating is None for rating in ratings):
        mapping["codes"] = {**mapping["codes"], None: PLACEHOLDER}
        doubts.append(
            f"what null in '{mapping['rating']}' means ({missing} of {len(ratings)}): right, wrong or neutral; delete "
            "its line to leave such steps out"
        )
    return Guess(mapping, guess.confidence, guess.why, doubts)


def _find_written(steps: list[Any], mapping: Mapping[str, Any]) -> str | None:
    """Returns the field that holds a text only in steps where no version was taken; None if there is none."""
    steps = [step for step in steps if isinstance(step, dict)]
    for name in dict.fromkeys(key for step in steps for key in step):
        holders = [step for step in steps if isinstance(step.get(name), str | dict) and step[name]]
        texts = [step[name] if isinstance(step[name], str) else step[name].get(mapping["step"]) for step in holders]
        is_text = bool(holders) and all(isinstance(text, str) for text in texts)
        if is_text and all(taken is None for taken in _values_at(holders, mapping["taken"])):
            return str(name)
    return None


def _values_at(items: Iterable[Any], path: str) -> list[Any]:
    """Returns the values at a path in each item that has it."""
    values = []
    for item in items:
        with contextlib.suppress(Reject):
            values.append(get_path(item, path))
    return values
