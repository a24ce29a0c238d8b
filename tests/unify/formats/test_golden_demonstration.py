"""Golden tests of `demonstration`: Alpaca's empty inputs, lists of texts, odd lengths, dialogues."""

from pathlib import Path

import pytest

from support.golden import Case, check, preference

ALPACA = {"prompt": ["instruction", "input"], "response": "output"}

CASES = [
    Case(
        "Alpaca: instruction and input with a blank line between; an empty or null input is left out",
        [
            {"instruction": "Put in the plural.", "input": "goose", "output": "geese"},
            {"instruction": "Name a metal.", "input": "", "output": "Tin."},
            {"instruction": "Name a gas.", "input": None, "output": "Neon.\n"},
        ],
        [
            preference(["user: Put in the plural.\n\ngoose"], ["assistant: geese"], None, n_responses=1),
            preference(["user: Name a metal."], ["assistant: Tin."], None, n_responses=1, origin=[2]),
            preference(["user: Name a gas."], ["assistant: Neon."], None, n_responses=1, origin=[3]),
        ],
        settings=ALPACA,
    ),
    Case(
        "LIMA: bare texts, the speakers alternate; an odd number has no final answer",
        [
            {"conversations": ["How far is the Moon?", "384,400 km."], "source": "se"},
            {"conversations": ["Hi.", "Hello.", "And the Sun?", "150 million km."], "source": "mt"},
            {"conversations": ["Hi.", "Hello.", "And then?"], "source": "mt"},
        ],
        [
            preference(
                ["user: How far is the Moon?"],
                ["assistant: 384,400 km."],
                None,
                n_responses=1,
                extra={"source": "se"},
            ),
            preference(
                ["user: Hi.", "assistant: Hello.", "user: And the Sun?"],
                ["assistant: 150 million km."],
                None,
                n_responses=1,
                origin=[2],
                extra={"source": "mt"},
            ),
        ],
        [("row", "no_answer", "conversations", [3])],
        settings={"messages": "conversations", "keep": ["source"]},
    ),
    Case(
        "CSV, as Dolly: a quoted line break, a kept column",
        'instruction,context,response,category\n"Sum up.","Bees\ndance.","They talk by dance.",summary\n',
        [
            preference(
                ["user: Sum up.\n\nBees\ndance."],
                ["assistant: They talk by dance."],
                None,
                n_responses=1,
                extra={"category": "summary"},
            )
        ],
        settings={"prompt": ["instruction", "context"], "response": "response", "keep": ["category"]},
    ),
    Case(
        "the answer inside a list, as in the seed tasks; a system text",
        [
            {
                "persona": "A baker",
                "instruction": "Name a bread.",
                "instances": [{"input": "", "output": "Rye."}, {"input": "x", "output": "Naan."}],
            },
            {"persona": "", "instruction": "Name a cake.", "instances": []},
        ],
        [
            preference(["system: A baker", "user: Name a bread."], ["assistant: Rye."], None, n_responses=1),
        ],
        [("row", "missing_field", "instances.0.input", [2])],
        settings={
            "prompt": ["instruction", "instances.0.input"],
            "response": "instances.0.output",
            "system": "persona",
        },
    ),
    Case(
        "two answers in a row belong together; a prompt that is itself a dialogue",
        [
            {
                "turns": [
                    {"from": "human", "value": "Two jokes."},
                    {"from": "gpt", "value": "One."},
                    {"from": "gpt", "value": "Two."},
                ]
            }
        ],
        [preference(["user: Two jokes."], ["assistant: One.", "assistant: Two."], None, n_responses=1)],
        settings={"messages": "turns"},
    ),
    Case(
        "numbers that JSON writers disagree on are kept as what JSON can say",
        [{"instruction": "Q", "input": "", "output": "A", "id": 10**30, "loss": float("nan"), "deep": {"a": [1e999]}}],
        [
            preference(
                ["user: Q"],
                ["assistant: A"],
                None,
                n_responses=1,
                extra={"id": str(10**30), "loss": None, "deep": {"a": [None]}},
            )
        ],
        settings={**ALPACA, "keep": ["id", "loss", "deep"]},
    ),
    Case(
        "rows that cannot be used, each for its own reason",
        [
            {"instruction": "Q", "input": "", "output": "A"},
            {"instruction": "", "input": " ", "output": "A"},
            {"instruction": "Q", "input": "", "output": ""},
            {"instruction": "Q", "input": "", "output": None},
            {"instruction": "Q", "input": ["x"], "output": "A"},
            {"instruction": "Q", "output": "A"},
            ["Q", "A"],
        ],
        [preference(["user: Q"], ["assistant: A"], None, n_responses=1)],
        [
            ("row", "empty_prompt", "instruction", [2]),
            ("row", "empty_response", "output", [3]),
            ("row", "wrong_type", "output", [4]),
            ("row", "wrong_type", "input", [5]),
            ("row", "missing_field", "input", [6]),
            ("row", "not_an_object", None, [7]),
        ],
        settings=ALPACA,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_golden(case: Case, tmp_path: Path) -> None:
    check(case, "demonstration", tmp_path)
