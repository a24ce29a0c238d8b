"""Reddit posts with two summaries, compared by people."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="summarize_from_feedback",
    about="Reddit posts with two summaries, compared by people",
    origin="openaipublic.blob.core.windows.net/summarize-from-feedback/dataset/comparisons/batch*.json",
    licence="none stated for the data",
    format="pairs",
    map={
        "prompt": {"field": "info.post", "before": "Summarize this post:\n\n"},
        "first": "summaries.0.text",
        "second": "summaries.1.text",
        "label": "choice",
        "codes": {0: "first", 1: "second"},
        "twins": {"field": "info.id"},
        "keep": ["worker", "split"],
    },
    signature={
        path: [] for path in ("info.id", "summaries.0.text", "summaries.1.text", "choice", "worker", "batch", "split")
    },
    objective="instruction",
    faults=(
        "the files are named .json but contain JSON Lines",
        "the batches of news articles have info.article instead of info.post: set 'prompt', or they are rejected",
        "the hub repository contains a script, not the data: download the files yourself and set 'path'",
    ),
    verified="schema",
    seen="the repository's README with an example, and the features of the script on the hub",
)
