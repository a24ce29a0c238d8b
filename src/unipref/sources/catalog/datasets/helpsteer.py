"""Answers rated by people on five attributes, first release."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer",
    about="answers rated by people on five attributes, first release",
    origin="nvidia/HelpSteer",
    hub=Hub(name="nvidia/HelpSteer", files=("train.jsonl.gz",)),
    licence="CC-BY-4.0",
    format="ratings",
    map={
        "prompt": "prompt",
        "response": "response",
        "scores": {
            axis: {"field": axis, "better": "high", "low": 0, "high": 4}
            for axis in ("helpfulness", "correctness", "coherence")
        },
        "keep": ["complexity", "verbosity"],
    },
    signature={
        path: [] if path in ("prompt", "response") else [0, 1, 2, 3, 4]
        for path in ("prompt", "response", "helpfulness", "correctness", "coherence", "complexity", "verbosity")
    },
    axis="helpfulness",
    objective="instruction",
    faults=(
        "neither end of complexity and verbosity is better: unipref keeps but does not compare them",
        "the file has the same fields as that of HelpSteer2",
    ),
    verified="schema",
    seen="the dataset card: features, splits and licence",
)
