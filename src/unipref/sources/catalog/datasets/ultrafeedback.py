"""Four model answers to each of 64k prompts, scored by GPT-4."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="ultrafeedback",
    about="four model answers to each of 64k prompts, scored by GPT-4",
    origin="openbmb/UltraFeedback",
    hub=Hub(
        name="openbmb/UltraFeedback",
        files=("*.jsonl",),
        revision="40b436560ca83a8dba36114c22ab3c66e43f6d5e",
    ),
    licence="MIT",
    format="rated_list",
    map={
        "prompt": "instruction",
        "answers": "completions",
        "response": "response",
        "scores": {
            "fine_grained": {"field": "fine-grained_score", "better": "high", "low": 1, "high": 5},
            "overall": {"field": "overall_score", "better": "high", "low": 1, "high": 10},
        },
        "keep": ["source"],
    },
    signature={
        path: []
        for path in (
            "source",
            "instruction",
            "models",
            "completions.*.response",
            "completions.*.annotations",
            "completions.*.fine-grained_score",
            "completions.*.overall_score",
        )
    },
    axis="fine_grained",
    objective="instruction",
    faults=(
        "in the first release 2,628 answers have an overall score of 10, many of them instead of 1: this revision "
        "is corrected, and the mean of the four aspects decides",
        "ratings of single aspects are texts and may be 'N/A': unipref does not read them",
        "truthful_qa.jsonl is made from the TruthfulQA benchmark",
    ),
    verified="schema",
    seen="the repository's README and file list; field names in public code",
)
