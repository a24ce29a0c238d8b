"""Golden tests of `ranking`: lists from best and from worst, rank numbers both ways, histories, repeats."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

ZH = {"prompt": ["instruction", "input"], "answers": "output", "order": "best_first", "history": "history"}


def ranked(prompt: list[str], chosen: str, rejected: str, ranks: tuple[float, float], **rest: Any) -> dict[str, Any]:
    return preference(
        prompt,
        [f"assistant: {chosen}"],
        [f"assistant: {rejected}"],
        axis="rank",
        chosen_score=ranks[0],
        rejected_score=ranks[1],
        **rest,
    )


CASES = [
    Case(
        "best first, with earlier turns as pairs; the last of the list is the worst",
        [
            {"instruction": "红色？", "input": "", "output": ["苹果", "石头", "水"], "history": []},
            {
                "instruction": "And in winter?",
                "input": "",
                "output": ["Snow.", "Sand."],
                "history": [["What falls in autumn?", "Leaves."]],
            },
            {"instruction": "Alone?", "input": "", "output": ["One."], "history": []},
            {"instruction": "None?", "input": "", "output": [], "history": []},
            {"instruction": "Same?", "input": "", "output": ["A.", "B.", "A."], "history": []},
        ],
        # gaps 2 and 1 of two preferences: 3 / 4 and 1 / 4
        [
            ranked(
                ["user: 红色？"],
                "苹果",
                "水",
                (0.0, 2.0),
                margin_percentile=0.75,
                n_responses=3,
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {"rank": 1.0}}]},
            ),
            ranked(
                ["user: What falls in autumn?", "assistant: Leaves.", "user: And in winter?"],
                "Snow.",
                "Sand.",
                (0.0, 1.0),
                margin_percentile=0.25,
                origin=[2],
            ),
        ],
        [
            ("row", "empty_response", "output", [4]),
            ("group", "one_response", None, [3]),
            ("group", "tie", None, [5]),
        ],
        settings=ZH,
    ),
    Case(
        "worst first: the same list the other way round",
        [{"q": "Best tea?", "a": ["Water.", "Grass.", "Assam."]}],
        [
            ranked(
                ["user: Best tea?"],
                "Assam.",
                "Water.",
                (0.0, 2.0),
                margin_percentile=0.5,
                n_responses=3,
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {"rank": 1.0}}]},
            )
        ],
        settings={"prompt": "q", "answers": "a", "order": "worst_first"},
    ),
    Case(
        "Nectar: rank numbers inside the answers, 1 is the best; equal ranks are ties; the prompt is a transcript",
        [
            {
                "prompt": "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: A pun? \n\nAssistant: ",
                "answers": [{"answer": "No.", "rank": 3}, {"answer": "Lettuce romaine calm.", "rank": 1}],
            },
            {
                "prompt": "\n\nHuman: Two? \n\nAssistant:",
                "answers": [{"answer": "2", "rank": 1}, {"answer": "II", "rank": 1}],
            },
            {
                "prompt": "\n\nHuman: Who? \n\nAssistant:",
                "answers": [{"answer": "Me", "rank": None}, {"answer": "You", "rank": 2}],
            },
        ],
        [
            ranked(
                ["user: Hi", "assistant: Hello!", "user: A pun?"],
                "Lettuce romaine calm.",
                "No.",
                (1.0, 3.0),
                margin_percentile=0.5,
            )
        ],
        [("group", "tie", None, [2]), ("group", "unscored", None, [3])],
        settings={"prompt": "prompt", "answers": "answers", "response": "answer", "ranks": "rank", "better": "low"},
    ),
    Case(
        "a list of ranks beside the answers where high is better; unequal lengths and NaN are rejects",
        [
            {"q": "Loud?", "a": ["whisper", "shout"], "r": [1, 2]},
            {"q": "Long?", "a": ["a", "bb"], "r": [1]},
            {"q": "Odd?", "a": ["a", "bb"], "r": [1, float("nan")]},
        ],
        [ranked(["user: Loud?"], "shout", "whisper", (2.0, 1.0), margin_percentile=0.5)],
        [("row", "wrong_type", "r", [2]), ("row", "bad_score", "r", [3])],
        settings={"prompt": "q", "answers": "a", "ranks": "r", "better": "high"},
    ),
    Case(
        "one column for each answer and each rank in a CSV",
        "q,a1,a2,r1,r2\nNorth?,Up.,Down.,2,1\nSouth?,Up.,,1,2\n",
        [ranked(["user: North?"], "Down.", "Up.", (1.0, 2.0), margin_percentile=0.5)],
        [("row", "empty_response", "a2", [2])],
        settings={"prompt": "q", "answers": ["a1", "a2"], "ranks": ["r1", "r2"], "better": "low"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "ranking", tmp_path)
