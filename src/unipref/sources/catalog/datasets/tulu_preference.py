"""Dialogues with a chosen and a rejected answer, many with constraints on form."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="tulu_preference",
    about="dialogues with a chosen and a rejected answer, many with constraints on form",
    origin="allenai/open-instruct, open_instruct/test_data/preference_sample.jsonl",
    licence="ODC-BY; the repository is Apache-2.0",
    format="pairs",
    map={"chosen": "chosen", "rejected": "rejected", "keep": ["source"]},
    objective="instruction",
    faults=("each side repeats the whole dialogue: the common beginning is the prompt",),
    verified="data",
    seen="100 rows",
)
