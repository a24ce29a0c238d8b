"""52k instructions with model-written answers."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="alpaca",
    about="52k instructions with model-written answers",
    origin="tatsu-lab/stanford_alpaca",
    licence="CC-BY-NC-4.0",
    format="demonstration",
    map={"prompt": ["instruction", "input"], "response": "output"},
    objective="instruction",
    faults=("'input' is empty in most rows; the prompt is then the instruction alone",),
    verified="data",
    seen="1,500 rows of alpaca_data.json",
)
