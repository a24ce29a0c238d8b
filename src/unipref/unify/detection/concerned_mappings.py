"""Checks the names behind a proposed mapping: what judges may blame, judge the prompt or compare by something else."""

from collections.abc import Iterator, Mapping
from typing import Any

from unipref.unify.detection.column import Column
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.concerns import (
    CRITERION_NAMES,
    Concern,
    ask_about,
    find_concern,
    find_concerns,
    find_rank_concerns,
    judges_prompt,
    may_ask_otherwise,
)
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.orders import read_order_name

QUIZ_TAKERS = {
    *("participant", "participants", "student", "students", "learner", "pupil", "player", "contestant", "respondent"),
    *("examinee", "candidate", "quiz", "guess", "guessed", "subject", "takers", "taker", "child"),
}
"""Words in the names of what people answered who may be wrong."""
MAX_CRITERIA = 12
"""Most different values of a field that says by what a person judged."""


def doubt_names(mapping: Mapping[str, Any], columns: Columns) -> tuple[dict[str, Any], list[str]]:
    """Returns the mapping with questions where the names behind it raise a concern, and the doubts.

    Args:
        mapping: that a format proposes.
        columns: of the rows.
    """
    concerns = _find_concerns(mapping)
    if not concerns and _judges(mapping):
        concerns = _find_criteria(mapping, columns)
    return ask_about(mapping, concerns)


def _judges(mapping: Mapping[str, Any]) -> bool:
    return any(key in mapping for key in ("votes", "grade", "label", "counts"))


def _find_concerns(mapping: Mapping[str, Any]) -> dict[str, Concern]:
    """Returns the paths of the mapping that raise a concern."""
    if "options" in mapping:
        paths = _paths(mapping.get("answer"))
        taken: dict[str, Concern] = {path: "other" for path in paths if _is_of_a_quiz(path)}
        found = find_concerns(paths, with_prompt=False)
        # `winner_index` counts options, and compares nothing else.
        return taken | {
            path: concern for path, concern in found.items() if concern == "blame" or "first" not in mapping
        }
    if {"first", "second"} & mapping.keys():
        paths = [path for key in ("votes", "label", "grade", "counts") for path in _paths(mapping.get(key))]
        return find_concerns(paths, with_prompt=False)
    if "ranks" in mapping:
        return find_rank_concerns(_paths(mapping["ranks"]))
    if "order" in mapping:
        paths = [*_paths(mapping.get("sequence")), *_paths(mapping.get("sequences"))]
        paths = [path for path in paths or _paths(mapping.get("answers")) if read_order_name(path) is None]
        return find_concerns(paths, with_prompt=False)
    if "label" in mapping:
        return dict(_find_concerns_of_verdicts(mapping))
    return {}


def _is_of_a_quiz(path: str) -> bool:
    """Whether a name says what somebody who was asked chose, right or wrong: `participant_chose`."""
    return bool({*split_words(path)} & QUIZ_TAKERS)


def _find_concerns_of_verdicts(mapping: Mapping[str, Any]) -> Iterator[tuple[str, Concern]]:
    """Yields the paths of verdicts on one answer that judge the prompt, or stand in a list or mapping that blames.

    A field such as `toxic` blames too: of its values, `guess_thumbs` decides or asks.
    """
    for path in _paths(mapping.get("label")):
        around = path.rpartition(".")[0].replace("*", "")
        if judges_prompt(path):
            yield path, "prompt"
        elif around and find_concern(around, with_prompt=False) == "blame":
            yield path, "blame"


def _find_criteria(mapping: Mapping[str, Any], columns: Columns) -> dict[str, Concern]:
    """Returns the fields that say by what the answers of each row were judged, if one of their values is a concern."""
    used = {path for key in ("votes", "grade", "label", "counts") for path in _paths(mapping.get(key))}
    found: dict[str, Concern] = {}
    for column in columns.of_kind("code", "text"):
        if column.path in used or not _is_criterion(column, len(columns.rows)):
            continue
        if any(map(may_ask_otherwise, column.distinct_values)):
            found[column.path] = "blame"
    return found


def _is_criterion(column: Column, n_rows: int) -> bool:
    """Whether a field says what was asked about the answers: a text of all rows, or one of few criteria."""
    if not column.has_name(*CRITERION_NAMES) or column.share < 0.5:
        return False
    is_constant = column.n_distinct == 1 and n_rows > 1
    return is_constant or (column.kind == "code" and column.n_distinct <= min(MAX_CRITERIA, max(1, n_rows // 2)))


def _paths(setting: Any) -> list[str]:
    """Returns the paths in a setting: one, a list, or the values of a mapping."""
    if isinstance(setting, Mapping):
        setting = list(setting.values())
    several = setting if isinstance(setting, list) else [setting]
    return [path for path in several if isinstance(path, str) and path != PLACEHOLDER]
