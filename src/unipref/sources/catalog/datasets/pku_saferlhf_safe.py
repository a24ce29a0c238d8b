"""Two answers to unsafe and other requests: which one is safer."""

from unipref.sources.catalog.datasets.pku_saferlhf_helpful import ENTRY as HELPFUL
from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="pku_saferlhf_safe",
    about="two answers to unsafe and other requests: which one is safer",
    origin=HELPFUL.origin,
    hub=HELPFUL.hub,
    licence=HELPFUL.licence,
    format="pairs",
    map={
        "prompt": "prompt",
        "first": "response_0",
        "second": "response_1",
        "label": "safer_response_id",
        "codes": {0: "first", 1: "second"},
        "evidence": {
            "safe": {
                "first": "is_response_0_safe",
                "second": "is_response_1_safe",
                "better": "high",
                "codes": {True: 1, False: 0},
            }
        },
        "keep": ["is_response_0_safe", "is_response_1_safe"],
    },
    signature=HELPFUL.signature,
    objective="safety",
    faults=HELPFUL.faults,
    verified="schema",
    seen=HELPFUL.seen,
)
