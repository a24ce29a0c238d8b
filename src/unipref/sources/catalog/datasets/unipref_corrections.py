"""A policy's own answers with their corrections by rule, as `unipref collect` writes them."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="unipref_corrections",
    about="answers of a policy and what rules made of them, so that they follow the constraints of their prompts",
    origin="corrections.jsonl of a folder of `unipref collect` with `corrections`",
    licence="that of the prompts, and the terms of the policy",
    format="edit",
    map={
        "before": "original",
        "after": "corrected",
        "prompt": "prompt",
        "objective": "objective",
        "keep": ["constraints", "ended", "policy", "source"],
    },
    signature={name: [] for name in ("original", "corrected", "constraints", "seed", "policy", "temperature")},
    objective="instruction",
    faults=("a rule changes the form alone: whatever else was wrong with an answer is wrong with its correction",),
    verified="schema",
    seen="files that `unipref collect` wrote",
)
