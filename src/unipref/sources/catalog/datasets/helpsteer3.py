"""Two answers in general, STEM, code and multilingual dialogues, and how much better one is, by people."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer3",
    about="two answers in general, STEM, code and multilingual dialogues, and how much better one is, by people",
    origin="nvidia/HelpSteer3, preference/train.jsonl.gz",
    hub=Hub(name="nvidia/HelpSteer3", files=("preference/train.jsonl.gz",)),
    licence="CC-BY-4.0",
    format="graded_pair",
    map={
        "prompt": "context",
        "first": "response1",
        "second": "response2",
        "grade": "overall_preference",
        "scale": {"first": -3, "second": 3},
        "keep": ["domain", "language"],
    },
    signature={
        path: []
        for path in (
            "domain",
            "language",
            "context",
            "response1",
            "response2",
            "overall_preference",
            "individual_preference",
        )
    },
    objective="instruction",
    faults=("negative means that the first answer is better",),
    verified="schema",
    seen="the dataset card, its file list, and NVIDIA's own reader of it",
)
