"""Questions on Reddit with two comments; the better one has more votes in less time."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="shp",
    about="questions on Reddit with two comments; the better one has more votes in less time",
    origin="stanfordnlp/SHP",
    hub=Hub(name="stanfordnlp/SHP", files=("*/train.json",)),
    licence="none stated; collected under the terms of the Reddit API",
    format="pairs",
    map={
        "prompt": "history",
        "first": "human_ref_A",
        "second": "human_ref_B",
        "label": "labels",
        "codes": {1: "first", 0: "second"},
        "evidence": {"votes": {"first": "score_A", "second": "score_B", "better": "high"}},
        "keep": ["domain", "score_ratio"],
    },
    signature={
        path: []
        for path in (
            "post_id",
            "history",
            "human_ref_A",
            "human_ref_B",
            "labels",
            "score_A",
            "score_B",
            "score_ratio",
            "seconds_difference",
        )
    },
    objective="instruction",
    faults=(
        "1 means that the first comment is better, 0 the second",
        "a comment may occur in many pairs, and a post in very many",
    ),
    verified="schema",
    seen="the dataset card, its file list, and public code that reads it",
)
