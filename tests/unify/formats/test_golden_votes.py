"""Golden tests of `votes`: three annotators whose 0 is a tie, lists of votes, counts, arena dialogues that part."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference

PANDA = {
    "prompt": ["instruction", "input"],
    "first": "response1",
    "second": "response2",
    "votes": ["annotator1", "annotator2", "annotator3"],
    "codes": {0: "tie", 1: "first", 2: "second"},
}
ARENA = {
    "first": "conversation_a",
    "second": "conversation_b",
    "votes": "winner",
    "codes": {"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "tie"},
}


def judged(instruction: str, first: Any, second: Any, *votes: Any) -> dict[str, Any]:
    names = ("annotator1", "annotator2", "annotator3")
    return {
        "instruction": instruction,
        "input": "",
        "response1": first,
        "response2": second,
        **dict(zip(names, votes, strict=True)),
    }


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def share(agree: int, of: int) -> Any:
    return pytest.approx(agree / of, abs=1e-6)


CASES = [
    Case(
        "PandaLM: the majority decides, 0 is a tie and never the first answer",
        [
            judged("Name a fruit.", "Apple.", "Chair.", 1, 1, 1),
            judged("Name a tree.", "Stone.", "Oak.", 2, 2, 0),
            judged("Name a fish.", "Cod.", "Carp.", 0, 0, 0),
            judged("Name a bird.", "Owl.", "Bat.", 1, 1, 2),
            judged("Name a gas.", "Neon.", "Argon.", 1, 2, 0),
            judged("Name a sea.", True, "Black Sea.", 2, 2, 2),
            judged("Name a car.", "Beetle.", "", 1, 1, 1),
            judged("Name a tool.", "Saw.", "Song.", 0, 0, 1),
        ],
        [
            preference(
                ["user: Name a fruit."],
                ["assistant: Apple."],
                ["assistant: Chair."],
                confidence=1.0,
                n_judgements=3,
            ),
            preference(
                ["user: Name a tree."],
                ["assistant: Oak."],
                ["assistant: Stone."],
                confidence=share(5, 6),  # a tie is half a vote for each side
                n_judgements=3,
                origin=[2],
            ),
            preference(
                ["user: Name a bird."],
                ["assistant: Owl."],
                ["assistant: Bat."],
                confidence=share(2, 3),
                n_judgements=3,
                origin=[4],
            ),
        ],
        [
            ("row", "wrong_type", "response1", [6]),
            ("row", "empty_response", "response2", [7]),
            ("group", "tie", None, [3]),
            ("group", "tie", None, [8]),
            ("group", "contradiction", None, [5]),  # after the others: all judgements could have ordered it
        ],
        settings=PANDA,
    ),
    Case(
        "arena: the common beginning is the prompt, each side keeps its own later turns; both kinds of tie",
        [
            {
                "conversation_a": turns("Hi", "Hello!", "A joke?", "Knock knock."),
                "conversation_b": turns("Hi", "What?", "A joke?", "No."),
                "winner": "model_a",
            },
            {"conversation_a": turns("Sum?", "4"), "conversation_b": turns("Sum?", "5"), "winner": "model_b"},
            {"conversation_a": turns("X?", "1"), "conversation_b": turns("X?", "2"), "winner": "tie (bothbad)"},
            {"conversation_a": turns("Y?", "1"), "conversation_b": turns("Y?", "2"), "winner": "tie"},
            {"conversation_a": turns("Z?", "1"), "conversation_b": turns("Z?", "2"), "winner": "model_c"},
            {"conversation_a": turns("P?", "1"), "conversation_b": turns("Q?", "2"), "winner": "model_a"},
        ],
        [
            preference(
                ["user: Hi"],
                ["assistant: Hello!", "user: A joke?", "assistant: Knock knock."],
                ["assistant: What?", "user: A joke?", "assistant: No."],
            ),
            preference(["user: Sum?"], ["assistant: 5"], ["assistant: 4"], origin=[2]),
        ],
        [
            ("row", "bad_label", "winner", [5]),
            ("row", "prompts_differ", "conversation_b", [6]),
            ("group", "tie", None, [3]),
            ("group", "tie", None, [4]),
        ],
        settings=ARENA,
    ),
    Case(
        "a list of votes in one field; a null was not cast, an empty list is nobody",
        [
            {"q": "One?", "a": "Yes.", "b": "No.", "v": ["b", None, "b"]},
            {"q": "Two?", "a": "Yes.", "b": "No.", "v": []},
            {"q": "Three?", "a": "Yes.", "b": "No.", "v": ["a", "b"]},
        ],
        [
            preference(
                ["user: One?"],
                ["assistant: No."],
                ["assistant: Yes."],
                confidence=1.0,
                n_judgements=2,
            )
        ],
        [("row", "unscored", "v", [2]), ("group", "contradiction", None, [3])],
        settings={"prompt": "q", "first": "a", "second": "b", "votes": "v", "codes": {"a": "first", "b": "second"}},
    ),
    Case(
        "counts instead of votes: cells of a CSV",
        "q,a,b,up,down,same\nTea?,Green.,Red.,3,1,0\nMilk?,Yes.,No.,0,2,2\nSoup?,Hot.,Cold.,1,1,0\nPie?,Ja.,Nein.,x,0,0\n",
        [
            preference(
                ["user: Tea?"],
                ["assistant: Green."],
                ["assistant: Red."],
                confidence=0.75,
                n_judgements=4,
            ),
            preference(
                ["user: Milk?"],
                ["assistant: No."],
                ["assistant: Yes."],
                confidence=0.75,  # two of four votes, and half of the two ties
                n_judgements=4,
                origin=[2],
            ),
        ],
        [("row", "wrong_type", "up", [4]), ("group", "contradiction", None, [3])],
        settings={
            "prompt": "q",
            "first": "a",
            "second": "b",
            "counts": {"first": "up", "second": "down", "tie": "same"},
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "votes", tmp_path)
