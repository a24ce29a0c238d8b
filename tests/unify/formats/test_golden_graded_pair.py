"""Golden tests of `graded_pair`: -3..3, 1 to 2 with an old tie code, words, several graders, grades off the scale."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

LIKERT = {"prompt": "q", "first": "a", "second": "b", "grade": "g", "scale": {"first": -3, "second": 3}}


def row(question: str, first: str, second: str, grade: Any) -> dict[str, Any]:
    return {"q": question, "a": first, "b": second, "g": grade}


def graded(
    question: str, chosen: str, rejected: str, strength: float, margin_percentile: float, **rest: Any
) -> dict[str, Any]:
    return preference(
        [f"user: {question}"],
        [f"assistant: {chosen}"],
        [f"assistant: {rejected}"],
        axis="strength",
        chosen_score=strength,
        rejected_score=0.0,
        margin_percentile=margin_percentile,
        **rest,
    )


CASES = [
    Case(
        "HelpSteer: negative means the first is better, 0 is a tie; strengths 3, 1, 2 are the margins' order",
        [
            row("Capital of Peru?", "Lima.", "Quito.", -3),
            row("A rhyme for cat?", "Dog.", "Hat.", 1),
            row("2 + 2?", "4", "Four.", 0),
            row("Largest planet?", "Saturn.", "Jupiter.", 2),
            row("Boiling point?", "100 C.", "90 C.", "-2"),
        ],
        # gaps 3, 1, 2, 2 of 4: (3 + 4) / 2 / 4, (0 + 1) / 2 / 4, and the two 2s share (1 + 3) / 2 / 4
        [
            graded("Capital of Peru?", "Lima.", "Quito.", 3.0, 7 / 8, extra={"grade": -3}),
            graded("A rhyme for cat?", "Hat.", "Dog.", 1.0, 1 / 8, origin=[2], extra={"grade": 1}),
            graded("Largest planet?", "Jupiter.", "Saturn.", 2.0, 4 / 8, origin=[4], extra={"grade": 2}),
            graded("Boiling point?", "100 C.", "90 C.", 2.0, 4 / 8, origin=[5], extra={"grade": "-2"}),
        ],
        [("group", "tie", None, [3])],
        settings=LIKERT,
    ),
    Case(
        "AlpacaEval: 1 is the first, 2 the second, 1.5 and the old 0 a tie, 1.25 in between",
        [
            row("Say hi.", "Hi!", "No.", 1),
            row("Say bye.", "No.", "Bye!", 2),
            row("Say so.", "So.", "So!", 1.5),
            row("Say it.", "It.", "It!", 0),
            row("Say ah.", "Ah.", "Oh.", 1.25),
        ],
        [
            graded("Say hi.", "Hi!", "No.", 0.5, 2 / 3, extra={"grade": 1}),
            graded("Say bye.", "Bye!", "No.", 0.5, 2 / 3, origin=[2], extra={"grade": 2}),
            graded("Say ah.", "Ah.", "Oh.", 0.25, 1 / 6, origin=[5], extra={"grade": 1.25}),
        ],
        [("group", "tie", None, [3]), ("group", "tie", None, [4])],
        settings={**LIKERT, "scale": {"first": 1, "second": 2}, "codes": {0: 0}},
    ),
    Case(
        "words; one that is not in the codes is a reject, not a guess",
        [
            row("Q1", "A1", "B1", "a-is-slightly-better"),
            row("Q2", "A2", "B2", "b-is-better"),
            row("Q3", "A3", "B3", "same"),
            row("Q4", "A4", "B4", "A-is-better"),
            row("Q5", "A5", "B5", "  a-is-better "),
        ],
        [
            graded("Q1", "A1", "B1", 1.0, 1 / 6, extra={"grade": "a-is-slightly-better"}),
            graded("Q2", "B2", "A2", 2.0, 4 / 6, origin=[2], extra={"grade": "b-is-better"}),
            graded("Q5", "A5", "B5", 2.0, 4 / 6, origin=[5], extra={"grade": "  a-is-better "}),
        ],
        [("row", "bad_label", "g", [4]), ("group", "tie", None, [3])],
        settings={
            "prompt": "q",
            "first": "a",
            "second": "b",
            "grade": "g",
            "codes": {"a-is-better": 2, "a-is-slightly-better": 1, "same": 0, "b-is-better": -2},
        },
    ),
    Case(
        "several graders: the mean decides, the share that agrees is the confidence",
        [
            {"q": "Why?", "a": "Because.", "b": "It rains.", "g": {"x": 2, "y": 3, "z": -1}},
            {"q": "How?", "a": "Slowly.", "b": "Fast.", "g": {"x": -1, "y": 1, "z": None}},
        ],
        # (2 + 3 - 1) / 3 towards the second; two of three agree
        [
            graded(
                "Why?",
                "It rains.",
                "Because.",
                4 / 3,
                0.5,
                confidence=pytest.approx(2 / 3, abs=1e-6),
                n_judgements=3,
                extra={"grade": [2, 3, -1]},
            )
        ],
        [("group", "contradiction", None, [2])],
        settings={**LIKERT, "grade": ["g.x", "g.y", "g.z"]},
    ),
    Case(
        "rows that cannot be used, each for its own reason",
        [
            row("Fine?", "Yes.", "No.", -1),
            row("Off?", "Yes.", "No.", 4),
            row("None?", "Yes.", "No.", None),
            row("NaN?", "Yes.", "No.", float("nan")),
            row("Flag?", "Yes.", "No.", True),
            row("Empty?", "", "No.", 1),
            row("Not text?", True, "No.", 1),
        ],
        [graded("Fine?", "Yes.", "No.", 1.0, 0.5, extra={"grade": -1})],
        [
            ("row", "bad_score", "g", [2]),
            ("row", "unscored", "g", [3]),
            ("row", "unscored", "g", [4]),
            ("row", "wrong_type", "g", [5]),
            ("row", "empty_response", "a", [6]),
            ("row", "wrong_type", "a", [7]),
        ],
        settings=LIKERT,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "graded_pair", tmp_path)
