"""Golden tests of `multiple_choice`: WinoGrande with its twins, letters, lists of options, codes that are wrong."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference, unify_case

WINOGRANDE = {
    "prompt": "sentence",
    "options": ["option1", "option2"],
    "answer": "answer",
    "first": 1,
    "twins": {"field": "qID", "pattern": "^(.+)-[12]$"},
}


def wino(identity: str, sentence: str, answer: Any, options: tuple[Any, Any] = ("cup", "jug")) -> dict[str, Any]:
    return {"qID": identity, "sentence": sentence, "option1": options[0], "option2": options[1], "answer": answer}


OK = wino("ok-1", "The cup broke before the jug because the _ was thin.", "1")
CUP = preference(["user: The cup broke before the jug because the _ was thin."], ["assistant: cup"], ["assistant: jug"])

CASES = [
    Case(
        "WinoGrande: answers are the texts '1' and '2'; twins have opposite answers",
        [
            wino("3AB-1", "The cup did not fit in the jug because the _ was too wide.", "1"),
            wino("3AB-2", "The cup did not fit in the jug because the _ was too narrow.", "2"),
        ],
        [
            preference(
                ["user: The cup did not fit in the jug because the _ was too wide."],
                ["assistant: cup"],
                ["assistant: jug"],
            ),
            preference(
                ["user: The cup did not fit in the jug because the _ was too narrow."],
                ["assistant: jug"],
                ["assistant: cup"],
                origin=[2],
            ),
        ],
        settings=WINOGRANDE,
    ),
    Case(
        "a wrong code, no code (the test file), the same option twice, an empty option, an id without a twin",
        [
            OK,
            wino("a-1", "S _", "3"),
            wino("a-1", "S _", ""),
            {k: v for k, v in wino("a-1", "S _", "1").items() if k != "answer"},
            wino("a-1", "S _", "2", ("cup", "cup")),
            wino("a-1", "S _", "2", ("cup", " ")),
            wino("a", "S _", "2"),
            wino("a-1", "", "2"),
            wino("a-1", "S _", "0"),
            wino("a-1", "S _", None),
        ],
        [CUP],
        [
            ("row", "bad_label", "answer", [2]),
            ("row", "bad_label", "answer", [3]),
            ("row", "missing_field", "answer", [4]),
            ("row", "empty_response", "option2", [6]),
            ("row", "bad_label", "qID", [7]),
            ("row", "empty_prompt", "sentence", [8]),
            ("row", "bad_label", "answer", [9]),
            ("row", "bad_label", "answer", [10]),
            ("group", "same_response", None, [5]),
        ],
        settings=WINOGRANDE,
    ),
    Case(
        "letters, upper or lower case; two texts make the prompt",
        [
            {"passage": "Iron rusts.", "q": "In what?", "opt_a": "Oil", "opt_b": "Damp air", "label": "b"},
            {"passage": None, "q": "Sky at noon?", "opt_a": "Blue", "opt_b": "Green", "label": " A "},
        ],
        [
            preference(["user: Iron rusts.\n\nIn what?"], ["assistant: Damp air"], ["assistant: Oil"]),
            preference(["user: Sky at noon?"], ["assistant: Blue"], ["assistant: Green"], origin=[2]),
        ],
        settings={"prompt": ["passage", "q"], "options": ["opt_a", "opt_b"], "answer": "label", "first": "A"},
    ),
    Case(
        "a list of four options, numbered from 0, some writers write 2.0; the wrong one is picked by content",
        [
            {"q": "Largest?", "choices": ["Mars", "Venus", "Jupiter", "Earth"], "gold": 2, "subject": "planets"},
            {"q": "Second?", "choices": ["Mars", "Saturn"], "gold": 1.0, "subject": None},
        ],
        [
            preference(
                ["user: Largest?"],
                ["assistant: Jupiter"],
                ["assistant: Mars"],
                n_responses=4,
                extra={
                    "subject": "planets",
                    "others": [{"origin": ["d.jsonl:1"], "scores": {}}, {"origin": ["d.jsonl:1"], "scores": {}}],
                },
            ),
            preference(
                ["user: Second?"], ["assistant: Saturn"], ["assistant: Mars"], origin=[2], extra={"subject": None}
            ),
        ],
        settings={"prompt": "q", "options": "choices", "answer": "gold", "first": 0, "keep": ["subject"]},
    ),
    Case(
        "the answer is the right option's own text",
        [
            {"q": "Capital of Peru?", "choices": ["Lima", "Quito"], "gold": "Lima"},
            {"q": "Capital of Chad?", "choices": ["Lima", "Quito"], "gold": "N'Djamena"},
            {"q": "Twice?", "choices": ["Lima", "Lima", "Quito"], "gold": "Lima"},
            {"q": "Not a list?", "choices": "Lima or Quito", "gold": "Lima"},
            {"q": "One?", "choices": ["Lima"], "gold": "Lima"},
        ],
        [preference(["user: Capital of Peru?"], ["assistant: Lima"], ["assistant: Quito"])],
        [
            ("row", "bad_label", "gold", [2]),
            ("row", "bad_label", "gold", [3]),
            ("row", "wrong_type", "choices", [4]),
            ("group", "one_response", None, [5]),
        ],
        settings={"prompt": "q", "options": "choices", "answer": "gold", "first": "text"},
    ),
    Case(
        "codes that look like numbers or letters and are none",
        [OK, *(wino("a-1", "S _", code) for code in ("²", "--1", "1" * 5000, "1.", "ß", True, 1.5, [1]))],
        [CUP],
        [("row", "bad_label", "answer", [row]) for row in range(2, 10)],
        settings=WINOGRANDE,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "multiple_choice", tmp_path)


def test_only_twins_share_a_group(tmp_path: Path) -> None:
    rows = [
        wino("3AB-1", "The _ was too wide.", "1"),
        wino("3AB-2", "The _ was too narrow.", "2"),
        wino("9XY-1", "The _ was too heavy.", "1"),
    ]
    first, twin, other = unify_case(Case("", rows, settings=WINOGRANDE), "multiple_choice", tmp_path).preferences
    assert first["group"] == twin["group"] != other["group"]
    assert len({first["id"], twin["id"], other["id"]}) == 3
