"""Dialogues with a chosen and a rejected last answer."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="dpo_sharegpt",
    about="dialogues with a chosen and a rejected last answer",
    origin="hiyouga/LLaMA-Factory, data/dpo_en_demo.json",
    licence="Apache-2.0",
    format="pairs",
    map={"prompt": "conversations", "chosen": "chosen", "rejected": "rejected"},
    objective="instruction",
    faults=("turns have the fields from and value, with the roles human, gpt and system",),
    verified="data",
    seen="300 rows",
)
