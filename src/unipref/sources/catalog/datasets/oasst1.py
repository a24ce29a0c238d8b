"""OpenAssistant conversation trees, first release, with ranks and labels by people."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="oasst1",
    about="OpenAssistant conversation trees, first release, with ranks and labels by people",
    origin="OpenAssistant/oasst1",
    hub=Hub(name="OpenAssistant/oasst1", files=("2023-04-12_oasst_ready.trees.jsonl.gz",)),
    licence="Apache-2.0",
    format="tree",
    map={
        "root": "prompt",
        "scores": {
            "rank": {"field": "rank", "better": "low", "low": 0},
            "toxicity": {"field": "labels.toxicity.value", "better": "low", "low": 0, "high": 1},
            "quality": {"field": "labels.quality.value", "better": "high", "low": 0, "high": 1},
        },
        "keep": ["lang"],
    },
    signature={
        path: [] for path in ("message_tree_id", "tree_state", "prompt.message_id", "prompt.labels", "prompt.replies")
    },
    axis="rank",
    objective="instruction",
    faults=(
        "rank 0 is the best; many sibling groups have no ranks: "
        "try 'axis: toxicity' (as in the paper) or 'axis: quality'",
        "messages are in 35 languages; 'keep' keeps the language",
        "the Parquet table of single messages has no trees: none of its rows has a prompt of several turns",
    ),
    verified="schema",
    seen="the dataset card: file list and example of a message; 70 trees without labels",
)
