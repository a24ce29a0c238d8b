"""Golden tests of `edit`: the instruction, another prompt, edits kept out by intent, deletions, edits of nothing."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

ITERATER = {
    "before": "before_sent",
    "after": "after_sent",
    "where": {"labels": ["clarity", "fluency", "coherence", "style"]},
    "keep": ["labels"],
}


def edit(before: str, after: str, label: str) -> dict[str, Any]:
    return {"before_sent": before, "after_sent": after, "labels": label}


def improved(before: str, after: str, **rest: Any) -> dict[str, Any]:
    return preference(
        [f"user: Improve this text:\n\n{before}"], [f"assistant: {after}"], [f"assistant: {before}"], **rest
    )


CASES = [
    Case(
        "IteraTeR: the edited sentence is chosen; edits of the meaning are left out, deletions are empty answers",
        [
            edit(" He go home .", " He goes home .", "fluency"),
            edit("It is in 1990.", "It is in 1991.", "meaning-changed"),
            edit("It is very, very big.", "It is huge.", "clarity"),
            edit("So what.", "", "coherence"),
            edit("Thus it is so.", "Thus it is so.", "style"),
            edit("A thing.", "A fact.", "others"),
        ],
        [
            improved("He go home .", "He goes home .", extra={"labels": "fluency"}),
            improved("It is very, very big.", "It is huge.", origin=[3], extra={"labels": "clarity"}),
        ],
        [
            ("row", "left_out", "labels", [2]),
            ("row", "empty_response", "after_sent", [4]),
            ("row", "left_out", "labels", [6]),
            ("group", "same_response", None, [5]),
        ],
        settings=ITERATER,
    ),
    Case(
        "an instruction of one's own",
        [{"old": "teh cat", "new": "the cat"}],
        [preference(["user: Correct the spelling.\n\nteh cat"], ["assistant: the cat"], ["assistant: teh cat"])],
        settings={"before": "old", "after": "new", "instruction": "Correct the spelling."},
    ),
    Case(
        "both texts answer a prompt of the row; in a CSV, with context",
        "ask,note,draft,final\nWrite a greeting.,To a friend.,Hello sir.,Hey!\nWrite a title.,,untitled,Dawn\n",
        [
            preference(["user: Write a greeting.\n\nTo a friend."], ["assistant: Hey!"], ["assistant: Hello sir."]),
            preference(["user: Write a title."], ["assistant: Dawn"], ["assistant: untitled"], origin=[2]),
        ],
        settings={"before": "draft", "after": "final", "prompt": ["ask", "note"]},
    ),
    Case(
        "texts that are none",
        [
            {"old": None, "new": "a"},
            {"old": "a", "new": ["b"]},
            {"old": "a"},
            {"old": "", "new": "b"},
            {"old": "a", "new": "b"},
        ],
        [improved("a", "b", origin=[5])],
        [
            ("row", "wrong_type", "old", [1]),
            ("row", "wrong_type", "new", [2]),
            ("row", "missing_field", "new", [3]),
            ("row", "empty_response", "old", [4]),
        ],
        settings={"before": "old", "after": "new"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "edit", tmp_path)
