"""136k battles of LMArena in many languages, 2025."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="arena_140k",
    about="136k battles of LMArena in many languages, 2025",
    origin="lmarena-ai/arena-human-preference-140k",
    hub=Hub(name="lmarena-ai/arena-human-preference-140k", files=("data/train-*.parquet",)),
    licence="prompts CC-BY-4.0; answers under the terms of their models' providers",
    format="votes",
    map={
        "first": "conversation_a",
        "second": "conversation_b",
        "votes": "winner",
        "codes": {"model_a": "first", "model_b": "second", "tie": "tie", "both_bad": "tie"},
        "keep": ["model_a", "model_b", "language", "is_code"],
    },
    signature={
        path: []
        for path in (
            *("evaluation_session_id", "evaluation_order", "model_a", "model_b", "winner"),
            *("conversation_a", "conversation_b", "full_conversation"),
        )
    },
    objective="instruction",
    faults=(
        "contents are lists of parts; images are kept by path or URL, and an image inside the row makes it a reject",
        "several rows with one 'evaluation_session_id' are battles of one session",
    ),
    verified="schema",
    seen="public code that lists columns, parts and votes",
)
