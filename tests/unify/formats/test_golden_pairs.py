"""Golden tests of `pairs`: HH transcripts, message lists, ShareGPT, single turns."""

from pathlib import Path

import pytest

from support.golden import Case, check, preference

GOOD = {"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi.\n\nAssistant: What?"}
GREETED = preference(["user: Hi."], ["assistant: Hello!"], ["assistant: What?"])
"""A valid first row, for cases about bad rows."""


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


CASES = [
    Case(
        "HH: one human turn",
        [
            {
                "chosen": "\n\nHuman: Is rain acid?\n\nAssistant: Slightly, pH about 5.6.",
                "rejected": "\n\nHuman: Is rain acid?\n\nAssistant: No.",
            }
        ],
        [preference(["user: Is rain acid?"], ["assistant: Slightly, pH about 5.6."], ["assistant: No."])],
    ),
    Case(
        "HH: several turns; the common dialogue is the prompt",
        [
            {
                "chosen": "\n\nHuman: Name a bird.\n\nAssistant: A wren.\n\nHuman: Another?\n\nAssistant: A rook.",
                "rejected": "\n\nHuman: Name a bird.\n\nAssistant: A wren.\n\nHuman: Another?\n\nAssistant: A bat.",
            }
        ],
        [
            preference(
                ["user: Name a bird.", "assistant: A wren.", "user: Another?"],
                ["assistant: A rook."],
                ["assistant: A bat."],
            )
        ],
    ),
    Case(
        "HH: the sides part before the last turn; each keeps all that follows",
        [
            {
                "chosen": "\n\nHuman: Pick one.\n\nAssistant: Red.\n\nHuman: Why?\n\nAssistant: It is warm.",
                "rejected": "\n\nHuman: Pick one.\n\nAssistant: Blue.\n\nHuman: Sure?\n\nAssistant: No.",
            }
        ],
        [
            preference(
                ["user: Pick one."],
                ["assistant: Red.", "user: Why?", "assistant: It is warm."],
                ["assistant: Blue.", "user: Sure?", "assistant: No."],
            )
        ],
    ),
    Case(
        "HH: answers with line breaks, marks inside a line and blanks at the ends",
        [
            {
                "chosen": "\n\nHuman:  List two. \n\nAssistant: 1. Tea\n\n2. Milk ",
                "rejected": "\n\nHuman:  List two. \n\nAssistant: Human: is no mark inside a line.",
            }
        ],
        [
            preference(
                ["user: List two."], ["assistant: 1. Tea\n\n2. Milk"], ["assistant: Human: is no mark inside a line."]
            )
        ],
    ),
    Case(
        "HH: the same ending twice, an empty reply, a human's last word, prompts that differ",
        [
            GOOD,
            {"chosen": "\n\nHuman: A?\n\nAssistant: B", "rejected": "\n\nHuman: A?\n\nAssistant: B "},
            {"chosen": "\n\nHuman: A?\n\nAssistant: B", "rejected": "\n\nHuman: A?\n\nAssistant:"},
            {"chosen": "\n\nHuman: A?\n\nAssistant: B\n\nHuman: C?", "rejected": "\n\nHuman: A?\n\nAssistant: D"},
            {"chosen": "\n\nHuman: A?\n\nAssistant: B", "rejected": "\n\nHuman: Z?\n\nAssistant: B"},
            {"chosen": "\n\nHuman: \n\nAssistant: B", "rejected": "\n\nHuman: \n\nAssistant: C"},
        ],
        [GREETED],
        [
            ("row", "empty_response", "rejected", [3]),
            ("row", "no_answer", "chosen", [4]),
            ("row", "prompts_differ", "rejected", [5]),
            ("row", "empty_prompt", "chosen", [6]),
            ("group", "same_response", None, [2]),
        ],
    ),
    Case(
        "message lists that repeat the prompt, with a prompt field beside them, as in Tulu",
        [
            {
                "prompt": "Spell cat.",
                "chosen": [user("Spell cat."), assistant("c-a-t")],
                "rejected": [user("Spell cat."), assistant("k-a-t")],
            }
        ],
        [preference(["user: Spell cat."], ["assistant: c-a-t"], ["assistant: k-a-t"])],
        settings={"prompt": "prompt"},
    ),
    Case(
        "message lists without the prompt; the prompt is a text, with a system text",
        [
            {
                "sys": "Be brief.",
                "prompt": "Who wrote Emma?",
                "chosen": [assistant("Jane Austen.")],
                "rejected": [assistant("I think it was one of the Bronte sisters.")],
                "judge": {"name": "r7", "note": None},
            }
        ],
        [
            preference(
                ["system: Be brief.", "user: Who wrote Emma?"],
                ["assistant: Jane Austen."],
                ["assistant: I think it was one of the Bronte sisters."],
                extra={"judge": {"name": "r7", "note": None}},
            )
        ],
        settings={"prompt": "prompt", "system": "sys", "keep": ["judge", "absent"]},
    ),
    Case(
        "endings of several turns after a prompt of their own: the prompt is not lost",
        [
            {
                "prompt": "Guess my pet.",
                "chosen": [assistant("A dog?"), user("No."), assistant("A cat?")],
                "rejected": [assistant("A dog?"), user("No."), assistant("I give up.")],
            }
        ],
        [
            preference(
                ["user: Guess my pet."],
                ["assistant: A dog?", "user: No.", "assistant: A cat?"],
                ["assistant: A dog?", "user: No.", "assistant: I give up."],
            )
        ],
        settings={"prompt": "prompt"},
    ),
    Case(
        "one side repeats the prompt and the other does not; one repeats another prompt",
        [
            {"prompt": "Sum?", "chosen": [user("Sum?"), assistant("4")], "rejected": [assistant("5")]},
            {"prompt": "Sum?", "chosen": [user("Product?"), assistant("4")], "rejected": [assistant("5")]},
        ],
        [preference(["user: Sum?"], ["assistant: 4"], ["assistant: 5"])],
        [("row", "prompts_differ", "chosen", [2])],
        settings={"prompt": "prompt"},
    ),
    Case(
        "ShareGPT: from and value, the context apart, each side one turn",
        [
            {
                "conversations": [
                    {"from": "system", "value": "You are a guide."},
                    {"from": "human", "value": "Where is Oslo?"},
                    {"from": "gpt", "value": "In Norway."},
                    {"from": "human", "value": "And Bergen?"},
                ],
                "chosen": {"from": "gpt", "value": "Also in Norway, on the west coast."},
                "rejected": {"from": "gpt", "value": "In Sweden."},
            }
        ],
        [
            preference(
                ["system: You are a guide.", "user: Where is Oslo?", "assistant: In Norway.", "user: And Bergen?"],
                ["assistant: Also in Norway, on the west coast."],
                ["assistant: In Sweden."],
            )
        ],
        settings={"prompt": "conversations"},
    ),
    Case(
        "texts with a nested prompt, other role names and other marks",
        [
            {
                "input": {"text": "2 + 2"},
                "good": "4",
                "bad": [{"role": "robot", "content": [{"type": "text", "text": "5"}]}],
            },
            {"input": {"text": "ignored"}, "good": "[Q] 3 + 3 [A] 6", "bad": "[Q] 3 + 3 [A] 7"},
        ],
        [
            preference(["user: 2 + 2"], ["assistant: 4"], ["assistant: 5"]),
            preference(["user: 3 + 3"], ["assistant: 6"], ["assistant: 7"], origin=[2]),
        ],
        settings={
            "prompt": "input.text",
            "chosen": "good",
            "rejected": "bad",
            "roles": {"robot": "assistant"},
            "marks": {"user": "[Q]", "assistant": "[A]"},
        },
    ),
    Case(
        "rows that cannot be used, each for its own reason",
        [
            GOOD,
            {"chosen": "\n\nHuman: A?\n\nAssistant: B"},
            {"chosen": "B", "rejected": "C"},
            {"chosen": 7, "rejected": "C"},
            {"chosen": [user("A?"), {"role": "wizard", "content": "B"}], "rejected": [user("A?"), assistant("C")]},
            {
                "chosen": [user("A?"), {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}],
                "rejected": [user("A?"), assistant("C")],
            },
            {
                "chosen": [user("A?"), {"role": "assistant", "content": [{"type": "image_url"}]}],
                "rejected": [user("A?"), assistant("C")],
            },
            {"chosen": [user("A?"), {"role": "assistant"}], "rejected": [user("A?"), assistant("C")]},
            {"chosen": [], "rejected": [user("A?"), assistant("C")]},
        ],
        [GREETED],
        [
            ("row", "missing_field", "rejected", [2]),
            ("row", "empty_prompt", "chosen", [3]),
            ("row", "wrong_type", "chosen", [4]),
            ("row", "bad_role", "chosen.1.role", [5]),
            ("row", "not_text", "chosen.1.tool_calls", [6]),
            ("row", "not_text", "chosen.1.content.0", [7]),
            ("row", "missing_field", "chosen.1", [8]),
            ("row", "wrong_type", "chosen", [9]),
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "pairs", tmp_path)
