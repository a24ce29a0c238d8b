"""55k battles of Chatbot Arena, as in the Kaggle competition."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="arena_55k",
    about="55k battles of Chatbot Arena, as in the Kaggle competition",
    origin="lmarena-ai/arena-human-preference-55k",
    hub=Hub(name="lmarena-ai/arena-human-preference-55k", files=("train.csv",)),
    licence="Apache-2.0",
    format="votes",
    map={
        "questions": "prompt",
        "first": "response_a",
        "second": "response_b",
        "counts": {"first": "winner_model_a", "second": "winner_model_b", "tie": "winner_tie"},
        "literals": ["prompt", "response_a", "response_b"],
        "keep": ["model_a", "model_b"],
    },
    signature={
        path: []
        for path in (
            *("id", "model_a", "model_b", "prompt", "response_a", "response_b"),
            *("winner_model_a", "winner_model_b", "winner_tie"),
        )
    },
    objective="instruction",
    faults=(
        "prompts and answers are JSON lists in text, one item per turn; an answer may be null, which rejects the row",
        "the vote is about the whole dialogue: the prompt is the common part of both sides",
    ),
    verified="schema",
    seen="the card of a copy (wentingzhao/lmsys-arena-pairs), the competition's description, and public code",
)
