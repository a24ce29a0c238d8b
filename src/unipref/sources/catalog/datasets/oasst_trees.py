"""OpenAssistant conversation trees, replies ranked by people."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="oasst_trees",
    about="OpenAssistant conversation trees, replies ranked by people",
    origin="LAION-AI/Open-Assistant, model/model_eval/manual/data/en_100_tree.jsonl",
    licence="Apache-2.0",
    format="tree",
    map={
        "root": "prompt",
        "scores": {
            "rank": {"field": "rank", "better": "low", "low": 0},
            "likes": {"field": "emojis.+1", "better": "high", "low": 0, "missing": 0},
            "dislikes": {"field": "emojis.-1", "better": "low", "low": 0, "missing": 0},
        },
    },
    axis="rank",
    objective="instruction",
    faults=(
        "rank 0 is the best",
        "some sibling groups have no ranks: unipref leaves such answers out",
        "en_100_message.jsonl contains the same trees without the wrapper (root: null): read only one of the two",
    ),
    verified="data",
    seen="70 trees",
)
