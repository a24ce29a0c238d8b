"""Two answers to each prompt, graded by two crowd workers and two experts."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="multipref",
    about="two answers to each prompt, graded by two crowd workers and two experts",
    origin="allenai/multipref",
    hub=Hub(name="allenai/multipref", files=("data/train-*.parquet",)),
    licence="ODC-BY",
    format="graded_pair",
    map={
        "prompt": "text",
        "first": "completion_a",
        "second": "completion_b",
        "grade": [
            "normal_worker_annotations.0.overall_pref",
            "normal_worker_annotations.1.overall_pref",
            "expert_worker_annotations.0.overall_pref",
            "expert_worker_annotations.1.overall_pref",
        ],
        "codes": {
            "A-is-clearly-better": 2,
            "A-is-slightly-better": 1,
            "Tie": 0,
            "B-is-slightly-better": -1,
            "B-is-clearly-better": -2,
        },
        "keep": ["model_a", "model_b", "source", "category"],
    },
    signature={
        path: []
        for path in (
            *("comparison_id", "prompt_id", "text", "completion_a", "completion_b", "model_a", "model_b"),
            *("normal_worker_annotations.*.overall_pref", "expert_worker_annotations.*.overall_pref"),
        )
    },
    objective="instruction",
    faults=(
        "the mean of the four grades decides; helpfulness, truthfulness and harmlessness have grades of their own",
        "some prompts come from harmless-base of HH-RLHF and are unsafe: 'source' names them",
    ),
    verified="schema",
    seen="the repository's file list, and public code that reads all these fields and grades",
)
