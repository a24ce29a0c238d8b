"""Two answers to unsafe and other requests: which one helps more."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="pku_saferlhf_helpful",
    about="two answers to unsafe and other requests: which one helps more",
    origin="PKU-Alignment/PKU-SafeRLHF",
    hub=Hub(name="PKU-Alignment/PKU-SafeRLHF", files=("data/*/train.jsonl",)),
    licence="CC-BY-NC-4.0",
    format="pairs",
    map={
        "prompt": "prompt",
        "first": "response_0",
        "second": "response_1",
        "label": "better_response_id",
        "codes": {0: "first", 1: "second"},
        "keep": ["is_response_0_safe", "is_response_1_safe"],
    },
    signature={
        path: []
        for path in (
            "prompt",
            "response_0",
            "response_1",
            "is_response_0_safe",
            "is_response_1_safe",
            "better_response_id",
            "safer_response_id",
        )
    },
    objective="instruction",
    faults=(
        "helpfulness and safety are judged separately and may disagree; each has its own entry",
        "contains harmful requests and answers",
    ),
    verified="schema",
    seen="the dataset card, its file list, and public code that reads it",
)
