"""Golden tests of `ratings`: several axes, a low-is-better one, ties, single answers, answers rated twice."""

from pathlib import Path

import pytest

from support.golden import Case, check, preference

STARS = {
    "prompt": "question",
    "response": "answer",
    "scores": {"help": {"field": "stars", "low": 1, "high": 5, "better": "high"}},
}
TWO_AXES = {
    "prompt": ["context", "turn"],
    "response": "reply",
    "scores": {
        "overall": {"field": "scores.overall", "low": 1, "high": 5, "better": "high"},
        "toxicity": {"field": "scores.toxicity", "low": 0, "high": 1, "better": "low"},
    },
    "keep": ["system_id"],
}


def reply(text: str, overall: float | None, toxicity: float | None, system: str) -> dict[str, object]:
    scores = {"overall": overall, "toxicity": toxicity}
    return {"context": "a fact", "turn": "Hi there", "reply": text, "scores": scores, "system_id": system}


CASES = [
    Case(
        "CSV on one axis: cells are text, the best against the worst of three, margins by hand",
        "question,answer,stars\n"
        "How do I boil rice?,Two parts water; simmer 12 minutes.,5\n"
        'How do I boil rice?,"Boil it, I guess.",2\n'
        "Why is the sky blue?,Rayleigh scattering.,4\n"
        "How do I boil rice?,In a pot.,3\n"
        "Why is the sky blue?,It reflects the sea.,1\n"
        "What is 7 x 8?,56,5\n"
        "What is 7 x 8?,54,4\n",
        # gaps 3, 3, 1: the two 3s stand above one and share the upper two places, (1 + 3) / 2 / 3; (0 + 1) / 2 / 3
        [
            preference(
                ["user: How do I boil rice?"],
                ["assistant: Two parts water; simmer 12 minutes."],
                ["assistant: Boil it, I guess."],
                axis="help",
                chosen_score=5.0,
                rejected_score=2.0,
                margin_percentile=2 / 3,
                n_responses=3,
                origin=[1, 2],
                extra={"others": [{"origin": ["d.csv:5"], "scores": {"help": 3.0}}]},
            ),
            preference(
                ["user: Why is the sky blue?"],
                ["assistant: Rayleigh scattering."],
                ["assistant: It reflects the sea."],
                axis="help",
                chosen_score=4.0,
                rejected_score=1.0,
                margin_percentile=2 / 3,
                origin=[3, 5],
            ),
            preference(
                ["user: What is 7 x 8?"],
                ["assistant: 56"],
                ["assistant: 54"],
                axis="help",
                chosen_score=5.0,
                rejected_score=4.0,
                margin_percentile=1 / 6,
                origin=[6, 7],
            ),
        ],
        settings=STARS,
    ),
    Case(
        "two axes, the first decides; the other is kept beside it",
        [reply("Nice hat!", 4.5, 0.3, "human"), reply("Go away.", 1.5, 0.9, "bot")],
        [
            preference(
                ["user: a fact\n\nHi there"],
                ["assistant: Nice hat!"],
                ["assistant: Go away."],
                axis="overall",
                chosen_score=4.5,
                rejected_score=1.5,
                axes={"toxicity": (0.3, 0.9)},
                margin_percentile=0.5,
                origin=[1, 2],
                extra={"chosen": {"system_id": "human"}, "rejected": {"system_id": "bot"}},
            )
        ],
        settings=TWO_AXES,
    ),
    Case(
        "the source decides by the axis on which low is better: the less toxic answer is chosen, though worse overall",
        [reply("Meh.", 2, 0.1, "a"), reply("Splendid, you fool!", 5, 0.8, "b")],
        [
            preference(
                ["user: a fact\n\nHi there"],
                ["assistant: Meh."],
                ["assistant: Splendid, you fool!"],
                axis="toxicity",
                chosen_score=0.1,
                rejected_score=0.8,
                axes={"overall": (2.0, 5.0)},
                margin_percentile=0.5,
                origin=[1, 2],
                extra={"chosen": {"system_id": "a"}, "rejected": {"system_id": "b"}},
            )
        ],
        settings=TWO_AXES,
        axis="toxicity",
    ),
    Case(
        "prompts alike but for case and blanks are one; the same answer rated twice counts once, with its mean",
        [
            {"question": "Best tea?", "answer": "Assam.", "stars": 5},
            {"question": "best  TEA?", "answer": "Assam.", "stars": 2},
            {"question": " Best tea?\n", "answer": "Any.", "stars": 3},
        ],
        [
            preference(
                ["user: Best tea?"],
                ["assistant: Assam."],
                ["assistant: Any."],
                axis="help",
                chosen_score=3.5,
                rejected_score=3.0,
                margin_percentile=0.5,
                n_responses=2,
                n_judgements=1,  # the worse answer was judged once
                origin=[1, 2, 3],
            )
        ],
        settings=STARS,
    ),
    Case(
        "means over three raters that differ in the last digit only are a tie; one answer; nobody scored",
        [
            {"question": "Ok?", "answer": "Yes.", "stars": 5},
            {"question": "Ok?", "answer": "No.", "stars": 1},
            {"question": "Tie?", "answer": "A", "stars": 0.1 + 0.2 + 3},
            {"question": "Tie?", "answer": "B", "stars": 3.3},
            {"question": "Alone?", "answer": "A", "stars": 4},
            {"question": "Unscored?", "answer": "A", "stars": None},
            {"question": "Unscored?", "answer": "B", "stars": 4},
            {"question": "Unscored?", "answer": "C"},
        ],
        [
            preference(
                ["user: Ok?"],
                ["assistant: Yes."],
                ["assistant: No."],
                axis="help",
                chosen_score=5.0,
                rejected_score=1.0,
                margin_percentile=0.5,
                origin=[1, 2],
            )
        ],
        [
            ("row", "unscored", "stars", [6]),
            ("row", "unscored", "stars", [8]),
            ("group", "tie", None, [3, 4]),
            ("group", "one_response", None, [5]),
            ("group", "one_response", None, [7]),
        ],
        settings=STARS,
    ),
    Case(
        "an answer without a score is a reject of its own",
        [
            {"question": "Q", "answer": "A", "stars": 2},
            {"question": "Q", "answer": "B", "stars": ""},
            {"question": "Q", "answer": "C", "stars": "4.5"},
        ],
        [
            preference(
                ["user: Q"],
                ["assistant: C"],
                ["assistant: A"],
                axis="help",
                chosen_score=4.5,
                rejected_score=2.0,
                margin_percentile=0.5,
                origin=[3, 1],
            )
        ],
        [("row", "unscored", "stars", [2])],
        settings=STARS,
    ),
    Case(
        "rows that cannot be used, each for its own reason",
        [
            {"question": "Q", "answer": "A", "stars": 2},
            {"question": "Q", "answer": "C", "stars": 4},
            {"question": "Q", "answer": "D", "stars": 6},
            {"question": "Q", "answer": "E", "stars": "four"},
            {"question": "Q", "answer": "F", "stars": True},
            {"question": "Q", "answer": "G", "stars": "nan"},
            {"question": "Q", "answer": "  ", "stars": 4},
            {"question": "", "answer": "H", "stars": 4},
            {"question": "Q", "reply": "I", "stars": 4},
            {"question": "Q", "answer": ["J"], "stars": 4},
        ],
        [
            preference(
                ["user: Q"],
                ["assistant: C"],
                ["assistant: A"],
                axis="help",
                chosen_score=4.0,
                rejected_score=2.0,
                margin_percentile=0.5,
                origin=[2, 1],
            )
        ],
        [
            ("row", "bad_score", "stars", [3]),
            ("row", "wrong_type", "stars", [4]),
            ("row", "wrong_type", "stars", [5]),
            ("row", "bad_score", "stars", [6]),
            ("row", "empty_response", "answer", [7]),
            ("row", "empty_prompt", "question", [8]),
            ("row", "missing_field", "answer", [9]),
            ("row", "wrong_type", "answer", [10]),
        ],
        settings=STARS,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "ratings", tmp_path)
