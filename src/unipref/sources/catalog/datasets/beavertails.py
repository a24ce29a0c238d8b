"""Answers to harmful and other questions, labelled safe or unsafe by people."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="beavertails",
    about="answers to harmful and other questions, labelled safe or unsafe by people",
    origin="PKU-Alignment/BeaverTails",
    hub=Hub(name="PKU-Alignment/BeaverTails", files=("round0/330k/train.jsonl*",)),
    licence="CC-BY-NC-4.0",
    format="thumbs",
    map={
        "prompt": "prompt",
        "response": "response",
        "label": "is_safe",
        "up": [True],
        "down": [False],
        "keep": ["category"],
    },
    signature={"prompt": [], "response": [], "category.animal_abuse": [], "is_safe": [True, False]},
    objective="safety",
    faults=(
        "the label is about safety alone: a safe answer may be useless",
        "contains harmful questions and answers",
    ),
    verified="schema",
    seen="the repository's file list, and public code that reads prompt, response, category and is_safe",
)
