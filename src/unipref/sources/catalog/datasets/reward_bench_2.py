"""Prompts with correct and wrong answers, a benchmark of reward models."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="reward_bench_2",
    about="prompts with correct and wrong answers, a benchmark of reward models",
    origin="allenai/reward-bench-2",
    hub=Hub(name="allenai/reward-bench-2", files=("data/test-*.parquet",)),
    licence="ODC-BY; some answers come from models with their own terms",
    format="groups",
    map={"prompt": "prompt", "good": "chosen", "bad": "rejected", "keep": ["subset", "id"]},
    signature={
        path: []
        for path in (
            *("id", "prompt", "chosen", "rejected", "num_correct", "num_incorrect", "total_completions"),
            *("models", "subset"),
        )
    },
    objective="instruction",
    faults=(
        "'chosen' and 'rejected' are lists: one correct and three wrong answers, more of both in the subset Ties",
        "RewardBench 2 is a benchmark: do not evaluate reward models on it after training on it",
    ),
    verified="schema",
    seen="the dataset card: features and description of the subsets",
)
