"""Golden tests of `thumbs`: labels as booleans, texts and numbers; one prompt liked and disliked."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

KTO = {"messages": "messages", "label": "label"}


def dialogue(*texts: str) -> list[dict[str, str]]:
    return [{"content": text, "role": ("user", "assistant")[i % 2]} for i, text in enumerate(texts)]


def judged(label: Any, *texts: str) -> dict[str, Any]:
    return {"messages": dialogue(*texts), "label": label}


CASES = [
    Case(
        "KTO: a thumb up has no rejected side, a thumb down no chosen one",
        [judged(True, "Rhyme with moon.", "June."), judged(False, "Sum of 2 and 2?", "5")],
        [
            preference(["user: Rhyme with moon."], ["assistant: June."], None, n_responses=1),
            preference(["user: Sum of 2 and 2?"], None, ["assistant: 5"], n_responses=1, origin=[2]),
        ],
        settings=KTO,
    ),
    Case(
        "several turns, a system turn: the prompt reaches up to the last user turn",
        [
            {
                "messages": [
                    {"role": "system", "content": "You are terse."},
                    *dialogue("Who was Ada?", "A mathematician.", "Born?", "1815."),
                ],
                "label": True,
            }
        ],
        [
            preference(
                ["system: You are terse.", "user: Who was Ada?", "assistant: A mathematician.", "user: Born?"],
                ["assistant: 1815."],
                None,
                n_responses=1,
            )
        ],
        settings=KTO,
    ),
    Case(
        "the same prompt liked and disliked is a pair; what is left over stands alone",
        [
            judged(False, "A pun?", "No."),
            judged(True, "A pun?", "I used to be a banker but I lost interest."),
            judged(False, "a  PUN?", "Puns are banned."),
        ],
        # which of the two disliked answers makes the pair is decided by their content, not by their order
        [
            preference(
                ["user: A pun?"],
                ["assistant: I used to be a banker but I lost interest."],
                ["assistant: Puns are banned."],
                n_responses=3,
                origin=[2, 3],
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {}}]},
            ),
            preference(
                ["user: A pun?"],
                None,
                ["assistant: No."],
                n_responses=3,
                extra={
                    "others": [{"origin": ["d.jsonl:2"], "scores": {}}, {"origin": ["d.jsonl:3"], "scores": {}}],
                },
            ),
        ],
        settings=KTO,
    ),
    Case(
        "the same answer judged both ways is a contradiction; judged twice the same way it counts once",
        [
            judged(True, "Q1", "A"),
            judged(False, "Q1", "A"),
            judged(True, "Q2", "B"),
            judged(True, "Q2", "B"),
        ],
        [preference(["user: Q2"], ["assistant: B"], None, n_responses=1, origin=[3, 4])],
        [("group", "contradiction", None, [1, 2])],
        settings=KTO,
    ),
    Case(
        "CSV: the label is a text; true is 'true', 'True' or 'TRUE', nothing else is guessed",
        "prompt,reply,liked\nOne?,Eins,True\nTwo?,Zwei,False\nThree?,Drei,true\nFour?,Vier,\nFive?,Fünf,yes\n",
        [
            preference(["user: One?"], ["assistant: Eins"], None, n_responses=1),
            preference(["user: Two?"], None, ["assistant: Zwei"], n_responses=1, origin=[2]),
            preference(["user: Three?"], ["assistant: Drei"], None, n_responses=1, origin=[3]),
        ],
        [("row", "unscored", "liked", [4]), ("row", "bad_label", "liked", [5])],
        settings={"prompt": "prompt", "response": "reply", "label": "liked"},
    ),
    Case(
        "labels as words and numbers; 1 is not true unless the mapping says so",
        [
            {"q": "a", "r": "A", "v": "up"},
            {"q": "b", "r": "B", "v": 1},
            {"q": "c", "r": "C", "v": -1},
            {"q": "d", "r": "D", "v": "-1"},
            {"q": "e", "r": "E", "v": True},
            {"q": "f", "r": "F", "v": 0},
            {"q": "g", "r": "G", "v": None},
            {"q": "h", "r": "H", "v": [1]},
        ],
        [
            preference(["user: a"], ["assistant: A"], None, n_responses=1),
            preference(["user: b"], ["assistant: B"], None, n_responses=1, origin=[2]),
            preference(["user: c"], None, ["assistant: C"], n_responses=1, origin=[3]),
            preference(["user: d"], None, ["assistant: D"], n_responses=1, origin=[4]),
            preference(["user: h"], ["assistant: H"], None, n_responses=1, origin=[8]),
        ],
        [("row", "bad_label", "v", [5]), ("row", "bad_label", "v", [6]), ("row", "unscored", "v", [7])],
        settings={"prompt": "q", "response": "r", "label": "v", "up": ["up", 1], "down": [-1]},
    ),
    Case(
        "rows that cannot be used, each for its own reason",
        [
            judged(True, "Ok?", "Yes."),
            judged(True, "No answer?"),
            judged(True, "Empty?", ""),
            judged(True, "", "Nothing was asked."),
            {"messages": [], "label": True},
            {"messages": dialogue("Q", "A")},
            {"messages": [{"role": "assistant", "content": "Hello."}], "label": True},
        ],
        [preference(["user: Ok?"], ["assistant: Yes."], None, n_responses=1)],
        [
            ("row", "no_answer", "messages", [2]),
            ("row", "empty_response", "messages", [3]),
            ("row", "empty_prompt", "messages", [4]),
            ("row", "wrong_type", "messages", [5]),
            ("row", "missing_field", "label", [6]),
            ("row", "empty_prompt", "messages", [7]),
        ],
        settings=KTO,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "thumbs", tmp_path)
