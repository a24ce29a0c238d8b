"""Two answers of which one follows the instruction, as people agree; many mislead a judge on purpose."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="llmbar",
    about="two answers of which one follows the instruction, as people agree; many mislead a judge on purpose",
    origin="princeton-nlp/LLMBar, Dataset/LLMBar",
    licence="MIT",
    format="pairs",
    map={
        "prompt": "input",
        "first": "output_1",
        "second": "output_2",
        "label": "label",
        "codes": {1: "first", 2: "second"},
    },
    objective="instruction",
    faults=("in the adversarial parts the longer or better written answer is the worse one",),
    verified="data",
    seen="314 rows of five parts",
)
