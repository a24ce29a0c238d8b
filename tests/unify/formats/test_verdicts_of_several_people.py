"""Several people judge one answer, in several rows or in one: the majority decides, and a tie is a contradiction."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference, unify_case
from support.read_rows import read_row
from unipref.core.records import Reason, Reject
from unipref.unify.formats.rated_turns import RatedTurns
from unipref.unify.formats.thumbs import Thumbs

WORDS = {"prompt": "q", "response": "a", "up": ["good"], "down": ["bad"], "neutral": ["unsure"]}
TWO_THIRDS = pytest.approx(2 / 3)
ROWS = {**WORDS, "label": "v"}


def vote(verdict: Any, person: str, question: str = "Q", answer: str = "A") -> dict[str, Any]:
    return {"q": question, "a": answer, "v": verdict, "who": person}


CASES = [
    Case(
        "rows of three people: two against one decide, with all rows as origin",
        [vote("good", "ann"), vote("bad", "bob"), vote("good", "eve"), vote("unsure", "pat")],
        [
            preference(
                ["user: Q"],
                ["assistant: A"],
                None,
                n_responses=1,
                n_judgements=3,
                confidence=TWO_THIRDS,
                origin=[1, 3, 2],
            )
        ],
        [("row", "neutral", "v", [4])],
        settings=ROWS,
    ),
    Case(
        "as many for as against: a contradiction; all agree: confidence 1",
        [
            *(vote(verdict, person) for verdict, person in (("good", "a"), ("good", "b"), ("bad", "c"), ("bad", "d"))),
            vote("bad", "a", "Q2"),
            vote("bad", "b", "Q2"),
        ],
        [
            preference(
                ["user: Q2"], None, ["assistant: A"], n_responses=1, n_judgements=2, confidence=1.0, origin=[5, 6]
            )
        ],
        [("group", "contradiction", None, [1, 2, 3, 4])],
        settings=ROWS,
    ),
    Case(
        "a row that repeats another one in every field counts once, so it outvotes nobody",
        [vote("good", "ann"), vote("good", "ann"), vote("bad", "bob"), vote("good", "ann", "Q2")],
        [preference(["user: Q2"], ["assistant: A"], None, n_responses=1, origin=[4])],
        [("group", "contradiction", None, [1, 2, 3])],
        settings=ROWS,
    ),
    Case(
        "the same verdict of the same annotator counts once",
        [{**vote("good", "ann"), "time": 1}, {**vote("good", "ann"), "time": 2}, vote("bad", "bob"), vote("bad", "c")],
        [
            preference(
                ["user: Q"],
                None,
                ["assistant: A"],
                n_responses=1,
                n_judgements=3,
                confidence=TWO_THIRDS,
                origin=[3, 4, 1, 2],
            )
        ],
        settings={**ROWS, "annotator": "who"},
    ),
    Case(
        "verdicts on single answers are no votes on their pair, so the majority has no share",
        [
            vote("good", "a", answer="A"),
            vote("good", "b", answer="A"),
            vote("bad", "c", answer="A"),
            vote("bad", "a", answer="B"),
        ],
        [
            preference(
                ["user: Q"],
                ["assistant: A"],
                ["assistant: B"],
                n_judgements=1,
                origin=[1, 2, 4, 3],
            )
        ],
        settings=ROWS,
    ),
    Case(
        "one field per person: an empty one is no verdict, one that cannot decide is counted",
        [
            {"q": "Q1", "a": "A", "ann": "bad", "bob": "good", "eve": "good"},
            {"q": "Q2", "a": "A", "ann": "bad", "bob": "", "eve": None},
            {"q": "Q3", "a": "A", "ann": "bad"},
            {"q": "Q4", "a": "A", "ann": "unsure", "bob": "good", "eve": ""},
            {"q": "Q5", "a": "A", "ann": "", "bob": "", "eve": ""},
            {"q": "Q6", "a": "A", "ann": "good", "bob": "gud", "eve": "good"},
            {"q": "Q7", "a": "A"},
            {"q": "Q8", "a": "A", "ann": "unsure", "bob": "unsure", "eve": ""},
            {"q": "Q9", "a": "A", "ann": "good", "bob": "gud", "eve": ""},
        ],
        [
            preference(["user: Q1"], ["assistant: A"], None, n_responses=1, n_judgements=3, confidence=TWO_THIRDS),
            preference(["user: Q2"], None, ["assistant: A"], n_responses=1, origin=[2]),
            preference(["user: Q3"], None, ["assistant: A"], n_responses=1, origin=[3]),
            preference(["user: Q4"], ["assistant: A"], None, n_responses=1, origin=[4]),
            preference(["user: Q6"], ["assistant: A"], None, n_responses=1, n_judgements=2, confidence=1.0, origin=[6]),
        ],
        [
            ("part", "neutral", "ann", [4]),
            ("row", "unscored", "ann", [5]),
            ("part", "bad_label", "bob", [6]),
            ("row", "missing_field", "ann", [7]),
            ("row", "neutral", "ann", [8]),
            ("row", "bad_label", "bob", [9]),
        ],
        settings={**WORDS, "label": ["ann", "bob", "eve"]},
    ),
    Case(
        "a list of people, a list of their choices, and no list at all",
        [
            {"q": "Q1", "a": "A", "by": [{"v": ["good"]}, {"v": ["bad"]}, {"v": "bad"}]},
            {"q": "Q2", "a": "A", "by": [{"v": ["good", "bad"]}]},
            {"q": "Q3", "a": "A", "by": []},
            {"q": "Q4", "a": "A", "by": [{"v": []}, {}, {"v": "good"}]},
        ],
        [
            preference(["user: Q1"], None, ["assistant: A"], n_responses=1, n_judgements=3, confidence=TWO_THIRDS),
            preference(["user: Q4"], ["assistant: A"], None, n_responses=1, origin=[4]),
        ],
        [("row", "unscored", "by.*.v", [3]), ("group", "contradiction", None, [2])],
        settings={**WORDS, "label": "by.*.v"},
    ),
    Case(
        "labels with words around the number",
        "q,a,v\nQ1,A,5 - very good\nQ2,A,1 - very poor\nQ3,A,n/a\nQ4,A,3 - so so\nQ5,A,?\n",
        [
            preference(["user: Q1"], ["assistant: A"], None, n_responses=1),
            preference(["user: Q2"], None, ["assistant: A"], n_responses=1, origin=[2]),
        ],
        [("row", "neutral", "v", [3]), ("row", "neutral", "v", [4]), ("row", "bad_label", "v", [5])],
        settings={
            **{"prompt": "q", "response": "a", "label": "v", "pattern": "^([0-9])", "neutral": ["n/a"]},
            **{"up": {"at_least": 4}, "down": {"at_most": 2}},
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_the_majority_decides(case: Case, tmp_path: Path) -> None:
    check(case, "thumbs", tmp_path)


def test_repeated_verdicts_are_counted(tmp_path: Path) -> None:
    case = Case("", [vote("good", "ann"), vote("good", "ann"), vote("bad", "bob")], settings=ROWS)
    case.rows.append(vote("good", "eve"))
    unified = unify_case(case, "thumbs", tmp_path)
    assert unified.counts["repeated_judgements"] == 1
    assert [row["n_judgements"] for row in unified.preferences] == [3]


def test_reactions_of_several_people_to_a_turn() -> None:
    form = RatedTurns(messages="chat", label="reactions.*.emoji", up=["👍"], down=["👎"], neutral=["🤔"])
    emojis = [["👎", "👍", "👍"], ["🤔"], ["👎", "🤔"], []]
    turns = [
        turn
        for n, names in enumerate(emojis)
        for turn in (
            {"role": "user", "content": f"Q{n}"},
            {"role": "assistant", "content": f"A{n}", "reactions": [{"emoji": name} for name in names]},
        )
    ]
    items = list(form.read({"chat": turns}))
    judged = [
        [(response.approved, response.n_judgements) for response in item.responses]
        for item in items
        if not isinstance(item, Reject)
    ]
    rejects = [(item.reason.value, item.field) for item in items if isinstance(item, Reject)]
    assert judged == [[(True, 2), (False, 1)], [(False, 1)]]
    assert rejects == [
        ("neutral", "chat.3.reactions.0.emoji"),
        ("neutral", "chat.5.reactions.1.emoji"),
        ("unscored", "chat.7.reactions.*.emoji"),
    ]


def test_a_mapping_is_no_verdict() -> None:
    with pytest.raises(Reject, match="expected a verdict, found an object"):
        list(Thumbs(prompt="q", response="a", label="v").read({"q": "Q", "a": "A", "v": {"thumb": True}}))


def test_an_item_without_a_verdict_costs_no_verdict_on_the_turn() -> None:
    form = RatedTurns(messages="m", label="feedback.*.value", up=["up"], down=["down"])
    feedback = [{"value": "up"}, {"note": "x"}, {"value": None}]
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes.", "feedback": feedback}]
    (one,), rejects = read_row(form, {"m": turns})
    assert ([(r.approved, r.n_judgements) for r in one.responses], rejects) == ([(True, 1)], [])
    nobody = [{**turns[1], "feedback": [{"note": "x"}]}]
    _, (reject,) = read_row(form, {"m": [turns[0], *nobody]})
    assert reject.reason is Reason.UNSCORED
