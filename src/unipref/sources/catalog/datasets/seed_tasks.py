"""175 tasks written by people, the seeds of Self-Instruct."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="seed_tasks",
    about="175 tasks written by people, the seeds of Self-Instruct",
    origin="tatsu-lab/stanford_alpaca, seed_tasks.jsonl",
    licence="Apache-2.0",
    format="demonstration",
    records="instances",
    map={
        "prompt": ["parent.instruction", "input"],
        "response": "output",
        "keep": ["parent.id", "parent.is_classification"],
    },
    signature={
        path: []
        for path in ("id", "name", "instruction", "instances.*.input", "instances.*.output", "is_classification")
    },
    objective="instruction",
    faults=("each row has a list of answers; unipref reads each as a row of its own",),
    verified="data",
    seen="175 rows",
)
