"""Two answers to each prompt, rated by people on five attributes."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer2",
    about="two answers to each prompt, rated by people on five attributes",
    origin="nvidia/HelpSteer2",
    hub=Hub(name="nvidia/HelpSteer2", files=("train.jsonl.gz",)),
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
        "prompts of several turns are one text with <extra_id_1> between the turns; the mark stays in the prompt",
    ),
    verified="schema",
    seen="the dataset card and its file list",
)
