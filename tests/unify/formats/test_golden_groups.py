"""Golden tests of `groups`: m good against n bad answers, lists and separated texts, leftovers, contradictions."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

LISTS = {"prompt": "question", "good": "correct", "bad": "incorrect"}
OTHERS = {"others": [{"origin": ["d.jsonl:1"], "scores": {}}, {"origin": ["d.jsonl:1"], "scores": {}}]}


def row(question: str, correct: Any, incorrect: Any) -> dict[str, Any]:
    return {"question": question, "correct": correct, "incorrect": incorrect}


CASES = [
    Case(
        "one good and one bad answer are a pair; a good one alone has no rejected side, a bad one no chosen",
        [
            row("Is Mars red?", ["Yes."], ["No, blue."]),
            row("Is ice warm?", ["No."], []),
            row("Is fire wet?", None, "Yes."),
            row("Is sand soft?", [], []),
            row("Is tin tin?", ["It is.", "It is."], ["It is not."]),
        ],
        [
            preference(["user: Is Mars red?"], ["assistant: Yes."], ["assistant: No, blue."]),
            preference(["user: Is ice warm?"], ["assistant: No."], None, n_responses=1, origin=[2]),
            preference(["user: Is fire wet?"], None, ["assistant: Yes."], n_responses=1, origin=[3]),
            preference(["user: Is tin tin?"], ["assistant: It is."], ["assistant: It is not."], origin=[5]),
        ],
        [("row", "empty_response", "correct", [4])],
        settings=LISTS,
    ),
    Case(
        "two good against one bad: one pair, and the good answer that is left over stands alone",
        [row("Is tea a drink?", ["Yes, a hot one.", "Of course."], ["It is a hat."])],
        # which of the good answers makes the pair is decided by the hash of its content
        [
            preference(
                ["user: Is tea a drink?"],
                ["assistant: Yes, a hot one."],
                ["assistant: It is a hat."],
                n_responses=3,
                extra={"others": OTHERS["others"][:1]},
            ),
            preference(
                ["user: Is tea a drink?"],
                ["assistant: Of course."],
                None,
                n_responses=3,
                extra=OTHERS,
            ),
        ],
        settings=LISTS,
    ),
    Case(
        "TruthfulQA's CSV: the best answer, more of them in one cell joined by semicolons, wrong ones likewise",
        "Question,Best Answer,Incorrect Answers\nCan pigs fly?,No; they cannot,Yes\nDo fish talk?,No,\n",
        [
            preference(
                ["user: Can pigs fly?"],
                ["assistant: they cannot"],
                ["assistant: Yes"],
                n_responses=3,
                extra={"others": [{"origin": ["d.csv:2"], "scores": {}}]},
            ),
            preference(
                ["user: Can pigs fly?"],
                ["assistant: No"],
                None,
                n_responses=3,
                extra={"others": [{"origin": ["d.csv:2"], "scores": {}}] * 2},
            ),
            preference(["user: Do fish talk?"], ["assistant: No"], None, n_responses=1, origin=[2]),
        ],
        settings={"prompt": "Question", "good": "Best Answer", "bad": ["Incorrect Answers"], "separator": "; "},
    ),
    Case(
        "rows that cannot be used, each for its own reason",
        [
            row("Same?", ["Yes."], ["Yes."]),
            row("Flag?", [True], ["No."]),
            row("Empty?", [""], ["No."]),
            row("", ["Yes."], ["No."]),
            {"question": "Gone?", "correct": ["Yes."]},
            row("Fine?", ["Yes."], ["No."]),
        ],
        [preference(["user: Fine?"], ["assistant: Yes."], ["assistant: No."], origin=[6])],
        [
            ("row", "wrong_type", "correct", [2]),
            ("row", "empty_response", "correct", [3]),
            ("row", "empty_prompt", "question", [4]),
            ("row", "missing_field", "incorrect", [5]),
            ("group", "contradiction", None, [1]),
        ],
        settings=LISTS,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "groups", tmp_path)
