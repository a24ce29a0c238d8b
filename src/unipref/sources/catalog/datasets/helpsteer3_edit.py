"""Answers before and after an edit that follows written feedback, by people."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer3_edit",
    about="answers before and after an edit that follows written feedback, by people",
    origin="nvidia/HelpSteer3, edit/train.jsonl.gz",
    hub=Hub(name="nvidia/HelpSteer3", files=("edit/train.jsonl.gz",)),
    licence="CC-BY-4.0",
    format="pairs",
    map={
        "prompt": "context",
        "chosen": "edited_response",
        "rejected": "original_response",
        "keep": ["domain", "language"],
    },
    signature={
        path: [] for path in ("domain", "language", "context", "original_response", "edited_response", "feedback")
    },
    objective="instruction",
    faults=(
        "no person compared the two versions: that the edit improves the answer is the purpose of the edit",
        "'feedback' is a list of texts on the original answer, which unipref does not read",
    ),
    verified="schema",
    seen="the dataset card as quoted in public code, and code that checks these fields in all rows",
)
