"""What exports ask of the first rows of a file: which paths they have, and which values."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from unipref.core.records import Reject, Row
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.kinds import classify_values
from unipref.unify.detection.score_bounds import have_rivals
from unipref.unify.mapping.codes import to_code
from unipref.unify.mapping.paths import get_path

MAX_VALUES = 12
"""Most different values that a doubt lists."""


def have_paths(rows: Sequence[Row], *paths: str) -> bool:
    """Whether every row has every path; null counts as present."""
    return bool(rows) and all(has_path(row, path) for row in rows for path in paths)


def has_path(row: Any, path: str) -> bool:
    """Whether a row has a path."""
    try:
        get_path(row, path)
    except Reject:
        return False
    return True


def values_at(rows: Iterable[Any], path: str) -> list[Any]:
    """Returns the values at a path, in order, for the rows that have it."""
    return [get_path(row, path) for row in rows if has_path(row, path)]


def items_at(rows: Iterable[Any], path: str) -> Iterator[Any]:
    """Yields the items of the lists at a path; anything that is not a list is passed over."""
    for value in values_at(rows, path):
        if isinstance(value, list):
            yield from value


def distinct(values: Iterable[Any]) -> list[Any]:
    """Returns the different single values, null and containers apart, in the order of their codes."""
    plain = {to_code(value): value for value in values if isinstance(value, bool | int | float | str)}
    return [plain[code] for code in sorted(plain)]


def find_dialogues(rows: Iterable[Any]) -> list[str]:
    """Returns the names of the fields that hold lists of turns in all of the mappings."""
    mappings = [row for row in rows if isinstance(row, dict)]
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    values = {name: [mapping.get(name) or None for mapping in mappings] for name in names}
    return [name for name, several in values.items() if None not in several and classify_values(several) == "turns"]


def have_several_answers(rows: Sequence[Row], prompt: str | Sequence[str], answer: str) -> bool:
    """Whether prompts have two different answers, so that their scores can be compared; True if a path is unknown.

    Args:
        rows: the first rows.
        prompt: the path of the prompt, or the paths of its parts.
        answer: the path of the answer.
    """
    paths = [prompt] if isinstance(prompt, str) else list(prompt)
    if PLACEHOLDER in (*paths, answer):
        return True
    texts = [[repr([values_at([row], path) for path in some]) for some in (paths, [answer])] for row in rows]
    return have_rivals((prompt_text, answer_text) for prompt_text, answer_text in texts) is not False


def list_values(values: Sequence[Any]) -> str:
    """Lists values for a doubt; at most `MAX_VALUES` of them."""
    more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
    return ", ".join(repr(value) for value in values[:MAX_VALUES]) + more


def text_fields(rows: Iterable[Any], at: str = "") -> list[str]:
    """Returns the names of the fields that hold text in most of the mappings at a path, in their order."""
    mappings = [row for row in (values_at(rows, at) if at else rows) if isinstance(row, dict)]
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    return [
        name
        for name in names
        if 2 * sum(isinstance(mapping.get(name), str) and bool(mapping[name].strip()) for mapping in mappings)
        > len(mappings)
    ]
