"""Golden tests of `critique`: no order by itself; with a scorer the answers to a prompt are compared."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference, unify_case
from unipref.core.errors import UserError

SHEPHERD = {"prompt": "question", "response": "answer", "critique": "feedback"}


def row(question: str, answer: str, feedback: Any) -> dict[str, Any]:
    return {"question": question, "answer": answer, "feedback": feedback}


ROWS = [
    row("Why rain?", "Clouds cool.", "A good start and a good end"),
    row("Why rain?", "It is sad.", "bad"),
    row("Why snow?", "Cold clouds.", "good"),
    row("why  RAIN?", "Water falls.", "good but bad"),
    row("Why hail?", "Ice.", "It depends."),
    row("Why hail?", "Wind.", "good"),
    row("Why fog?", "", "bad"),
    row("Why dew?", "Night.", None),
]

CASES = [
    Case(
        "a scorer's numbers decide, across rows; the critique of each side is kept",
        ROWS,
        [
            preference(
                ["user: Why rain?"],
                ["assistant: Clouds cool."],
                ["assistant: It is sad."],
                axis="critique",
                chosen_score=2.0,
                rejected_score=-1.0,
                margin_percentile=0.5,
                n_responses=3,
                origin=[1, 2],
                extra={
                    "chosen": {"critique": "A good start and a good end"},
                    "rejected": {"critique": "bad"},
                    "others": [{"origin": ["d.jsonl:4"], "scores": {"critique": 0.0}}],
                },
            )
        ],
        [
            ("row", "empty_response", "answer", [7]),
            ("row", "wrong_type", "feedback", [8]),
            ("group", "one_response", None, [3]),
            ("group", "unscored", None, [5, 6]),
        ],
        settings={**SHEPHERD, "scorer": "support.own_scorer.praise"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "critique", tmp_path)


def test_without_a_scorer_every_row_is_a_reject_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        unify_case(Case("", ROWS, settings=SHEPHERD), "critique", tmp_path)
    assert "no preference could be made from 8 rows" in str(caught.value)
    assert "d: 6 x no_order" in str(caught.value)
    assert "field 'feedback': a critique does not say which answer is better; set a 'scorer'" in str(caught.value)
