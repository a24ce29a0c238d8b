"""Golden tests of `rated_turns`: verdicts inside messages, in lists and trees; context is counted."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference
from unipref.core import registry
from unipref.core.errors import UserError

WORDS = {"messages": "chat", "label": "feedback", "up": ["up"], "down": ["down"], "neutral": ["so-so"]}
TREE = {"messages": "messages", "label": "annotation.rating", "up": [1], "down": [-1], "parent": "parentId"}


def chat(*turns: tuple[str, str] | str) -> dict[str, Any]:
    """Makes a dialogue of the user's texts and the assistant's (text, verdict)."""
    return {
        "chat": [
            {"role": "user", "content": turn}
            if isinstance(turn, str)
            else {"role": "alien", "content": turn[0]}
            if turn[1] == "alien"
            else {"role": "assistant", "content": turn[0], **({"feedback": turn[1]} if turn[1] else {})}
            for turn in turns
        ]
    }


def node(name: str, parent: str | None, role: str, text: str, rating: int | None = None) -> dict[str, Any]:
    annotation = {} if rating is None else {"annotation": {"rating": rating}}
    return {"id": name, "parentId": parent, "role": role, "content": text, **annotation}


CASES = [
    Case(
        "each judged answer has all messages before it as its prompt, disliked and unjudged ones too",
        [chat("Q1", ("A1", "up"), "Q2", ("A2", ""), "Q3", ("A3", "down"), "Q4", ("A4", "so-so"), "Q5", ("A5", "up"))],
        [
            preference(["user: Q1"], ["assistant: A1"], None, n_responses=1),
            preference(
                ["user: Q1", "assistant: A1", "user: Q2", "assistant: A2", "user: Q3"],
                None,
                ["assistant: A3"],
                n_responses=1,
            ),
            preference(
                [
                    *("user: Q1", "assistant: A1", "user: Q2", "assistant: A2", "user: Q3", "assistant: A3"),
                    *("user: Q4", "assistant: A4", "user: Q5"),
                ],
                ["assistant: A5"],
                None,
                n_responses=1,
            ),
        ],
        [
            ("part", "neutral", "chat.7.feedback", [1]),
            ("part", "unscored", "chat.3.feedback", [1]),
        ],
        settings=WORDS,
    ),
    Case(
        "answers to the same messages are a pair, in one tree or in several rows",
        [
            {
                "messages": {
                    "q": node("q", None, "user", "Hi"),
                    "a": node("a", "q", "assistant", "Hello.", 1),
                    "b": node("b", "q", "assistant", "Go away.", -1),
                    "w": node("w", "b", "user", "Why?"),
                    "c": node("c", "w", "assistant", "Sorry.", 1),
                    "d": node("d", "w", "assistant", "No."),
                }
            },
            {"messages": [node("x", None, "user", "Hi"), node("y", "x", "assistant", "Hmm.", -1)]},
            {
                "messages": [
                    *(
                        node("1", None, "user", "Hi"),
                        node("2", "1", "assistant", "Go away."),
                        node("3", "2", "user", "Why?"),
                    ),
                    node("4", "3", "assistant", "Because.", -1),
                ]
            },
        ],
        [
            preference(
                ["user: Hi"],
                ["assistant: Hello."],
                ["assistant: Go away."],
                n_responses=3,
                extra={"others": [{"origin": ["d.jsonl:2"], "scores": {}}]},
            ),
            preference(
                ["user: Hi"],
                None,
                ["assistant: Hmm."],
                n_responses=3,
                origin=[2],
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {}}, {"origin": ["d.jsonl:1"], "scores": {}}]},
            ),
            preference(
                ["user: Hi", "assistant: Go away.", "user: Why?"],
                ["assistant: Sorry."],
                ["assistant: Because."],
                origin=[1, 3],
            ),
        ],
        [
            ("part", "unscored", "messages.d.annotation.rating", [1]),
            ("part", "unscored", "messages.1.annotation.rating", [3]),
        ],
        settings=TREE,
    ),
    Case(
        "replies inside messages; the text is in the first field that is not empty",
        [
            {
                "messages": [
                    {
                        **{"user": True, "text": "Hi", "content": []},
                        "children": [
                            {"user": False, "text": "Go away.", "annotation": {"rating": -1}, "children": []},
                            {
                                **{"user": False, "text": "", "content": [{"type": "text", "text": "Hello."}]},
                                "annotation": {"rating": 1},
                                "children": [{"user": True, "text": "Bye"}],
                            },
                        ],
                    }
                ]
            }
        ],
        [preference(["user: Hi"], ["assistant: Hello."], ["assistant: Go away."])],
        settings={
            **{key: value for key, value in TREE.items() if key != "parent"},
            "replies": "children",
            "turns": {"role": "user", "content": ["text", "content"]},
            "roles": {True: "user", False: "assistant"},
        },
    ),
    Case(
        "the same answer with both verdicts is a contradiction",
        [chat("Q", ("A", "up")), chat("Q", ("A", "down"))],
        [],
        [("group", "contradiction", None, [1, 2])],
        settings=WORDS,
    ),
    Case(
        "a bad verdict or message costs its answer and those after it, not the dialogue",
        [
            chat("Q1", ("A1", "up"), "Q2", ("A2", "great")),
            {
                "chat": [
                    *chat("Q1", ("B1", "up"))["chat"],
                    {"role": "alien", "content": "?"},
                    *chat(("B2", "up"))["chat"],
                ]
            },
            chat("Q1", ("C1", ""), "Q2"),
            {"chat": [{"role": "user", "content": "Q1", "feedback": "up"}, *chat(("D1", "down"))["chat"]]},
            chat("Q1", ("", "up"), "Q2", ("E2", "down")),
            {"chat": {"a": {}}},
            chat(("F1", "up")),
        ],
        [
            preference(
                ["user: Q1"],
                ["assistant: A1"],
                ["assistant: D1"],
                n_responses=3,
                origin=[1, 4],
                extra={"others": [{"origin": ["d.jsonl:2"], "scores": {}}]},
            ),
            preference(
                ["user: Q1"],
                ["assistant: B1"],
                None,
                n_responses=3,
                origin=[2],
                extra={"others": [{"origin": [f"d.jsonl:{row}"], "scores": {}} for row in (1, 4)]},
            ),
            preference(["user: Q1", "assistant: ", "user: Q2"], None, ["assistant: E2"], n_responses=1, origin=[5]),
        ],
        [
            ("part", "bad_label", "chat.3.feedback", [1]),
            ("part", "bad_role", "chat.3", [2]),
            ("part", "bad_role", "chat.2.role", [2]),
            ("row", "unscored", "chat", [3]),
            ("part", "no_answer", "chat.0.feedback", [4]),
            ("part", "empty_response", "chat.1", [5]),
            ("row", "wrong_type", "chat", [6]),
            ("row", "empty_prompt", "chat.0", [7]),
        ],
        settings=WORDS,
    ),
    Case(
        "an answer that goes on from one with the opposite verdict is not used",
        [chat("Q", ("A", "down"), ("B", "up"))],
        [preference(["user: Q"], None, ["assistant: A"], n_responses=1)],
        [("part", "contradiction", "chat.2.feedback", [1])],
        settings=WORDS,
    ),
    Case(
        "other names of speaker and text, a system text, and the message's other fields",
        [
            {
                "rules": "Be short.",
                "chat": [
                    {"by": True, "says": "Q", "feedback": ""},
                    {"by": False, "says": "A", "feedback": "down"},
                ],
            }
        ],
        [preference(["system: Be short.", "user: Q"], None, ["assistant: A"], n_responses=1)],
        settings={
            **WORDS,
            "system": "rules",
            "turns": {"role": "by", "content": "says"},
            "roles": {True: "user", False: "assistant"},
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    if not case.preferences:
        with pytest.raises(UserError, match="no preference"):
            check(case, "rated_turns", tmp_path)
        return
    check(case, "rated_turns", tmp_path)


def test_a_value_that_means_two_things_is_an_error() -> None:
    with pytest.raises(UserError, match="the value '1' is in both 'up' and 'neutral'"):
        registry.make("format", "rated_turns", {**WORDS, "up": [1], "neutral": ["1.0"]}, "map")
