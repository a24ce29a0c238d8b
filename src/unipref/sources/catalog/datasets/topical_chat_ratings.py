"""Knowledge-grounded replies rated by people on six axes."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="topical_chat_ratings",
    about="knowledge-grounded replies rated by people on six axes",
    origin="maszhongming/UniEval, reproduce/data/dialogue/topical_chat.json",
    licence="MIT",
    format="ratings",
    map={
        "prompt": ["context", "source"],
        "response": "system_output",
        "scores": {
            "overall": {"field": "scores.overall", "low": 1, "high": 5, "better": "high"},
            "understandability": {"field": "scores.understandability", "low": 0, "high": 1, "better": "high"},
            "naturalness": {"field": "scores.naturalness", "low": 1, "high": 3, "better": "high"},
            "coherence": {"field": "scores.coherence", "low": 1, "high": 3, "better": "high"},
            "engagingness": {"field": "scores.engagingness", "low": 1, "high": 3, "better": "high"},
            "groundedness": {"field": "scores.groundedness", "low": 0, "high": 1, "better": "high"},
        },
        "keep": ["system_id"],
    },
    signature={
        path: []
        for path in (
            "source",
            "system_id",
            "system_output",
            "context",
            "scores.engagingness",
            "scores.groundedness",
            "scores.overall",
        )
    },
    axis="overall",
    objective="instruction",
    faults=("the axes have different ranges; scores are means over raters",),
    verified="data",
    seen="288 rows",
)
