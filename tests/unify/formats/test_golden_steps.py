"""Golden tests of `steps`: the first wrong step counted from 0 and 1, rated steps, alternatives, contradictions."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.errors import UserError
from unipref.core.records import Reason
from unipref.unify.detection.guess import PLACEHOLDER, Columns, Guess
from unipref.unify.detection.step_gaps import ask_about_gaps
from unipref.unify.formats.steps import Steps

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


def rated(problem: str, *steps: list[tuple[str, int | None]], **fields: list[Any]) -> dict[str, Any]:
    """Makes a solution; `taken` and `written` are fields of its steps, one value per step."""
    versions = [{"completions": [{"text": text, "rating": rating} for text, rating in step]} for step in steps]
    for name, values in fields.items():
        versions = [
            {**step, {"written": "human"}.get(name, name): value} for step, value in zip(versions, values, strict=True)
        ]
    return {"question": {"problem": problem}, "label": {"steps": versions}}


OTHER_VERSION = {"others": [{"origin": ["d.jsonl:6"], "scores": {}}]}
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
        [("part", "neutral", "label.steps.1", [1]), ("row", "neutral", "label.steps", [3])],
        settings=PRM,
    ),
    Case(
        "an unrated version is left out, not its solution; the walk goes on past it",
        [
            rated("a", [("A1.", 1), ("A2.", -1), ("A3.", None)], [("A4.", 1), ("A5.", -1)], [("A6.", None)]),
            rated("b", [("B1.", None)], [("B2.", -1)]),
            rated("c", [("C1.", 1)], [("C2.", 7), ("C3.", -1)], [("C4.", -1)]),
        ],
        [
            preference(["user: a"], ["assistant: A1."], ["assistant: A2."]),
            preference(["user: a\n\nA1."], ["assistant: A4."], ["assistant: A5."]),
            preference(["user: c\n\nC1."], None, ["assistant: C3."], n_responses=1, origin=[3]),
        ],
        [
            ("part", "unscored", "label.steps.0.completions.2", [1]),
            ("part", "unscored", "label.steps.2.completions.0", [1]),
            ("row", "unscored", "label.steps.0.completions.0", [2]),
            ("part", "not_reached", "label.steps.1", [2]),
            ("part", "bad_label", "label.steps.1.completions.0", [3]),
            ("part", "not_reached", "label.steps.2", [3]),
        ],
        settings=PRM,
    ),
    Case(
        "null can be a code",
        [rated("a", [("A1.", None)], [("A2.", -1)])],
        [preference(["user: a\n\nA1."], None, ["assistant: A2."], n_responses=1)],
        settings={**PRM, "codes": {**PRM["codes"], None: "neutral"}},
    ),
    Case(
        "the only version of a step is the one taken, unless it is wrong; of several, the field says which one",
        [
            rated("a", [("A1.", 0)], [("A2.", 1), ("A3.", -1)]),
            rated("b", [("B1.", 0), ("B2.", 0)], [("B3.", 1), ("B4.", -1)]),
            rated("c", [("C1.", -1)], [("C2.", 1), ("C3.", -1)]),
        ],
        [
            preference(["user: a\n\nA1."], ["assistant: A2."], ["assistant: A3."]),
            preference(["user: c"], None, ["assistant: C1."], n_responses=1, origin=[3]),
        ],
        [
            ("row", "neutral", "label.steps.0", [2]),
            ("part", "neutral", "label.steps.0", [2]),
            ("part", "not_reached", "label.steps.1", [2]),
            ("part", "not_reached", "label.steps.1", [3]),
        ],
        settings=PRM,
    ),
    Case(
        "the version taken may be a later, a neutral or an unrated one; what is not used is counted",
        [
            rated("a", [("A1.", 1), ("A2.", 1)], [("A3.", 1), ("A4.", -1)], taken=[1, 0]),
            rated("b", [("B1.", 0), ("B2.", None)], [("B3.", 1), ("B4.", -1)], taken=[1, 0]),
            rated("c", [("C1.", 1), ("C2.", -1)], [("C3.", -1)], [("C4.", -1)], taken=[None, 0, 0]),
            rated("d", [("D1.", 1), ("D2.", -1)], [("D3.", -1)], taken=[2, 0]),
            rated("e", [("E1.", 1), ("E2.", -1)], [("E3.", -1)], taken=[1, 0]),
            rated("f", [("F1.", 0)], [("F2.", 1)], taken=[0, 0]),
        ],
        [
            preference(["user: a\n\nA2."], ["assistant: A3."], ["assistant: A4."]),
            preference(["user: b\n\nB2."], ["assistant: B3."], ["assistant: B4."], origin=[2]),
            preference(["user: c"], ["assistant: C1."], ["assistant: C2."], origin=[3]),
            preference(["user: d"], ["assistant: D1."], ["assistant: D2."], origin=[4]),
            preference(["user: e"], ["assistant: E1."], ["assistant: E2."], origin=[5]),
            preference(["user: f"], ["assistant: F1.\nF2."], None, n_responses=1, origin=[6]),
        ],
        [
            ("part", "tie", "label.steps.0", [1]),
            ("part", "unscored", "label.steps.0.completions.1", [2]),
            ("part", "neutral", "label.steps.0", [2]),
            ("part", "not_reached", "label.steps.1", [3]),
            ("part", "bad_label", "taken", [4]),
            ("part", "not_reached", "label.steps.1", [4]),
            ("part", "not_reached", "label.steps.1", [5]),
        ],
        settings={**PRM, "taken": "taken"},
    ),
    Case(
        "a solution goes on with the step that a person wrote, which is better than wrong ones unless it has a rating",
        [
            rated("a", [("A1.", -1)], [("A3.", 1), ("A4.", -1)], taken=[None, 0], written=["A2.", None]),
            rated("b", [("B1.", -1)], [("B3.", -1)], taken=[None, None], written=[{"text": "B2.", "rating": 1}, ""]),
            rated("c", [("C1.", -1)], [("C3.", -1)], taken=[None, 0], written=[{"text": "C2.", "rating": None}, None]),
            rated("d", [("D1.", 1)], [("D2.", -1)], taken=[0, None], written=["", {"text": ""}]),
            rated("e", [("E1.", 1), ("E2.", -1)], taken=[0], written=["E3."]),
            rated("f", [("F1.", -1)], taken=[None], written=[{"text": "F2.", "rating": -1}]),
            rated("g", [("G1.", 0)], [("G3.", -1)], taken=[None, None], written=["G2.", None]),
        ],
        [
            preference(["user: a"], ["assistant: A2."], ["assistant: A1."]),
            preference(["user: a\n\nA2."], ["assistant: A3."], ["assistant: A4."]),
            preference(["user: b"], ["assistant: B2."], ["assistant: B1."], origin=[2]),
            preference(["user: b\n\nB2."], None, ["assistant: B3."], n_responses=1, origin=[2]),
            preference(["user: c"], ["assistant: C2."], ["assistant: C1."], origin=[3]),
            preference(["user: c\n\nC2."], None, ["assistant: C3."], n_responses=1, origin=[3]),
            preference(["user: d\n\nD1."], None, ["assistant: D2."], n_responses=1, origin=[4]),
            preference(["user: e"], ["assistant: E1."], ["assistant: E2."], origin=[5]),
            *(
                preference(["user: f"], None, [f"assistant: {answer}"], origin=[6], extra=OTHER_VERSION)
                for answer in ("F2.", "F1.")
            ),
            preference(["user: g\n\nG2."], None, ["assistant: G3."], n_responses=1, origin=[7]),
        ],
        [
            ("part", "empty_response", "label.steps.1.human", [4]),
            ("part", "unscored", "label.steps.0.human", [5]),
            ("part", "neutral", "label.steps.0", [7]),
        ],
        settings={**PRM, "taken": "taken", "written": "human"},
    ),
    Case(
        "a step whose versions or text cannot be read ends the solution, and the steps before it count",
        [
            {
                "question": {"problem": "a"},
                "label": {
                    "steps": [
                        {"completions": [{"text": "A1.", "rating": 1}, {"text": "A2.", "rating": -1}]},
                        {"completions": []},
                        {"completions": [{"text": "A3.", "rating": 1}]},
                    ]
                },
            },
            {
                "question": {"problem": "b"},
                "label": {
                    "steps": [
                        {"completions": [{"text": "", "rating": 1}, {"text": "B2.", "rating": -1}, {"text": "B3."}]},
                    ]
                },
            },
        ],
        [
            preference(["user: a"], ["assistant: A1."], ["assistant: A2."]),
            preference(["user: b"], None, ["assistant: B2."], n_responses=1, origin=[2]),
        ],
        [
            ("part", "wrong_type", "label.steps.1.completions", [1]),
            ("part", "not_reached", "label.steps.2", [1]),
            ("part", "empty_response", "label.steps.0.completions.0", [2]),
            ("part", "missing_field", "label.steps.0.completions.2.rating", [2]),
        ],
        settings=PRM,
    ),
    Case(
        "neutral steps without versions: the wrong step after them counts, the whole solution does not",
        [
            {"p": "1 + 1", "s": ["Well.", "3."], "r": ["0", "-"]},
            {"p": "2 + 2", "s": ["Well.", "4."], "r": ["0", "+"]},
            {"p": "3 + 3", "s": ["7.", "8.", "9."], "r": ["-", "-", "-"]},
        ],
        [
            preference(["user: 1 + 1\n\nWell."], None, ["assistant: 3."], n_responses=1),
            preference(["user: 3 + 3"], None, ["assistant: 7."], n_responses=1, origin=[3]),
        ],
        [("row", "neutral", "s", [2]), ("part", "not_reached", "s.1", [3])],
        settings={"prompt": "p", "steps": "s", "rating": "r", "codes": {"+": "right", "-": "wrong", "0": "neutral"}},
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


def test_inspect_asks_about_ratings_that_are_null() -> None:
    rows = [rated("What is 1 + 1?", [("It is 2.", 1), ("It is 3.", -1)], [("So 2.", None)])] * 4
    guess = Steps.recognise(Columns(rows))
    assert guess is not None
    assert guess.map["codes"] == {-1: PLACEHOLDER, 1: PLACEHOLDER, None: PLACEHOLDER}
    assert any("null in 'rating' means (4 of 12)" in doubt for doubt in guess.doubts)
    flat = [{"problem": "What is 1 + 1 + 1?", "steps": ["1 + 1 = 2."] * n, "r": [1, -1, None][:n]} for n in (1, 2, 3)]
    mapping = {"prompt": "problem", "steps": "steps", "rating": "r", "codes": {}}
    one_list = ask_about_gaps(Guess(mapping, 0.8, []), Columns(flat))
    assert one_list.map["codes"] == {None: PLACEHOLDER}


def test_a_step_that_a_person_wrote_is_proposed() -> None:
    rows = [rated("Q", [("A", -1)], [("B", 1)], taken=[None, 0], written=[text, None]) for text in ("W", {"text": "V"})]
    mapping = {key: value for key, value in PRM.items() if key != "codes"} | {"codes": {1: "right"}, "taken": "taken"}
    assert ask_about_gaps(Guess(mapping, 0.8, []), Columns(rows)).map == {**mapping, "written": "human"}
    always = [rated("Q", [("A", -1)], [("B", 1)], taken=[0, 0], written=["W", None])]
    assert ask_about_gaps(Guess(mapping, 0.8, []), Columns(always)).map == mapping


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"written": "human"}, "'written' needs 'taken'"),
        ({"taken": "t", "versions": None}, "'taken' and 'written' need 'versions'"),
    ],
)
def test_settings_that_lack_another_are_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.make("format", "steps", {**PRM, **settings}, "map")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "steps", tmp_path)


CONTINUED = {**PRM, "taken": "taken", "written": "human"}


@pytest.mark.parametrize(
    ("rating", "is_continued"), [(1, True), (0, True), (None, True), (-1, False), ("no such rating", False)]
)
def test_a_solution_does_not_continue_with_a_step_that_may_be_wrong(rating: Any, is_continued: bool) -> None:
    written = {"text": "HUM", "rating": rating}
    row = rated("P", [("a", 0)], [("b", 1)], taken=[None, 0], written=[written, None])
    feedback, rejects = read_row(Steps(**CONTINUED), row)
    whole = [r.messages[0]["content"] for one in feedback for r in one.responses if r.approved]
    assert whole == (["HUM\nb"] if is_continued else [])
    assert (Reason.NOT_REACHED in [reject.reason for reject in rejects]) is not is_continued


@pytest.mark.parametrize(("rating", "is_continued"), [(0, True), (None, True), ("no such rating", False)])
def test_a_rating_that_cannot_be_read_ends_a_solution(rating: Any, is_continued: bool) -> None:
    row = rated("P", [("a", rating)], [("b", 1), ("c", -1)], taken=[0, 0])
    feedback, _ = read_row(Steps(**{**PRM, "taken": "taken"}), row)
    assert len(feedback) == int(is_continued)
