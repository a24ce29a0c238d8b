"""Dialogues whose last answer is judged good or bad."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="kto_thumbs",
    about="dialogues whose last answer is judged good or bad",
    origin="hiyouga/LLaMA-Factory, data/kto_en_demo.json",
    licence="Apache-2.0",
    format="thumbs",
    map={"messages": "messages", "label": "label"},
    objective="instruction",
    verified="data",
    seen="300 rows",
)
