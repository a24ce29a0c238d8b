"""UltraFeedback as pairs, made for Zephyr."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="ultrafeedback_binarized",
    about="UltraFeedback as pairs, made for Zephyr",
    origin="HuggingFaceH4/ultrafeedback_binarized",
    hub=Hub(name="HuggingFaceH4/ultrafeedback_binarized", files=("data/train_prefs-*.parquet",)),
    licence="MIT",
    format="rated_list",
    map={
        "prompt": "prompt",
        "answers": ["chosen.-1.content", "rejected.-1.content"],
        "scores": {"overall": {"field": ["score_chosen", "score_rejected"], "better": "high", "low": 0, "high": 10}},
        "keep": ["prompt_id"],
    },
    signature={
        path: [] for path in ("prompt", "prompt_id", "chosen", "rejected", "messages", "score_chosen", "score_rejected")
    },
    objective="instruction",
    faults=(
        "if both scores are equal, 'chosen' is random: unipref compares the scores, so these rows are ties",
        "'rejected' is a random one of the three other answers, not the worst",
    ),
    verified="schema",
    seen="the dataset card: features and an example",
)
