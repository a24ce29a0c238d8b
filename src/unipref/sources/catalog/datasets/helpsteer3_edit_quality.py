"""Two edits of an answer, of which one follows the written feedback."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer3_edit_quality",
    about="two edits of an answer, of which one follows the written feedback",
    origin="nvidia/HelpSteer3, edit_quality/train.jsonl.gz",
    hub=Hub(name="nvidia/HelpSteer3", files=("edit_quality/train.jsonl.gz",)),
    licence="CC-BY-4.0",
    format="pairs",
    map={
        "prompt": "context",
        "chosen": "good_edited_response",
        "rejected": "bad_edited_response",
        "keep": ["domain", "language"],
    },
    signature={
        path: []
        for path in (
            *("domain", "language", "context", "original_response"),
            *("good_edited_response", "bad_edited_response", "feedback"),
        )
    },
    objective="instruction",
    faults=(
        "good means that the edit follows the feedback, not that the answer is better: a bad edit may also be good",
    ),
    verified="schema",
    seen="the dataset card as quoted in public code, and code that checks these fields in all rows",
)
