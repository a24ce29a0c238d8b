"""Pairs of a right and a wrong answer to hard questions, a benchmark of judges."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="judgebench",
    about="pairs of a right and a wrong answer to hard questions, a benchmark of judges",
    origin="ScalerLab/JudgeBench",
    hub=Hub(name="ScalerLab/JudgeBench", files=("data/*.jsonl",)),
    licence="MIT",
    format="pairs",
    map={
        "prompt": "question",
        "first": "response_A",
        "second": "response_B",
        "label": "label",
        "codes": {"A>B": "first", "B>A": "second"},
        "keep": ["source", "pair_id", "response_model"],
    },
    signature={
        **{path: [] for path in ("pair_id", "original_id", "source", "question", "response_model")},
        **{path: [] for path in ("response_A", "response_B")},
        "label": ["A>B", "B>A"],
    },
    objective="instruction",
    faults=("JudgeBench is a benchmark: do not evaluate judges on it after training on it",),
    verified="schema",
    seen="the repository's README with an example, its file list, and public code that reads it",
)
