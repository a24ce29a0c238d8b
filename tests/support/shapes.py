"""Files of feedback in the shapes that `unipref inspect` recognises."""

import json
from pathlib import Path
from typing import Any

ANIMALS = ["cat", "dog", "owl", "fox", "hen", "cow", "pig", "bee", "ant", "elk"]


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def sharegpt(*texts: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]


# name of the case: rows, format, and how many preferences unify makes of them
SHAPES: dict[str, tuple[list[dict[str, Any]], str, int]] = {
    "hh": (
        [
            {
                "chosen": f"\n\nHuman: What does the {a} eat?\n\nAssistant: What it finds.",
                "rejected": f"\n\nHuman: What does the {a} eat?\n\nAssistant: Ask the {a}.",
            }
            for a in ANIMALS
        ],
        "pairs",
        10,
    ),
    "tulu": (
        [
            {
                "id": f"x{a}",
                "prompt": f"Draw the {a}.",
                "chosen": turns(f"Draw the {a}.", f"Here is the {a}."),
                "rejected": turns(f"Draw the {a}.", "No."),
            }
            for a in ANIMALS
        ],
        "pairs",
        10,
    ),
    "endings_alone": (
        [
            {"prompt": f"Draw the {a}.", "chosen": turns("", f"The {a}.")[1:], "rejected": turns("", "No.")[1:]}
            for a in ANIMALS
        ],
        "pairs",
        10,
    ),
    "dpo_sharegpt": (
        [
            {
                "conversations": sharegpt(f"Is the {a} tame?"),
                "chosen": {"from": "gpt", "value": f"The {a} may be."},
                "rejected": {"from": "gpt", "value": "Who knows, really."},
            }
            for a in ANIMALS
        ],
        "pairs",
        10,
    ),
    "texts": (
        [
            {
                "question": f"Is the {a} tame?",
                "chosen": f"Some a {a} is tame, others are not.",
                "rejected": f"Ask a {a}, do.",
            }
            for a in ANIMALS
        ],
        "pairs",
        10,
    ),
    "ratings": (
        [
            {"question": f"Where does the {a} live?", "answer": f"{answer} {a}.", "stars": stars}
            for a in ANIMALS
            for answer, stars in (("In the house of the", 5), ("On Mars, with the", 1), ("Somewhere with the", 3))
        ],
        "ratings",
        10,
    ),
    "many_axes": (
        [
            {
                "context": f"We talk of the {a}.",
                "response": f"{answer} {a}",
                "scores": {"stars": stars, "downvotes": 5 - stars, "colour": 1},
            }
            for a in ANIMALS
            for answer, stars in (("I adore the", 4.5), ("I loathe the", 1.5))
        ],
        "ratings",
        10,
    ),
    "tree": (
        [
            {
                "message_tree_id": a,
                "prompt": {
                    "text": f"Tell me of the {a}.",
                    "role": "prompter",
                    "replies": [
                        {"text": f"The {a} sleeps.", "role": "assistant", "rank": 0, "replies": []},
                        {"text": "No.", "role": "assistant", "rank": 1, "replies": []},
                    ],
                },
            }
            for a in ANIMALS
        ],
        "tree",
        10,
    ),
    "winogrande": (
        [
            {
                "qID": f"{a}-{n}",
                "sentence": f"The {a} bit the bee because the _ was {mood}.",
                "option1": a,
                "option2": "wasp",
                "answer": str(n),
            }
            for a in ANIMALS
            for n, mood in ((1, "angry"), (2, "sweet"))
        ],
        "multiple_choice",
        20,
    ),
    "options_in_a_list": (
        [
            {"question": f"What is a {a}?", "choices": [f"a beast called {a}", "a stone", "a star"], "label": i % 3}
            for i, a in enumerate(ANIMALS)
        ],
        "multiple_choice",
        10,
    ),
    "kto": (
        [{"messages": turns(f"Is the {a} tame?", f"Ask the {a}."), "label": i % 2 == 0} for i, a in enumerate(ANIMALS)],
        "thumbs",
        10,
    ),
    "thumbs_in_text": (
        [{"prompt": f"Is the {a} tame?", "reply": f"Ask the {a}, will you.", "helpful": "true"} for a in ANIMALS],
        "thumbs",
        10,
    ),
    "alpaca": (
        [{"instruction": f"Name the {a}.", "input": "" if len(a) else a, "output": f"It is {a}."} for a in ANIMALS],
        "demonstration",
        10,
    ),
    "lima": ([{"conversations": [f"Is the {a} tame?", f"Ask the {a}."]} for a in ANIMALS], "demonstration", 10),
}


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
