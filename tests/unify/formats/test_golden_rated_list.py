"""Golden tests of `rated_list`: nested answers on two axes, lists side by side, two fields, low-is-better, ties."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

ULTRA = {
    "prompt": "instruction",
    "answers": "completions",
    "response": "response",
    "scores": {
        "fine": {"field": "fine-grained_score", "better": "high", "low": 1, "high": 5},
        "overall": {"field": "overall_score", "better": "high", "low": 1, "high": 10},
    },
}


def answer(text: Any, fine: Any, overall: Any) -> dict[str, Any]:
    return {"response": text, "fine-grained_score": fine, "overall_score": overall}


CASES = [
    Case(
        "UltraFeedback: the first axis decides, the other is kept beside it, the middle answer in extra",
        [
            {
                "instruction": "Name a metal.",
                "completions": [answer("Wood.", 1.25, 10), answer("Iron.", 4.75, 8.5), answer("Metal.", 3, 6)],
            },
            {"instruction": "Tie?", "completions": [answer("One.", 4, 7), answer("Two.", 4, 8)]},
            {"instruction": "Alone?", "completions": [answer("Yes.", 4, 7)]},
            {"instruction": "Unscored?", "completions": [answer("Yes.", None, 7), answer("No.", 3, 7)]},
            {"instruction": "Nothing?", "completions": []},
        ],
        [
            preference(
                ["user: Name a metal."],
                ["assistant: Iron."],
                ["assistant: Wood."],
                axis="fine",
                chosen_score=4.75,
                rejected_score=1.25,
                axes={"overall": (8.5, 10.0)},
                margin_percentile=0.5,
                n_responses=3,
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {"fine": 3.0, "overall": 6.0}}]},
            )
        ],
        [
            ("row", "empty_response", "completions", [5]),
            ("group", "tie", None, [2]),
            ("group", "one_response", None, [3]),
            ("group", "unscored", None, [4]),
        ],
        settings=ULTRA,
    ),
    Case(
        "the other axis of the same row turns the order round",
        [{"instruction": "Name a metal.", "completions": [answer("Wood.", 1.25, 10), answer("Iron.", 4.75, 8.5)]}],
        [
            preference(
                ["user: Name a metal."],
                ["assistant: Wood."],
                ["assistant: Iron."],
                axis="overall",
                chosen_score=10.0,
                rejected_score=8.5,
                axes={"fine": (1.25, 4.75)},
                margin_percentile=0.5,
            )
        ],
        settings=ULTRA,
        axis="overall",
    ),
    Case(
        "an answer that cannot be used is left out, the others are compared",
        [
            {
                "instruction": "Name a star.",
                "completions": [answer("Sun.", 5, 9), answer("Moon.", 2, 3), answer("", 5, 9), answer("Vega.", 7, 9)],
            }
        ],
        [
            preference(
                ["user: Name a star."],
                ["assistant: Sun."],
                ["assistant: Moon."],
                axis="fine",
                chosen_score=5.0,
                rejected_score=2.0,
                axes={"overall": (9.0, 3.0)},
                margin_percentile=0.5,
            )
        ],
        [("part", "empty_response", "completions.2", [1]), ("part", "bad_score", "completions.3.fine", [1])],
        settings=ULTRA,
    ),
    Case(
        "two lists side by side, fewer errors are better; lists of unequal length are a reject",
        [
            {"q": "Spell it.", "texts": ["beleive", "believe"], "errors": [1, 0]},
            {"q": "Count it.", "texts": ["one", "two"], "errors": [1]},
            {"q": "Say it.", "texts": ["it", "eet"], "errors": [0, "2"]},
        ],
        [
            preference(
                ["user: Spell it."],
                ["assistant: believe"],
                ["assistant: beleive"],
                axis="errors",
                chosen_score=0.0,
                rejected_score=1.0,
                margin_percentile=0.25,
            ),
            preference(
                ["user: Say it."],
                ["assistant: it"],
                ["assistant: eet"],
                axis="errors",
                chosen_score=0.0,
                rejected_score=2.0,
                margin_percentile=0.75,
                origin=[3],
            ),
        ],
        [("row", "wrong_type", "errors", [2])],
        settings={
            "prompt": "q",
            "answers": "texts",
            "scores": {"errors": {"field": "errors", "better": "low", "low": 0}},
        },
    ),
    Case(
        "two fields each in a CSV, as in binarized sets: equal scores are a tie, whatever the columns are called",
        "prompt,chosen,rejected,s1,s2\nUp?,Sky.,Floor.,8,3\nDown?,Floor.,Sky.,5,5\nLeft?,East.,West.,2,9\n",
        [
            preference(
                ["user: Up?"],
                ["assistant: Sky."],
                ["assistant: Floor."],
                axis="score",
                chosen_score=8.0,
                rejected_score=3.0,
                margin_percentile=0.25,
            ),
            preference(
                ["user: Left?"],
                ["assistant: West."],
                ["assistant: East."],
                axis="score",
                chosen_score=9.0,
                rejected_score=2.0,
                margin_percentile=0.75,
                origin=[3],
            ),
        ],
        [("group", "tie", None, [2])],
        settings={
            "prompt": "prompt",
            "answers": ["chosen", "rejected"],
            "scores": {"score": {"field": ["s1", "s2"], "better": "high", "low": 0, "high": 10}},
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "rated_list", tmp_path)
