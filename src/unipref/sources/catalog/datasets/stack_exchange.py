"""Ten million Stack Exchange questions, answers scored by votes."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="stack_exchange",
    about="ten million Stack Exchange questions, answers scored by votes",
    origin="HuggingFaceH4/stack-exchange-preferences",
    hub=Hub(name="HuggingFaceH4/stack-exchange-preferences", files=("data/*/*.parquet",)),
    licence="CC-BY-SA-4.0",
    format="rated_list",
    map={
        "prompt": "question",
        "answers": "answers",
        "response": "text",
        "scores": {"votes": {"field": "pm_score", "better": "high", "low": -1}},
        "keep": ["qid", "metadata"],
    },
    signature={
        path: []
        for path in ("qid", "question", "metadata", "answers.*.text", "answers.*.pm_score", "answers.*.selected")
    },
    objective="instruction",
    faults=(
        "22 GB: after the download, choose sites with 'path'",
        "questions and answers are HTML, which unipref does not convert",
        "pm_score is log2(1 + votes), rounded, plus 1 if accepted ('selected'), or -1 for negative votes; many tie",
        "the folders below data/ were not accessible: the file pattern is taken from public code",
    ),
    verified="schema",
    seen="the dataset card, and the features of a repository made from it",
)
