"""Golden tests of `steps`: the first wrong step counted from 0 and 1, rated steps, alternatives, contradictions."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

MISTAKE = {"prompt": "input", "steps": "steps", "first_wrong": "mistake_index", "answer": "answer", "target": "target"}
PRM = {
    "prompt": "question.problem",
    "steps": "label.steps",
    "versions": "completions",
    "step": "text",
    "rating": "rating",
    "codes": {-1: "wrong", 0: "neutral", 1: "right"},
}


def solved(problem: str, steps: list[str], mistake: Any, answer: str, target: str = "15") -> dict[str, Any]:
    return {"input": problem, "steps": steps, "mistake_index": mistake, "answer": answer, "target": target}


def rated(problem: str, *steps: list[tuple[str, int]]) -> dict[str, Any]:
    versions = [{"completions": [{"text": text, "rating": rating} for text, rating in step]} for step in steps]
    return {"question": {"problem": problem}, "label": {"steps": versions}}


CASES = [
    Case(
        "BIG-Bench-Mistake: index 0 is the first step, null is none; a wrong step has no chosen side",
        [
            solved("2 + 3 * 4 + 1", ["3 * 4 = 12.", "2 + 12 = 15.", "15 + 1 = 16."], 1, "16"),
            solved("3 * 5", ["3 * 5 = 16."], 0, "16"),
            solved("10 + 5", ["10 + 5 is 15.", "So 15."], None, "15"),
            solved("20 - 5", ["20 - 5 = 14."], None, "14"),
            solved("30 / 2", ["30 / 2 = 16.", "No: 15."], 0, "15"),
            solved("5 + 10", ["So 15."], 1, "15"),
        ],
        [
            preference(["user: 2 + 3 * 4 + 1\n\n3 * 4 = 12."], None, ["assistant: 2 + 12 = 15."], n_responses=1),
            preference(["user: 3 * 5"], None, ["assistant: 3 * 5 = 16."], n_responses=1, origin=[2]),
            preference(
                ["user: 10 + 5"],
                ["assistant: 10 + 5 is 15.\nSo 15."],
                None,
                axes={"target": (1.0, None)},
                n_responses=1,
                origin=[3],
            ),
            preference(["user: 30 / 2"], None, ["assistant: 30 / 2 = 16."], n_responses=1, origin=[5]),
        ],
        [("row", "contradiction", "target", [4]), ("row", "bad_label", "mistake_index", [6])],
        settings=MISTAKE,
    ),
    Case(
        "the same number counted from 1 means the step before",
        [solved("2 + 3 * 4 + 1", ["3 * 4 = 12.", "2 + 12 = 15.", "15 + 1 = 16."], 1, "16")],
        [preference(["user: 2 + 3 * 4 + 1"], None, ["assistant: 3 * 4 = 12."], n_responses=1)],
        settings={**MISTAKE, "counted_from": 1},
    ),
    Case(
        "PRM800K: the right alternative against the wrong one, the right steps before them end the prompt",
        [
            rated("x + 1 = 3", [("Subtract 1.", 1)], [("x = 4.", -1), ("x = 2.", 1), ("Hm.", 0)], [("Done.", 1)]),
            rated("y = 1", [("y = 2.", -1)]),
            rated("z = 1", [("Well.", 0)]),
        ],
        [
            preference(["user: x + 1 = 3\n\nSubtract 1."], ["assistant: x = 2."], ["assistant: x = 4."]),
            preference(["user: y = 1"], None, ["assistant: y = 2."], n_responses=1, origin=[2]),
        ],
        [("row", "no_answer", None, [3])],
        settings=PRM,
    ),
    Case(
        "a list of ratings beside the steps; an unknown rating and a missing one are rejects",
        [
            {"p": "1 + 1", "s": ["1 + 1 = 2.", "2."], "r": ["+", "+"]},
            {"p": "2 + 2", "s": ["2 + 2 = 4.", "5."], "r": ["+", "-"]},
            {"p": "3 + 3", "s": ["6."], "r": ["?"]},
            {"p": "4 + 4", "s": ["8.", "8!"], "r": ["+"]},
            {"p": "5 + 5", "s": [], "r": []},
        ],
        [
            preference(["user: 1 + 1"], ["assistant: 1 + 1 = 2.\n2."], None, n_responses=1),
            preference(["user: 2 + 2\n\n2 + 2 = 4."], None, ["assistant: 5."], n_responses=1, origin=[2]),
        ],
        [("row", "bad_label", "s.0", [3]), ("row", "wrong_type", "r", [4]), ("row", "wrong_type", "s", [5])],
        settings={"prompt": "p", "steps": "s", "rating": "r", "codes": {"+": "right", "-": "wrong"}},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "steps", tmp_path)
