"""Golden tests of `tree`: OASST trees with nested branchings, gaps in the ranks, deleted messages, bare roots."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference, unify_case
from unipref.unify.formats import tree as module


def says(text: str, *replies: dict[str, Any], rank: Any = ..., **more: Any) -> dict[str, Any]:
    """Makes an assistant's message of a tree; without `rank` it has no rank."""
    ranked = {} if rank is ... else {"rank": rank}
    return {"text": text, "role": "assistant", **ranked, "replies": list(replies), **more}


def asks(text: str, *replies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": text, "role": "prompter", "replies": list(replies), **more}


def tree(root: dict[str, Any]) -> dict[str, Any]:
    return {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": root}


def ranked(chosen: float, rejected: float, margin_percentile: float, **rest: Any) -> dict[str, Any]:
    return {
        "axis": "rank",
        "chosen_score": chosen,
        "rejected_score": rejected,
        "margin_percentile": margin_percentile,
        **rest,
    }


CASES = [
    Case(
        "siblings ranked 0 to 2: the first against the last",
        [tree(asks("Name a sea.", says("The Moon.", rank=2), says("The Baltic.", rank=0), says("The Rhine.", rank=1)))],
        [
            preference(
                ["user: Name a sea."],
                ["assistant: The Baltic."],
                ["assistant: The Moon."],
                **ranked(0, 2, 0.5, n_responses=3),
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {"rank": 1.0}}]},
            )
        ],
    ),
    Case(
        "nested branchings: each user message with answers is a prompt; a line without a branch is one answer",
        [
            tree(
                asks(
                    "Start a story.",
                    says(
                        "Once upon a time.",
                        asks("Go on.", says("The end.", rank=1), says("A fox came by.", rank=0)),
                        asks("Shorter.", says("Once.", rank=0)),
                        rank=0,
                    ),
                    says("No.", asks("Why?", says("Tired.", rank=0), says("Busy.", rank=1)), rank=1),
                )
            )
        ],
        [
            preference(
                ["user: Start a story."], ["assistant: Once upon a time."], ["assistant: No."], **ranked(0, 1, 0.5)
            ),
            preference(
                ["user: Start a story.", "assistant: Once upon a time.", "user: Go on."],
                ["assistant: A fox came by."],
                ["assistant: The end."],
                **ranked(0, 1, 0.5),
            ),
            preference(
                ["user: Start a story.", "assistant: No.", "user: Why?"],
                ["assistant: Tired."],
                ["assistant: Busy."],
                **ranked(0, 1, 0.5),
            ),
        ],
        [("group", "one_response", None, [1])],
    ),
    Case(
        "missing and null ranks: the ranked ones decide if there are two, else nothing is said",
        [
            tree(asks("A?", says("a", rank=0), says("b", rank=None), says("c", rank=3))),
            tree(asks("B?", says("a", rank=0), says("b"))),
            tree(asks("C?", says("a", rank=None), says("b", rank=None))),
        ],
        [
            preference(
                ["user: A?"],
                ["assistant: a"],
                ["assistant: c"],
                **ranked(0, 3, 0.5, n_responses=3),
                extra={"others": [{"origin": ["d.jsonl:1"], "scores": {}}]},
            )
        ],
        [("part", "unscored", None, [1]), ("group", "unscored", None, [2]), ("group", "unscored", None, [3])],
    ),
    Case(
        "a deleted message and all below it is left out; its siblings stay",
        [
            tree(
                asks(
                    "Q?",
                    says("gone", asks("below?", says("x", rank=0), says("y", rank=1)), rank=0, deleted=True),
                    says("second", rank=1, deleted=False),
                    says("third", rank=2, deleted=None),
                )
            ),
            tree(asks("Q2?", says("x", rank=0), says("y", rank=1), deleted=True)),
        ],
        [preference(["user: Q?"], ["assistant: second"], ["assistant: third"], **ranked(1, 2, 0.5))],
        [("part", "deleted", "prompt.replies.0", [1]), ("row", "deleted", "prompt", [2])],
    ),
    Case(
        "the row itself is the root; other field names; an axis of labels, low is better; a field kept per answer",
        [
            {
                "content": "Describe him.",
                "from": "user",
                "children": [
                    {"content": "Kind.", "from": "bot", "labels": {"toxicity": {"value": 0.02}}, "id": "m1"},
                    {"content": "An idiot.", "from": "bot", "labels": {"toxicity": {"value": 0.91}}, "id": "m2"},
                    {"content": "Tall.", "from": "bot", "labels": {}, "id": "m3"},
                ],
            }
        ],
        [
            preference(
                ["user: Describe him."],
                ["assistant: Kind."],
                ["assistant: An idiot."],
                axis="toxicity",
                chosen_score=0.02,
                rejected_score=0.91,
                margin_percentile=0.5,
                n_responses=3,
                extra={
                    "chosen": {"id": "m1"},
                    "rejected": {"id": "m2"},
                    "others": [{"origin": ["d.jsonl:1"], "scores": {}}],
                },
            )
        ],
        [("part", "unscored", None, [1])],
        settings={
            "root": None,
            "text": "content",
            "role": "from",
            "replies": "children",
            "deleted": None,
            "scores": {"toxicity": {"field": "labels.toxicity.value", "better": "low", "low": 0, "high": 1}},
            "keep": ["id"],
        },
    ),
    Case(
        "a tree with nothing to compare, a root that is a text, a root without text, answers of users only",
        [
            tree(asks("Ok?", says("yes", rank=0), says("no", rank=1))),
            tree(asks("Nobody answered.")),
            tree("Just a text."),
            tree(asks(" ", says("a", rank=0), says("b", rank=1))),
            tree(asks("Q?", asks("I answer myself."), asks("So do I."))),
            {"message_tree_id": "t"},
            tree({"text": "Q?", "role": "moderator", "replies": []}),
            tree({"text": "Q?", "role": "prompter", "replies": "none"}),
        ],
        [preference(["user: Ok?"], ["assistant: yes"], ["assistant: no"], **ranked(0, 1, 0.5))],
        [
            ("row", "no_answer", None, [2]),
            ("row", "wrong_type", "prompt", [3]),
            ("row", "empty_prompt", "prompt", [4]),
            ("row", "no_answer", None, [5]),
            ("row", "missing_field", "prompt", [6]),
            ("row", "bad_role", "prompt.role", [7]),
            ("row", "wrong_type", "prompt.replies", [8]),
        ],
    ),
    Case(
        "parts that cannot be used do not take the rest of the tree with them",
        [
            tree(
                asks(
                    "Q?",
                    says("a", rank=0),
                    says("b", rank=1),
                    says("", rank=2),
                    says("c", rank=-1),
                    says("d", rank="worst"),
                    {"text": 5, "role": "assistant", "rank": 3},
                )
            )
        ],
        [preference(["user: Q?"], ["assistant: a"], ["assistant: b"], **ranked(0, 1, 0.5))],
        [
            ("part", "bad_score", "rank", [1]),
            ("part", "wrong_type", "rank", [1]),
            ("part", "empty_response", "prompt.replies.2", [1]),
            ("part", "wrong_type", "prompt.replies.5.text", [1]),
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "tree", tmp_path)


def test_a_branch_that_is_too_deep_is_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    branch = says("end", rank=0)
    for turn in range(119):
        branch = asks(f"q{turn}", branch) if turn % 2 else says(f"a{turn}", branch, rank=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_DEPTH", 20)
        found = unify_case(Case("deep", [tree(asks("Q?", branch, says("short", rank=1)))]), "tree", tmp_path)
    assert [p["n_responses"] for p in found.preferences] == [2]
    assert ("wrong_type", "prompt") in {(r["reason"], r["field"]) for r in found.rejects}
