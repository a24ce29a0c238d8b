"""Answers with a critique written by people."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="shepherd_critiques",
    about="answers with a critique written by people",
    origin="facebookresearch/Shepherd, data/human_data_for_model.jsonl",
    licence="CC-BY-NC-4.0",
    format="critique",
    map={"prompt": "question", "response": "answer", "critique": "feedback", "keep": ["dataset"]},
    objective="instruction",
    faults=("a critique does not say which answer is better: unipref rejects every row unless 'scorer' is set",),
    verified="data",
    seen="724 rows",
)
