"""Solutions of mathematical problems whose steps are marked right or wrong by sampled continuations."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="math_shepherd",
    about="solutions of mathematical problems whose steps are marked right or wrong by sampled continuations",
    origin="peiyi9979/Math-Shepherd",
    hub=Hub(name="peiyi9979/Math-Shepherd", files=("*.jsonl",)),
    licence="none stated",
    format="steps",
    map={
        "prompt": {"field": "label", "pattern": r"(?s)^(.*?)\s*[Ss]tep 1:"},
        "steps": "label",
        "marked": r"([Ss]tep \d+:(?:(?!\n[Ss]tep \d+:)[\s\S])*?) ([+-])(?=\s*(?:\n[Ss]tep \d+:|$))",
        "codes": {"+": "right", "-": "wrong"},
        "keep": ["task"],
    },
    signature={"input": [], "label": [], "task": ["GSM8K", "MATH"]},
    objective="instruction",
    faults=(
        "no person judged the steps: a step is right if some continuation from it reaches the answer",
        "'input' and 'label' hold the same text; marks in 'label' replace a special character in 'input'",
        "a few problems have no 'Step 1:': unipref rejects them",
    ),
    verified="schema",
    seen="TRL's script that converts the dataset",
)
