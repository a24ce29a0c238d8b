"""106k English battles of Chatbot Arena, June to August 2024."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="arena_100k",
    about="106k English battles of Chatbot Arena, June to August 2024",
    origin="lmarena-ai/arena-human-preference-100k",
    hub=Hub(name="lmarena-ai/arena-human-preference-100k", files=("data/arena-*",)),
    licence="prompts CC-BY-4.0; answers under the terms of their models' providers",
    format="votes",
    map={
        "first": "conversation_a",
        "second": "conversation_b",
        "votes": "winner",
        "codes": {"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "tie"},
        "literals": ["conversation_a", "conversation_b"],
        "keep": ["model_a", "model_b", "language", "is_code", "is_refusal"],
    },
    signature={
        path: []
        for path in (
            *("question_id", "model_a", "model_b", "winner", "conversation_a", "conversation_b", "turn", "anony"),
            *("language", "tstamp", "conv_metadata", "is_code", "is_refusal", "dedup_tag", "category_tag"),
            "judge_hash",
        )
    },
    objective="instruction",
    faults=(
        "the card gives the dialogues as text: unipref reads JSON text and lists",
        "'dedup_tag' marks frequent prompts, which are in the data many times",
    ),
    verified="schema",
    seen="the dataset card: features",
)
