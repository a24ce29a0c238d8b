"""The meanings in the truths agree with the texts: the makers know which answers are good and which are poor.

A truth with a flipped code would call a flipped label right.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from detection_files.make import dev, held_out, texts, texts_more
from unipref.core.records import Reject
from unipref.sources import peek
from unipref.unify.mapping.paths import collect_values, get_path

FILES = Path(__file__).parents[1] / "detection_files"
MAKERS = [("dev", name) for name in dev.FILES] + [("test", name) for name in held_out.FILES]
LISTS = [value for module in (texts, texts_more) for value in vars(module).values() if isinstance(value, list)]
ITEMS = [item for items in LISTS for item in items if isinstance(item, texts.Item)]
READABLE = 3
"""Shorter texts, such as "No.", occur in others."""


def _quality(answer: Any) -> str | None:
    """Whether a text holds a good or a poor answer; None if it holds neither or both."""
    content = str(answer)
    pairs = [(kind, getattr(item, kind)) for item in ITEMS for kind in ("good", "poor")]
    kinds = {kind for kind, text in pairs if len(text) > READABLE and text in content}
    return kinds.pop() if len(kinds) == 1 else None


def _values(row: Any, paths: str | list[str]) -> list[Any]:
    found: list[Any] = []
    for path in paths if isinstance(paths, list) else [paths]:
        try:
            found += [value for _, value in collect_values(row, path)]
        except Reject:
            continue
    return found


def _key(value: Any) -> str:
    return str(value).strip().lower().removesuffix(".0")


def _rows(path: Path, records: str | None) -> list[Any]:
    rows = peek(path, 60)
    if records == ".":
        return [inner for row in rows for inner in row.values()]
    return [inner for row in rows for inner in get_path(row, records)] if records else rows


def _verdicts(row: Any, mapping: dict[str, Any]) -> Iterator[bool]:
    """Yields whether each judgement of the row praises a good answer or blames a poor one."""
    codes = {_key(code): meaning for code, meaning in mapping["codes"].items()}
    places = ("first", "second") if "first" in mapping else ("response",)
    answers = {place: _quality(_values(row, mapping[place])) for place in places}
    if None in answers.values():
        return
    for label in _values(row, mapping["label"]):
        meaning = codes.get(_key(label))
        if meaning in answers:
            yield answers[meaning] == "good"
        elif meaning in ("good", "bad"):
            yield (answers["response"] == "good") == (meaning == "good")


@cache
def _compare(half: str, name: str) -> list[tuple[int, int]]:
    """Returns, for each reading with codes, how many judgements agree with the texts and how many there are."""
    truth = yaml.safe_load((FILES / half / name / "truth.yaml").read_text(encoding="utf-8"))
    counts = []
    for reading in truth["right"]:
        mapping = reading["map"]
        has_answers = "response" in mapping or {"first", "second"} <= set(mapping)
        if has_answers and {"label", "codes"} <= set(mapping) and "orient" not in reading:
            rows = _rows(FILES / half / name / truth["file"], reading.get("records"))
            fits = [fit for row in rows for fit in _verdicts(row, mapping)]
            counts.append((sum(fits), len(fits)))
    return counts


@pytest.mark.parametrize(("half", "name"), MAKERS)
def test_codes_praise_the_good_answers(half: str, name: str) -> None:
    for agreeing, count in _compare(half, name):
        assert agreeing >= 0.7 * count, f"{count - agreeing} of {count} judgements contradict the texts"


def test_many_truths_are_compared() -> None:
    compared = [name for half, name in MAKERS if any(count for _, count in _compare(half, name))]
    assert len(compared) >= 90


def test_a_flipped_truth_is_noticed() -> None:
    item = texts.ENGLISH[0]
    mapping = {"response": "a", "label": "mark", "codes": {"yes": "good", "no": "bad"}}
    assert list(_verdicts({"a": item.good, "mark": "yes"}, mapping)) == [True]
    assert list(_verdicts({"a": item.poor, "mark": "yes"}, mapping)) == [False]
    two = {"first": "a", "second": "b", "label": "mark", "codes": {"1": "first", "2": "second"}}
    assert list(_verdicts({"a": item.good, "b": item.poor, "mark": 2}, two)) == [False]
